/*
 * json.h: JSON is written.
 *
 * Values go out in the order of the calls; commas are put where they belong.
 * What is written is ASCII: everything else is escaped, and octets that are not
 * UTF-8 become U+FFFD, so that what a file or the DNS holds cannot break it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_JSON_H
#define DANCE_JSON_H

#include <stdbool.h>
#include <stdio.h>

/* Where it is written, and whether a comma comes first. All else zero at the start. */
struct json {
    FILE *out;
    bool follows;
};

/* In an object each value has a key; in an array, and outside of both, key is NULL. */
void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);

/* text NULL: null. */
void json_string(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, unsigned long long number);
void json_bool(struct json *json, const char *key, bool value);

/* The line is complete. */
void json_end(struct json *json);

#endif
