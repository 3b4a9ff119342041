/*
 * conf_lines.h: where things stand in an openssl.cnf and in the files that it includes.
 *
 * libcrypto's parser tells what the file means, and neither where nor how it is written. So its
 * lines are gone through once more, for the place of each section and key, and for what a comment
 * took (comment.h). What a value means is libcrypto's to say.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CONF_LINES_H
#define DANCE_CONF_LINES_H

#include <stddef.h>

enum conf_line_kind {
    CONF_LINE_SECTION,
    CONF_LINE_KEY,
    CONF_LINE_BEHIND,  /* a header with something behind it, which OpenSSL does not read */
    CONF_LINE_MISSING, /* an .include of what is not there: its path is the key */
    CONF_LINE_BOM      /* the file begins with a byte order mark */
};

/* In the order in which libcrypto reads them. */
struct conf_line {
    struct conf_line *next;
    enum conf_line_kind kind;
    const char *file;
    unsigned number; /* in that file, from 1 */
    char *section;
    char *key;   /* NULL for a section's header */
    char *value; /* of a key, as it is written, to the end of the line; else NULL */
};

struct conf_lines;

/* The lines of the file at path; NULL when out of memory. A file that cannot be read has none. */
struct conf_lines *conf_lines_read(const char *path);
void conf_lines_free(struct conf_lines *lines);

const struct conf_line *conf_lines_first(const struct conf_lines *lines);

/* The next line behind this one (NULL: the first) that sets the key in the section, or NULL. */
const struct conf_line *conf_lines_next(const struct conf_lines *lines,
                                        const struct conf_line *behind, const char *section,
                                        const char *key);

/* The line that counts, which is the last one that sets the key; without a key, or where it is not
 * set, the first header of the section. NULL: there is neither. */
const struct conf_line *conf_lines_find(const struct conf_lines *lines, const char *section,
                                        const char *key);

#define CONF_WHERE_MAX 1100

/* "FILE:LINE"; of NULL the path alone. Returns out. */
const char *conf_lines_where(char out[CONF_WHERE_MAX], const struct conf_lines *lines,
                             const struct conf_line *line);

/*
 * Of the line that libcrypto counts so: it goes on counting through what is included. The path
 * alone where that is not known, behind an include by a variable of the file.
 */
const char *conf_lines_counted(char out[CONF_WHERE_MAX], const struct conf_lines *lines,
                               long count);

#endif
