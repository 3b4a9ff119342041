/*
 * unit.h: a systemd service, and the files that give it its openssl.cnf.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_UNIT_H
#define DANCE_CLI_UNIT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define UNIT_NAME_MAX 128

/* With what each file that belongs to us begins. */
#define UNIT_MARK "Written by dance enable"

struct unit {
    char name[UNIT_NAME_MAX];      /* without .service */
    char conf[UNIT_NAME_MAX + 32]; /* as the service knows it */
    char conf_file[PATH_MAX];      /* the same below root */
    char folder[PATH_MAX];         /* of drop-ins, below root */
    char drop_in[PATH_MAX];        /* below root */
};

/*
 * Set all of it for a unit's name, with or without .service. root: a folder that stands for /, or
 * NULL. NULL, or what is wrong with it (static).
 */
const char *unit_read(struct unit *unit, const char *name, const char *root);

/* Where this service takes OPENSSL_CONF from instead of its unit; NULL: from there. */
const char *unit_hint(const struct unit *unit);

/* Make a folder with those above it. */
bool unit_make_folder(const char *path, char *why, size_t why_size);

/* Was the file written by us? 0: no; 1: yes; -1: there is none. */
int unit_is_ours(const char *path);

#endif
