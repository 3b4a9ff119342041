/*
 * notify.h: what systemd is told, as sd_notify(3) describes it.
 *
 * Nothing happens where nobody wants to be told.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NOTIFY_H
#define DANCE_NOTIFY_H

#include <stdbool.h>

/* Read from the environment who is to be told, and take it out there. */
void notify_open(void);
void notify_close(void);

/* We are ready. Waits for a moment where there is no room for that to be said. */
void notify_ready(void);

/* We are alive: said when that is due. After how many milliseconds it is again; -1: never. */
int notify_alive(long long now_ms);

/*
 * Keep a copy of fd beyond our end, to be handed to our successor. It is let go
 * when its other end has gone. false: not now, but when notify_fd() is writable.
 */
bool notify_store(int fd);
int notify_fd(void);

#endif
