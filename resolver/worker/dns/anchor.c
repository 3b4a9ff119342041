/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/anchor.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <resolv.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 20)
#define WORDS_MAX 256
#define DATA_MAX 8192 /* characters of a digest or key: RSA of 32,768 bits and more */

#define FLAG_REVOKE 0x0080u /* RFC 5011, section 7 */
#define STATE_VALID '2'
#define STATE_MISSING '3'

struct word {
    const char *at;
    size_t len;
};

/* One entry of the file: a record or a directive, over as many lines as its parentheses hold. */
struct entry {
    struct word words[WORDS_MAX];
    size_t count;
    unsigned line;  /* of the first word */
    bool has_owner; /* it begins where its line does */
    bool counts;    /* no comment of it says that the key is in a state that does not */
};

struct reader {
    const char *at;
    const char *end;
    unsigned line;
    char origin[ANCHOR_NAME_MAX + 1];
    char owner[ANCHOR_NAME_MAX + 1]; /* of the record before; empty: there was none */
    unsigned records;                /* that were read, whether they count or not */
};

static struct anchor *first;
static struct anchor **last = &first;
static char words_of_fault[256];

__attribute__((format(printf, 2, 3))) static bool fault_at(unsigned line, const char *format, ...)
{
    int used = snprintf(words_of_fault, sizeof(words_of_fault), "line %u: ", line);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(words_of_fault + used, sizeof(words_of_fault) - (size_t)used, format, args);
    va_end(args);
    return false;
}

static bool fault(const char *text)
{
    (void)snprintf(words_of_fault, sizeof(words_of_fault), "%s", text);
    return false;
}

static bool is_word(const struct word *word, const char *text)
{
    return word->len == strlen(text) && strncasecmp(word->at, text, word->len) == 0;
}

/* For %.*s: what is shown of a word. */
static int shown(const struct word *word)
{
    return word->len > 64 ? 64 : (int)word->len;
}

/* Take a comment, up to the end of its line. */
static bool take_comment(struct reader *r, struct entry *e)
{
    static const char state[] = "state=";
    const size_t len = sizeof(state) - 1;
    const char *begin = r->at;
    const char *end = memchr(begin, '\n', (size_t)(r->end - begin));
    const char *found;

    r->at = end != NULL ? end : r->end;
    /* What unbound writes when all keys of a zone were revoked; the keys stand there still. */
    if ((size_t)(r->at - begin) >= 9 && memcmp(begin, ";;REVOKED", 9) == 0)
        return fault_at(r->line, "the keys of this zone are revoked");
    found = memmem(begin, (size_t)(r->at - begin), state, len);
    if (found != NULL && e->count > 0)
        e->counts = found + len < r->at
                    && (found[len] == STATE_VALID || found[len] == STATE_MISSING)
                    && (found + len + 1 == r->at || !isalnum((unsigned char)found[len + 1]));
    return true;
}

static bool ends_word(char c)
{
    return strchr(" \t\r\n();", c) != NULL;
}

static bool take_word(struct reader *r, struct entry *e)
{
    struct word *word = &e->words[e->count];

    if (e->count == WORDS_MAX)
        return fault_at(r->line, "this record has no end");
    word->at = r->at;
    while (r->at < r->end && !ends_word(*r->at)) {
        /* Neither has a place in what this file may hold; there would be much to know of both. */
        if (*r->at <= ' ' || *r->at > '~' || *r->at == '"' || *r->at == '\\')
            return fault_at(r->line, "a character that no DS or DNSKEY record has");
        r->at++;
    }
    word->len = (size_t)(r->at - word->at);
    if (e->count++ == 0)
        e->line = r->line;
    return true;
}

/* The next entry; without words at the end of the file. */
static bool take_entry(struct reader *r, struct entry *e)
{
    bool open = false;
    bool at_begin = true;

    *e = (struct entry){.counts = true};
    while (r->at < r->end) {
        char c = *r->at;

        if (c == '\0')
            return fault_at(r->line, "this is not a text file");
        if (c == ';') {
            if (!take_comment(r, e))
                return false;
            continue;
        }
        if (!ends_word(c)) {
            if (e->count == 0)
                e->has_owner = at_begin;
            if (!take_word(r, e))
                return false;
            continue;
        }
        if ((c == '(' && open) || (c == ')' && !open))
            return fault_at(r->line, "a parenthesis too many");
        if (c == '(' || c == ')')
            open = c == '(';
        at_begin = c == '\n' && !open;
        r->line += c == '\n';
        r->at++;
        if (at_begin && e->count > 0)
            return true;
    }
    return !open || fault_at(r->line, "a parenthesis is not closed");
}

