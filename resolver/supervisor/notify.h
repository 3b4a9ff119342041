/*
 * notify.h: what systemd is told, as sd_notify(3) describes it.
 *
 * Nothing happens where nobody wants to be told.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NOTIFY_H
#define DANCE_NOTIFY_H

/* Read from the environment who is to be told, and take it out there. */
void notify_open(void);
void notify_close(void);

/* We are ready, we are alive; how often to say that, in milliseconds, -1: never. */
void notify_ready(void);
void notify_alive(void);
int notify_interval_ms(void);

/*
 * Keep a copy of fd beyond our end, to be handed to our successor. It is let go
 * when its other end has gone.
 */
void notify_store(int fd);

#endif
