/*
 * fields.h: the part of a log line that programs read: name=value, separated by
 * one space, behind the last "; " of the line.
 *
 * One rule keeps a peer from forging any of it: in a value letters, digits and
 * -._:[] stand for themselves, and each other octet is \xHH. So no value holds a
 * space, a semicolon, a quote or an equals sign.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_FIELDS_H
#define DANCE_SERVER_FIELDS_H

#include <stddef.h>

#define DANCE_FIELD_MAX 256u /* octets that a value may come to; the rest is cut off */

struct dance_fields {
    char text[3 * DANCE_FIELD_MAX]; /* begins as "" */
    size_t len;
};

/* Add a field behind the others; without effect when value is NULL or empty. */
void dance_fields_add(struct dance_fields *fields, const char *name, const char *value);

#endif
