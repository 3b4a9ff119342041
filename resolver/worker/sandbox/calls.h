/*
 * calls.h: which system calls may be made, by seccomp. A call that is not in the
 * table fails (EPERM), and kills nobody: a resolver that ends refuses clients.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CALLS_H
#define DANCE_CALLS_H

#include <stdbool.h>
#include <stddef.h>

enum calls_of { CALLS_SUPERVISOR = 1, CALLS_WORKER = 2, CALLS_CHECKER = 4 };

struct calls_needs {
    enum calls_of
        who;       /* the others' calls are all among the supervisor's, whose filter they inherit */
    bool log_file; /* a log is opened anew, for appending */
    bool syslog;   /* /dev/log is connected to anew */
};

/* For all threads that there are, and what they start. 0, or an errno; ENOSYS stands for a kernel
 * without seccomp. */
int calls_confine(const struct calls_needs *needs);

/* The table: the i-th call that who may make, perhaps with some arguments alone; NULL: no more. */
const char *calls_name(enum calls_of who, size_t i);

#endif
