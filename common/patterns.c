/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "patterns.h"

#include "name_hash.h"
#include "owner_name.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x64616e31u
/* What is in a list is the operator's choice, and who asks cannot add to it: no key need be secret.
 */
static const struct dance_hash_key key = {0x2545f491u, 0x1b873593u};

/* Names, and patterns that begin with a star. */
enum kind { NAMES, WILD };
#define KINDS 2

/*
 * In memory: the text of the names, an empty line, the text of the wild ones;
 * from the next multiple of four on the table of the names and that of the wild
 * ones; then this. A slot of a table is 0, or where a pattern stands in the text,
 * counted from 1. A pattern is in the first slot from its hash on that was free.
 */
struct shape {
    uint32_t magic;
    uint32_t any;
    uint32_t count[KINDS];
    uint32_t octets[KINDS]; /* of their text, line feeds included */
    uint32_t slots[KINDS];  /* a power of two, or 0 */
};

struct dance_patterns {
    void *memory;
    size_t size;
    bool mapped;
    struct shape shape; /* a copy: what it says was checked */
};

static size_t begin_of(const struct shape *s, enum kind kind)
{
    return kind == NAMES ? 0 : (size_t)s->octets[NAMES] + 1;
}

static size_t text_size(const struct shape *s)
{
    return begin_of(s, WILD) + s->octets[WILD];
}

static size_t tables_at(const struct shape *s)
{
    return (text_size(s) + 3) / 4 * 4;
}

static size_t size_of(const struct shape *s)
{
    return tables_at(s) + sizeof(uint32_t) * ((size_t)s->slots[NAMES] + s->slots[WILD])
           + sizeof(*s);
}

