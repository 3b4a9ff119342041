/*
 * devlog.h: lines to this machine's syslog daemon, at /dev/log.
 *
 * Not by syslog(3), whose ident and socket are the application's: openlog(), or an
 * argv that was written over, decide what it calls a line, closelog() and a loop
 * over all descriptors what becomes of it, and it waits for a daemon that does not
 * read. Here a line is of "dance" and of the process that calls, and is sent at once
 * or not at all.
 *
 * Datagrams alone, as every daemon of today takes them.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_DEVLOG_H
#define DANCE_DEVLOG_H

/* Connect now, before a chroot puts /dev/log out of reach. Doing it again is harmless. 0, or the
 * errno of what is in the way. */
int dance_devlog_open(void);

/* Close what is open; the next line opens it again. */
void dance_devlog_close(void);

/*
 * Send one line without its end, with a facility and a level of <syslog.h>. A daemon that was
 * started anew is reached again. 0, or the errno with which the line is lost: EAGAIN where the
 * daemon is there and does not read. Never waits, for another thread neither.
 */
int dance_devlog_send(int priority, const char *text);

#endif