/* The absolute name that a word stands for. */
static bool take_name(const struct reader *r, const struct entry *e, const struct word *word,
                      char out[ANCHOR_NAME_MAX + 1])
{
    const char *origin = "";
    int len;

    if (is_word(word, "@")) {
        memmove(out, r->origin, sizeof(r->origin));
        return true;
    }
    if (word->at[word->len - 1] != '.')
        origin = r->origin;
    len = snprintf(out, ANCHOR_NAME_MAX + 1, "%.*s%s%s", (int)word->len, word->at,
                   origin[0] != '\0' && origin[0] != '.' ? "." : "", origin);
    if (len < 0 || len > ANCHOR_NAME_MAX)
        return fault_at(e->line, "the name is too long");
    for (char *c = out; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return true;
}

static bool take_directive(struct reader *r, const struct entry *e)
{
    char name[ANCHOR_NAME_MAX + 1];

    if (is_word(&e->words[0], "$TTL") && e->count == 2)
        return true;
    if (!is_word(&e->words[0], "$ORIGIN") || e->count != 2)
        return fault_at(e->line, "%.*s has no place here", shown(&e->words[0]), e->words[0].at);
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
        return fault_at(e->line, "the record is not complete");
    word = &e->words[which];
    *out = 0;
    for (size_t i = 0; i < word->len; i++) {
        if (isdigit((unsigned char)word->at[i]))
            *out = *out * 10 + (unsigned)(word->at[i] - '0');
        if (!isdigit((unsigned char)word->at[i]) || *out > max)
            return fault_at(e->line, "%.*s is not a number from 0 to %u", shown(word), word->at,
                            max);
    }
    return true;
}

/* The rest of the record, which is a digest or a key, in one piece. */
static bool take_data(const struct entry *e, size_t which, char out[DATA_MAX + 1])
{
    size_t used = 0;

    if (which >= e->count)
        return fault_at(e->line, "the record is not complete");
    for (; which < e->count; which++) {
        if (e->words[which].len > DATA_MAX - used)
            return fault_at(e->line, "the record is too long");
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
        return fault("out of memory");
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
        return fault_at(e->line, "the digest is not hexadecimal, or not of its type's length");
    if (!is_ds && !is_key(data))
        return fault_at(e->line, "the key is not base64");
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
        return fault_at(e->line, "the record has no owner name");
    /* TTL and class stand in either order, and neither need be there. */
    for (; which < e->count; which++) {
        if (!ttl && isdigit((unsigned char)e->words[which].at[0]))
            ttl = true;
        else if (!class && is_word(&e->words[which], "IN"))
            class = true;
        else
            break;
    }
    if (which == e->count)
        return fault_at(e->line, "the record is not complete");
    if (!is_word(&e->words[which], "DS") && !is_word(&e->words[which], "DNSKEY"))
        return fault_at(e->line, "%.*s is neither DS nor DNSKEY", shown(&e->words[which]),
                        e->words[which].at);
    return take_rdata(r, e, which + 1, is_word(&e->words[which], "DS"));
}

static bool parse(struct reader *r)
{
    struct entry e;

    while (take_entry(r, &e)) {
        if (e.count == 0)
            return true;
        if (e.words[0].at[0] == '$' ? !take_directive(r, &e) : !take_record(r, &e))
            return false;
    }
    return false;
}

bool anchors_parse(const char *text, size_t len, const char **why)
{
    struct reader r = {.at = text, .end = text + len, .line = 1, .origin = "."};
    bool ok = true;

    anchors_forget();
    *why = words_of_fault;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return fault("it begins with a byte order mark, which no zone file has");
    ok = parse(&r);
    if (ok && r.records == 0)
        ok = fault("there is no DS or DNSKEY record in it");
    else if (ok && first == NULL)
        ok = fault("none of its keys is valid: they are pending, revoked or removed");
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
    *why = words_of_fault;
    if (wrong != NULL)
        (void)fault(wrong);
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