static size_t table_at(const struct shape *s, enum kind kind)
{
    return tables_at(s) + (kind == WILD ? sizeof(uint32_t) * s->slots[NAMES] : 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct text {
    const char *at;
    const char *end;
    enum dance_patterns_form form;
};

static bool separates(const struct text *t, char c)
{
    return is_blank(c) || (t->form == DANCE_PATTERNS_VALUE ? c == ',' : c == '#');
}

/* The next pattern as it is written; its length, 0: no more. */
static size_t next(struct text *t, const char **pattern)
{
    while (t->at < t->end && separates(t, *t->at)) {
        if (*t->at == '#') {
            const char *line = memchr(t->at, '\n', (size_t)(t->end - t->at));

            t->at = line != NULL ? line : t->end;
        } else {
            t->at++;
        }
    }
    *pattern = t->at;
    while (t->at < t->end && !separates(t, *t->at))
        t->at++;
    return (size_t)(t->at - *pattern);
}

static bool is_any(const char *pattern, size_t len)
{
    return len == 1 && *pattern == '*';
}

static size_t star_of(const char *pattern, size_t len)
{
    return len >= 2 && pattern[0] == '*' && pattern[1] == '.' ? 2 : 0;
}

static uint32_t slots_for(uint32_t count)
{
    uint32_t slots = 2;

    if (count == 0)
        return 0;
    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

/* Check the text, and what a list of it looks like. false with the fault. */
static bool measure(struct text text, struct shape *s, struct dance_patterns_fault *fault)
{
    const char *pattern;
    size_t len;

    *s = (struct shape){.magic = MAGIC};
    *fault = (struct dance_patterns_fault){NULL, "", 0};
    if ((size_t)(text.end - text.at) > DANCE_PATTERNS_TEXT_MAX) {
        fault->text = "it is longer than 64 MiB";
        return false;
    }
    if (text.form == DANCE_PATTERNS_FILE && text.at < text.end && text.end[-1] != '\n') {
        fault->text = "its last line has no end: it is not complete";
        return false;
    }
    while ((len = next(&text, &pattern)) > 0) {
        size_t star = star_of(pattern, len);
        enum kind kind = star > 0 ? WILD : NAMES;

        if (is_any(pattern, len)) {
            s->any = 1;
            continue;
        }
        fault->text = dance_owner_name_fault(pattern + star, len - star);
        if (fault->text == NULL && s->count[NAMES] + s->count[WILD] == DANCE_PATTERNS_MAX)
            fault->text = "it has more than 4,000,000 patterns";
        if (fault->text != NULL) {
            fault->at = pattern;
            fault->at_len = len;
            return false;
        }
        s->count[kind]++;
        s->octets[kind] += (uint32_t)len + 1;
    }
    s->slots[NAMES] = slots_for(s->count[NAMES]);
    s->slots[WILD] = slots_for(s->count[WILD]);
    return true;
}

/* Is this pattern what stands at a place of the text? */
static bool stands_at(const char *memory, const struct shape *s, size_t at, const char *pattern,
                      size_t len)
{
    return len < text_size(s) && at < text_size(s) - len && memory[at + len] == '\n'
           && memcmp(memory + at, pattern, len) == 0;
}

/* The slot of a pattern: where it is, or would be put; NULL: there is none. */
static const uint32_t *slot_of(const char *memory, const struct shape *s, enum kind kind,
                               const char *pattern, size_t len)
{
    const uint32_t *table = (const uint32_t *)(const void *)(memory + table_at(s, kind));
    uint32_t slots = s->slots[kind];
    uint32_t hash = slots > 0 ? dance_name_hash(&key, pattern, len) : 0;

    for (uint32_t i = 0; i < slots; i++) {
        const uint32_t *slot = &table[(hash + i) & (slots - 1)];

        if (*slot == 0 || stands_at(memory, s, *slot - 1, pattern, len))
            return slot;
    }
    return NULL;
}

/* Write the list into memory, which is all zeros and as large as it is. */
static void lay(struct text text, const struct shape *s, char *memory)
{
    size_t at[KINDS] = {begin_of(s, NAMES), begin_of(s, WILD)};
    const char *pattern;
    size_t len;

    memory[s->octets[NAMES]] = '\n';
    while ((len = next(&text, &pattern)) > 0) {
        size_t star = star_of(pattern, len);
        enum kind kind = star > 0 ? WILD : NAMES;
        char *place = memory + at[kind];
        char lower[DANCE_NAME_MAX + 1];
        const uint32_t *slot;

        if (is_any(pattern, len))
            continue;
        dance_owner_name_lower(lower, pattern + star, len - star);
        memcpy(place, pattern, star);
        memcpy(place + star, lower, len - star);
        place[len] = '\n';
        slot = slot_of(memory, s, kind, place, len);
        if (*slot == 0)
            *(uint32_t *)(uintptr_t)slot = (uint32_t)at[kind] + 1;
        at[kind] += len + 1;
    }
    memcpy(memory + size_of(s) - sizeof(*s), s, sizeof(*s));
}

struct dance_patterns *dance_patterns_read(const char *text, size_t len,
                                           enum dance_patterns_form form,
                                           struct dance_patterns_fault *fault)
{
    struct text all = {text, text + len, form};
    struct dance_patterns *list;
    struct shape shape;

    if (!measure(all, &shape, fault))
        return NULL;
    list = calloc(1, sizeof(*list));
    if (list == NULL)
        return NULL;
    list->shape = shape;
    list->size = size_of(&shape);
    list->memory = calloc(1, list->size);
    if (list->memory == NULL) {
        free(list);
        return NULL;
    }
    lay(all, &shape, list->memory);
    return list;
}

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK)

static bool fill(int fd, struct text text, const struct shape *s)
{
    size_t size = size_of(s);
    void *memory;

    /* With its memory at once, so that there is none to miss while it is written. */
    if (fallocate(fd, 0, 0, (off_t)size) != 0)
        return false;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return false;
    lay(text, s, memory);
    return munmap(memory, size) == 0
           && fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

int dance_patterns_memfd(const char *text, size_t len, enum dance_patterns_form form,
                         struct dance_patterns_fault *fault)
{
    struct text all = {text, text + len, form};
    struct shape shape;
    int fd;

    if (!measure(all, &shape, fault))
        return -1;
    fd = memfd_create("dance-patterns", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && !fill(fd, all, &shape)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static bool is_power_of_two(uint32_t n)
{
    return (n & (n - 1)) == 0;
}

/* The shape at the end of a list of this size, if it is one. */
static bool read_shape(const char *memory, size_t size, struct shape *s)
{
    memcpy(s, memory + size - sizeof(*s), sizeof(*s));
    return s->magic == MAGIC && is_power_of_two(s->slots[NAMES]) && is_power_of_two(s->slots[WILD])
           && size_of(s) == size;
}

struct dance_patterns *dance_patterns_map(int fd)
{
    struct dance_patterns *list;
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0
        || st.st_size < (off_t)sizeof(struct shape))
        return NULL;
    list = calloc(1, sizeof(*list));
    if (list == NULL)
        return NULL;
    list->mapped = true;
    list->size = (size_t)st.st_size;
    /* Nobody writes, so it is shared all the same; before Linux 6.7 MAP_SHARED counts as writing.
     */
    list->memory = mmap(NULL, list->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (list->memory == MAP_FAILED) {
        free(list);
        return NULL;
    }
    if (read_shape(list->memory, list->size, &list->shape))
        return list;
    dance_patterns_free(list);
    return NULL;
}

void dance_patterns_free(struct dance_patterns *list)
{
    if (list == NULL)
        return;
    if (list->mapped)
        (void)munmap(list->memory, list->size);
    else
        free(list->memory);
    free(list);
}

void dance_patterns_rest(const struct dance_patterns *list)
{
    if (list->mapped)
        (void)madvise(list->memory, list->size, MADV_DONTNEED);
}

size_t dance_patterns_count(const struct dance_patterns *list)
{
    return (size_t)list->shape.count[NAMES] + list->shape.count[WILD] + list->shape.any;
}

const char *dance_patterns_names(const struct dance_patterns *list, size_t *len, size_t *names)
{
    *len = list->shape.octets[NAMES];
    *names = list->shape.count[NAMES];
    return list->memory;
}

bool dance_patterns_any(const struct dance_patterns *list)
{
    return list->shape.any != 0;
}

static bool has(const struct dance_patterns *list, enum kind kind, const char *pattern, size_t len)
{
    const uint32_t *slot = slot_of(list->memory, &list->shape, kind, pattern, len);

    return slot != NULL && *slot != 0;
}

bool dance_patterns_match(const struct dance_patterns *list, const char *name, size_t len)
{
    /* An octet of room before the name, so that a suffix can be given its "*". */
    char buf[1 + DANCE_NAME_MAX + 1];

    if (dance_patterns_any(list))
        return true;
    /* SNI says anything: "..example.net" is not below example.net, and a NUL ends no name. */
    if (dance_owner_name_fault(name, len) != NULL)
        return false;
    dance_owner_name_lower(buf + 1, name, len);
    if (has(list, NAMES, buf + 1, len))
        return true;
    for (size_t i = 2; i < len; i++) {
        if (buf[i] != '.')
            continue;
        buf[i - 1] = '*';
        if (has(list, WILD, buf + i - 1, len - i + 2))
            return true;
    }
    return false;
}
