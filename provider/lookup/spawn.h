/*
 * spawn.h: a process that the application cannot notice.
 *
 * It is nobody's child but init's, in a session of its own, with no descriptor
 * of the application but the one it is given, its working directory /, and
 * every signal blocked (it begins by setting them as it likes). The application
 * gets no SIGCHLD and no wait() of its returns anything; no atfork handler of
 * its runs.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_SPAWN_H
#define DANCE_LOOKUP_SPAWN_H

/*
 * Execute argv[0] with argv (NULL-terminated) and an empty environment; fd
 * becomes its descriptor 3, and 0 to 2 are /dev/null. Returns 0, or the errno
 * that says why not. fd stays the caller's.
 */
int dance_spawn(char *const argv[], int fd);

#endif
