/*
 * patterns.h: lists of name patterns, for allow, allow_file and servers.
 *
 * A pattern is a domain name; "*.example.com", any name with one or more
 * labels before example.com (never example.com itself); or "*", any name.
 *
 * A list is one piece of memory without pointers that never changes: the names
 * and patterns as text, and tables of where in it each of them stands. So a
 * long one can be made in one process and mapped by many; what a match costs
 * does not depend on its length, and neither does what a match brings into the
 * memory of the process.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_PATTERNS_H
#define DANCE_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>

#define DANCE_PATTERNS_TEXT_MAX ((size_t)64 << 20) /* octets of the text of a list */
#define DANCE_PATTERNS_MAX 4000000u                /* patterns of a list */

struct dance_patterns;

enum dance_patterns_form {
    DANCE_PATTERNS_VALUE, /* separated by commas and blanks */
    DANCE_PATTERNS_FILE   /* by lines, each with its end, and blanks; # begins a comment */
};

/* What is wrong with a text. */
struct dance_patterns_fault {
    const char *text; /* static; NULL: there was no memory, or no descriptor */
    const char *at;   /* the pattern that is wrong, inside the text, of at_len octets; none: 0 */
    size_t at_len;
};

/* The list of the patterns in text; NULL with the fault set. */
struct dance_patterns *dance_patterns_read(const char *text, size_t len,
                                           enum dance_patterns_form form,
                                           struct dance_patterns_fault *fault);

/* The same as a sealed memfd, for dance_patterns_map(); -1 with the fault set. */
int dance_patterns_memfd(const char *text, size_t len, enum dance_patterns_form form,
                         struct dance_patterns_fault *fault);

/*
 * The list in a memfd, which stays the caller's. NULL: it is none, or is not sealed against
 * shrinking and writing, or no memory. Whatever is in it, no memory outside of it is touched.
 */
struct dance_patterns *dance_patterns_map(int fd);

void dance_patterns_free(struct dance_patterns *list);

size_t dance_patterns_count(const struct dance_patterns *list);

/* The patterns without wildcard, lower case, each ended by a line feed: *len octets, *names of
 * them. */
const char *dance_patterns_names(const struct dance_patterns *list, size_t *len, size_t *names);

/* The list holds "*". */
bool dance_patterns_any(const struct dance_patterns *list);

/*
 * Does any pattern match this name? It need not be checked before: what is no
 * owner name (dance_owner_name_fault()) is matched by "*" alone.
 */
bool dance_patterns_match(const struct dance_patterns *list, const char *name, size_t len);

/* What matches brought into the memory of this process goes out of it again; it stays shared. */
void dance_patterns_rest(const struct dance_patterns *list);

#endif
