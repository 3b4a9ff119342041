/*
 * examine.h: what is wrong with an openssl.cnf as a configuration of dance.
 *
 * OpenSSL says nothing where it leaves a file, a section or the module out, and
 * asks a provider's section only for the keys that the provider names. So the way
 * from the file to the module is gone here as libcrypto goes it (CONF(5)), and each
 * place at which it may end without a word has a finding of its own.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_EXAMINE_H
#define DANCE_CLI_EXAMINE_H

#include "conf_file.h"
#include "conf_lines.h"
#include "config.h"
#include "report.h"
#include "trial.h"

struct examination {
    const char *path;
    struct report *report;
    /* Of what was found, as far as it went. */
    struct conf_file file;
    struct conf_lines *lines;
    const char *start;  /* the key of [default] that leads to the module */
    const char *init;   /* the section that it names */
    const char *before; /* what stands in it before providers; NULL: nothing */
    const char *name;   /* of the module's provider; its section is file.module */
    bool cut;           /* a comment took something from forward */
    char *forward;      /* what is left of it, with the '#' */
    struct dance_config *config;
};

/*
 * Examine x->path, which with x->report is all that is set. true: a configuration was found, and
 * x->config is what the module would make of it. examine_end() in both cases.
 */
bool examine_file(struct examination *x);
void examine_end(struct examination *x);

/* The part of it that is about the module's own sections, in examine_sections.c. */
bool examine_sections(struct examination *x);

/*
 * What x->config names is tried as user (NULL: whoever calls): the module's file, what OpenSSL
 * makes of the whole, and each file of the sections that are good. In examine_trials.c and
 * examine_files.c.
 */
void examine_trials(struct examination *x, const struct trial_user *user);
void examine_files(struct examination *x, const struct trial_user *user);

/* Can the file itself be opened as user? If not, it was said. In examine_files.c. */
bool examine_readable(struct examination *x, const struct trial_user *user);

/* The section of the file that plays this part; NULL: none is named. */
const char *examine_section(const struct examination *x, enum dance_section section);

/* Load the file as an application does that starts; to be called in a trial. */
void examine_load(const struct examination *x);

/* A finding about a key of a section (NULL: its header; section NULL: the file). */
void examine_say(struct examination *x, enum report_severity severity, const char *section,
                 const char *key, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif
