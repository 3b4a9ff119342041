/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/anchor.h"

#include "worker/dns/anchor_entry.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <resolv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 20)
#define DATA_MAX 8192 /* characters of a digest or key: RSA of 32,768 bits and more */

#define FLAG_REVOKE 0x0080u /* RFC 5011, section 7 */

struct reader {
    struct entry_reader entries;
    char origin[ANCHOR_NAME_MAX + 1];
    char owner[ANCHOR_NAME_MAX + 1]; /* of the record before; empty: there was none */
    unsigned records;                /* that were read, whether they count or not */
};

static struct anchor *first;
static struct anchor **last = &first;

/* The absolute name that a word stands for. */
static bool take_name(const struct reader *r, const struct entry *e, const struct word *word,
                      char out[ANCHOR_NAME_MAX + 1])
{
    const char *origin = "";
    int len;

    if (entry_word_is(word, "@")) {
        memmove(out, r->origin, sizeof(r->origin));
        return true;
    }
    if (word->at[word->len - 1] != '.')
        origin = r->origin;
    len = snprintf(out, ANCHOR_NAME_MAX + 1, "%.*s%s%s", (int)word->len, word->at,
                   origin[0] != '\0' && origin[0] != '.' ? "." : "", origin);
    if (len < 0 || len > ANCHOR_NAME_MAX)
        return anchor_fault_at(e->line, "the name is too long");
    for (char *c = out; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return true;
}

static bool take_directive(struct reader *r, const struct entry *e)
{
    char name[ANCHOR_NAME_MAX + 1];

    if (entry_word_is(&e->words[0], "$TTL") && e->count == 2)
        return true;
    if (!entry_word_is(&e->words[0], "$ORIGIN") || e->count != 2)
        return anchor_fault_at(e->line, "%.*s has no place here", entry_word_shown(&e->words[0]),
                               e->words[0].at);
    if (!take_name(r, e, &e->words[1], name))
        return false;
    memcpy(r->origin, name, sizeof(name));
    return true;
}

/* A number of the record. */
static bool take_number(const struct entry *e, size_t which, unsigned max, unsigned *out)
{
    const struct word *word;

    if (which >= e->count)
        return anchor_fault_at(e->line, "the record is not complete");
    word = &e->words[which];
    *out = 0;
    for (size_t i = 0; i < word->len; i++) {
        if (isdigit((unsigned char)word->at[i]))
            *out = *out * 10 + (unsigned)(word->at[i] - '0');
        if (!isdigit((unsigned char)word->at[i]) || *out > max)
            return anchor_fault_at(e->line, "%.*s is not a number from 0 to %u",
                                   entry_word_shown(word), word->at, max);
    }
    return true;
}

/* The rest of the record, which is a digest or a key, in one piece. */
static bool take_data(const struct entry *e, size_t which, char out[DATA_MAX + 1])
{
    size_t used = 0;

    if (which >= e->count)
        return anchor_fault_at(e->line, "the record is not complete");
    for (; which < e->count; which++) {
        if (e->words[which].len > DATA_MAX - used)
            return anchor_fault_at(e->line, "the record is too long");
        memcpy(out + used, e->words[which].at, e->words[which].len);
        used += e->words[which].len;
    }
    out[used] = '\0';
    return true;
}

/* libunbound takes a digest of any length, with which no key would ever agree. */
static bool is_digest(unsigned type, const char *hex)
{
    size_t len = strlen(hex);

    return strspn(hex, "0123456789abcdefABCDEF") == len && len % 2 == 0 && (type != 1 || len == 40)
           && (type != 2 || len == 64) && (type != 4 || len == 96);
}

static bool is_key(const char *base64)
{
    static unsigned char key[DATA_MAX];

    return b64_pton(base64, key, sizeof(key)) > 0;
}

static bool add(const char *owner, const char *type, const unsigned numbers[3], const char *data)
{
    bool is_ds = strcmp(type, "DS") == 0;
    size_t size = strlen(owner) + strlen(data) + 64;
    struct anchor *anchor = malloc(sizeof(*anchor) + size);

    if (anchor == NULL)
        return anchor_fault_is("out of memory");
    anchor->next = NULL;
    (void)snprintf(anchor->owner, sizeof(anchor->owner), "%s", owner);
    anchor->algorithm = numbers[is_ds ? 1 : 2];
    anchor->digest_type = is_ds ? numbers[2] : 0;
    (void)snprintf(anchor->record, size, "%s IN %s %u %u %u %s", owner, type, numbers[0],
                   numbers[1], numbers[2], data);
    *last = anchor;
    last = &anchor->next;
    return true;
}

/* What follows the type, at which. */
static bool take_rdata(struct reader *r, const struct entry *e, size_t which, bool is_ds)
{
    unsigned numbers[3];
    char data[DATA_MAX + 1];

    if (!take_number(e, which, 65535, &numbers[0]) || !take_number(e, which + 1, 255, &numbers[1])
        || !take_number(e, which + 2, 255, &numbers[2]) || !take_data(e, which + 3, data))
        return false;
    if (is_ds && !is_digest(numbers[2], data))
        return anchor_fault_at(e->line,
                               "the digest is not hexadecimal, or not of its type's length");
    if (!is_ds && !is_key(data))
        return anchor_fault_at(e->line, "the key is not base64");
    r->records++;
    if (!e->counts || (!is_ds && (numbers[0] & FLAG_REVOKE) != 0))
        return true;
    return add(r->owner, is_ds ? "DS" : "DNSKEY", numbers, data);
}

static bool take_record(struct reader *r, const struct entry *e)
{
    bool ttl = false;
    bool class = false;
    size_t which = 0;

    if (e->has_owner && !take_name(r, e, &e->words[which++], r->owner))
        return false;
    if (r->owner[0] == '\0')
        return anchor_fault_at(e->line, "the record has no owner name");
    /* TTL and class stand in either order, and neither need be there. */
    for (; which < e->count; which++) {
        if (!ttl && isdigit((unsigned char)e->words[which].at[0]))
            ttl = true;
        else if (!class && entry_word_is(&e->words[which], "IN"))
            class = true;
        else
            break;
    }
    if (which == e->count)
        return anchor_fault_at(e->line, "the record is not complete");
    if (!entry_word_is(&e->words[which], "DS") && !entry_word_is(&e->words[which], "DNSKEY"))
        return anchor_fault_at(e->line, "%.*s is neither DS nor DNSKEY",
                               entry_word_shown(&e->words[which]), e->words[which].at);
    return take_rdata(r, e, which + 1, entry_word_is(&e->words[which], "DS"));
}

static bool parse(struct reader *r)
{
    struct entry e;

    while (entry_take(&r->entries, &e)) {
        if (e.count == 0)
            return true;
        if (e.words[0].at[0] == '$' ? !take_directive(r, &e) : !take_record(r, &e))
            return false;
    }
    return false;
}

bool anchors_parse(const char *text, size_t len, const char **why)
{
    struct reader r = {.entries = {text, text + len, 1}, .origin = "."};
    bool ok = true;

    anchors_forget();
    *why = anchor_fault();
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return anchor_fault_is("it begins with a byte order mark, which no zone file has");
    ok = parse(&r);
    if (ok && r.records == 0)
        ok = anchor_fault_is("there is no DS or DNSKEY record in it");
    else if (ok && first == NULL)
        ok = anchor_fault_is("none of its keys is valid: they are pending, revoked or removed");
    if (!ok)
        anchors_forget();
    return ok;
}

/* All of a file that is no longer than FILE_MAX; false with errno set. */
static bool read_all(int fd, char *text, size_t *len)
{
    ssize_t n = 1;

    for (*len = 0; n > 0 && *len <= FILE_MAX; *len += n > 0 ? (size_t)n : 0)
        n = read(fd, text + *len, FILE_MAX + 1 - *len);
    if (*len > FILE_MAX)
        errno = EFBIG;
    return n >= 0 && *len <= FILE_MAX;
}

/* What is wrong with what is open; NULL: it was read. */
static const char *fault_of(int fd, char *text, size_t *len)
{
    static char denied[96];
    struct stat st;

    if (fd < 0 && errno == EACCES) {
        /* It is not always clear who we are: root has become somebody else by now. */
        (void)snprintf(denied, sizeof(denied), "%s (read as user %lu)", strerror(errno),
                       (unsigned long)geteuid());
        return denied;
    }
    if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        return "this is not a file";
    return fd >= 0 && read_all(fd, text, len) ? NULL : strerror(errno);
}

bool anchors_read(const char *path, const char **why)
{
    char *text = malloc(FILE_MAX + 1);
    const char *wrong = "out of memory";
    size_t len = 0;
    bool ok = false;

    anchors_forget();
    if (text != NULL) {
        /* O_NONBLOCK: the opening of a FIFO must not wait for a writer. */
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        wrong = fault_of(fd, text, &len);
        if (fd >= 0)
            (void)close(fd);
    }
    *why = anchor_fault();
    if (wrong != NULL)
        (void)anchor_fault_is(wrong);
    else
        ok = anchors_parse(text, len, why);
    free(text);
    return ok;
}

const struct anchor *anchors_first(void)
{
    return first;
}

const struct anchor *anchor_over(const char *name)
{
    /* The name itself, then without its first label, and so on. */
    for (const char *zone = name; *zone != '\0';) {
        const char *dot = strchr(zone, '.');

        for (const struct anchor *a = first; a != NULL; a = a->next) {
            if (strcmp(a->owner, zone) == 0)
                return a;
        }
        if (dot == NULL || strcmp(zone, ".") == 0)
            return NULL;
        zone = dot[1] != '\0' ? dot + 1 : dot;
    }
    return NULL;
}

void anchors_forget(void)
{
    while (first != NULL) {
        struct anchor *next = first->next;

        free(first);
        first = next;
    }
    last = &first;
}
