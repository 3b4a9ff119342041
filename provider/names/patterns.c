/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "names/patterns.h"

#include "owner_name.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct dance_patterns {
    char **pattern; /* lower case; sorted by strcmp() once dance_patterns_sort() has run */
    size_t count;
    size_t room;
    bool any;
};

struct dance_patterns *dance_patterns_new(void)
{
    return OPENSSL_zalloc(sizeof(struct dance_patterns));
}

void dance_patterns_free(struct dance_patterns *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++)
        OPENSSL_free(list->pattern[i]);
    OPENSSL_free(list->pattern);
    OPENSSL_free(list);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int append(struct dance_patterns *list, const char *text, size_t len)
{
    char name[DANCE_NAME_MAX + 1];
    bool wild = len > 2 && text[0] == '*';
    size_t prefix = wild ? 2 : 0;

    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        char **grown = OPENSSL_realloc(list->pattern, room * sizeof(*grown));

        if (grown == NULL)
            return -1;
        list->pattern = grown;
        list->room = room;
    }
    dance_owner_name_lower(name, text + prefix, len - prefix);
    list->pattern[list->count] = OPENSSL_malloc(len + 1);
    if (list->pattern[list->count] == NULL)
        return -1;
    memcpy(list->pattern[list->count], text, prefix);
    memcpy(list->pattern[list->count] + prefix, name, len - prefix + 1);
    list->count++;
    return 1;
}

static int add_one(struct dance_patterns *list, const char *text, size_t len, const char **fault)
{
    size_t prefix = 0;

    if (len == 1 && text[0] == '*') {
        list->any = true;
        return 1;
    }
    if (len >= 2 && text[0] == '*' && text[1] == '.')
        prefix = 2;
    *fault = dance_owner_name_fault(text + prefix, len - prefix);
    if (*fault != NULL)
        return 0;
    return append(list, text, len);
}

int dance_patterns_add(struct dance_patterns *list, const char *text, size_t len,
                       const char *separators, char comment, const char **fault, const char **at,
                       size_t *at_len)
{
    size_t i = 0;

    while (i < len) {
        size_t begin, end;
        int added;

        if (is_blank(text[i]) || (text[i] != '\0' && strchr(separators, text[i]) != NULL)) {
            i++;
            continue;
        }
        begin = i;
        if (comment != 0 && text[i] == comment) {
            while (i < len && text[i] != '\n')
                i++;
            continue;
        }
        while (i < len && !is_blank(text[i])
               && (text[i] == '\0' || strchr(separators, text[i]) == NULL)
               && (comment == 0 || text[i] != comment))
            i++;
        end = i;
        added = add_one(list, text + begin, end - begin, fault);
        if (added <= 0) {
            *at = text + begin;
            *at_len = end - begin;
            return added;
        }
    }
    return 1;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void dance_patterns_sort(struct dance_patterns *list)
{
    if (list->count > 1)
        qsort(list->pattern, list->count, sizeof(*list->pattern), compare);
}

size_t dance_patterns_count(const struct dance_patterns *list)
{
    return list->count + (list->any ? 1 : 0);
}

const char *dance_patterns_next_name(const struct dance_patterns *list, size_t *at)
{
    while (*at < list->count) {
        const char *pattern = list->pattern[(*at)++];

        if (pattern[0] != '*')
            return pattern;
    }
    return NULL;
}

bool dance_patterns_any(const struct dance_patterns *list)
{
    return list->any;
}

static bool has(const struct dance_patterns *list, const char *pattern)
{
    return list->count > 0
           && bsearch(&pattern, list->pattern, list->count, sizeof(*list->pattern), compare)
                  != NULL;
}

bool dance_patterns_match(const struct dance_patterns *list, const char *name, size_t len)
{
    /* An octet of room before the name, so that a suffix can be given its "*". */
    char buf[1 + DANCE_NAME_MAX + 1];

    if (list->any)
        return true;
    /* SNI says anything: "..example.net" is not below example.net, and a NUL ends no name. */
    if (dance_owner_name_fault(name, len) != NULL)
        return false;
    dance_owner_name_lower(buf + 1, name, len);
    if (has(list, buf + 1))
        return true;
    for (size_t i = 2; i < len; i++) {
        if (buf[i] != '.')
            continue;
        buf[i - 1] = '*';
        if (has(list, buf + i - 1))
            return true;
    }
    return false;
}
