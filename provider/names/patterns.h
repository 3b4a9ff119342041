/*
 * patterns.h: lists of name patterns, for allow, allow_file and servers.
 *
 * A pattern is a domain name; "*.example.com", any name with one or more
 * labels before example.com (never example.com itself); or "*", any name. A
 * match costs a binary search for each label of the name, however long the
 * list is.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NAMES_PATTERNS_H
#define DANCE_NAMES_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>

struct dance_patterns;

/* An empty list, which matches nothing; NULL when out of memory. */
struct dance_patterns *dance_patterns_new(void);
void dance_patterns_free(struct dance_patterns *list);

/*
 * Add the patterns in text, separated by any of the separators and by blanks.
 * 1 on success; 0 with *fault set to a static text and *at, *at_len to the
 * pattern that is wrong (inside text); -1 when out of memory. comment, if not
 * 0, begins a comment that reaches to the end of the line.
 */
int dance_patterns_add(struct dance_patterns *list, const char *text, size_t len,
                       const char *separators, char comment, const char **fault, const char **at,
                       size_t *at_len);

/* To be called once after the last dance_patterns_add() and before the first match. */
void dance_patterns_sort(struct dance_patterns *list);

size_t dance_patterns_count(const struct dance_patterns *list);

/* One after the other the patterns without wildcard, from *at = 0 on; NULL: no more. */
const char *dance_patterns_next_name(const struct dance_patterns *list, size_t *at);

/* The list holds "*". */
bool dance_patterns_any(const struct dance_patterns *list);

/*
 * Does any pattern match this name? It need not be checked before: what is no
 * owner name (dance_owner_name_fault()) is matched by "*" alone.
 */
bool dance_patterns_match(const struct dance_patterns *list, const char *name, size_t len);

#endif
