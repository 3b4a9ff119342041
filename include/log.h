/*
 * log.h: what the operator is told.
 *
 * A line is "dance: " and a text, to stderr or to a file that is opened for
 * appending, or nowhere; or the text alone to syslog (facility authpriv, see
 * devlog.h). Octets that do not print are escaped, so that a peer cannot forge
 * lines. Never blocks on a lock that another process may hold, never touches the
 * error queue, errno kept.
 *
 * Where lines cannot be written, that is said on stderr when it is first seen, and
 * the first that is lost, each once in a process; and how many are lost when one can
 * be written again. Others can ask, and say it where they can.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOG_H
#define DANCE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum dance_log_target { DANCE_LOG_NONE, DANCE_LOG_STDERR, DANCE_LOG_SYSLOG, DANCE_LOG_FILE };
enum dance_log_level { DANCE_LOG_ERROR, DANCE_LOG_INFO, DANCE_LOG_DEBUG };

/* Where lines go from now on. file: an absolute path, kept by reference, for DANCE_LOG_FILE. */
void dance_log_configure(enum dance_log_target target, const char *file,
                         enum dance_log_level level);

/* Open the file, or reach syslog, now, before a chroot puts it out of reach. Opening again is
 * harmless. Where that fails it is said on stderr. */
void dance_log_open(void);

/* Lines cannot be written, as far as is known: text says where to, and why. */
bool dance_log_fails(char *text, size_t size);

/* How many lines of this process are lost since this was last asked. */
unsigned dance_log_take_lost(void);

/* Close it and log nothing until dance_log_configure(). */
void dance_log_close(void);

/* Log a line of at most about 1,500 octets, if level is within log_level. */
void dance_log(enum dance_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The same with "; " and fields behind it, which are never cut off and stand as they are: they have
 * at most DANCE_LOG_FIELDS_MAX octets, all of which print.
 */
#define DANCE_LOG_FIELDS_MAX 1024
void dance_log_fields(enum dance_log_level level, const char *fields, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
