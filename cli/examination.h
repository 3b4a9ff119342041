/*
 * examination.h: an openssl.cnf that is examined, as far as it is known, and what is said of it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_EXAMINATION_H
#define DANCE_CLI_EXAMINATION_H

#include "conf_file.h"
#include "conf_lines.h"
#include "config.h"
#include "report.h"

struct examination {
    /* Set before it begins; all else zero. */
    const char *path;
    struct report *report;
    /* By examine.h, as far as the way went. */
    struct conf_file file;
    struct conf_lines *lines;
    const char *start;  /* the key of [default] that leads to the module */
    const char *init;   /* the section that it names */
    const char *before; /* what stands in it before providers; NULL: nothing */
    const char *name;   /* of the module's provider; its section is file.module */
    const char *second; /* another section with the module; NULL: none */
    /* By examine_sections.h. */
    bool cut;      /* a comment took something from forward */
    char *forward; /* what is left of it, with the '#' */
    struct dance_config *config;
    /* By examine_dns.h. */
    bool published; /* a server without a CA can find the client's record right */
};

/* Free what it holds, however far it went. */
void examination_end(struct examination *x);

/* A finding about a key of a section (NULL: its header; section NULL: the file). */
void examination_say(struct examination *x, enum report_severity severity, const char *section,
                     const char *key, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* The section of the file that plays this part; NULL: none is named. */
const char *examination_section(const struct examination *x, enum dance_section section);

/* Load the file as an application does that starts; for a process of its own (trial.h). */
void examination_load(const struct examination *x);

#endif
