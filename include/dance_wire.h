/*
 * dance_wire.h: what the module and dance-resolver say to each other.
 *
 * Both ends are on one machine and talk over connected AF_UNIX SOCK_SEQPACKET
 * sockets, so a message is what one send() wrote, never more and never less.
 * Two kinds of connection carry messages:
 *
 *   control channel  module -> resolver: DANCE_WIRE_CONVERSATION with exactly
 *                    one descriptor (SCM_RIGHTS), the resolver's end of a new
 *                    conversation; DANCE_WIRE_FORGET, all that was found is to be
 *                    looked up again; DANCE_WIRE_COUNTS, which clients were let in
 *                    (dance_wire_status.h). Nothing is ever sent back on it.
 *   conversation     module -> resolver: DANCE_WIRE_QUERY; resolver -> module:
 *                    one DANCE_WIRE_ANSWER for each, in any order, told apart
 *                    by the query's id. Module -> resolver, without answer:
 *                    DANCE_WIRE_WANTED, a name that was asked for is used
 *                    again and again, so it is worth renewing ahead; and
 *                    DANCE_WIRE_HOLD with exactly one descriptor, a list of
 *                    names to be looked up ahead as long as this conversation
 *                    is open. Resolver -> module, before the first answer:
 *                    DANCE_WIRE_PAGE with exactly one descriptor, the page of
 *                    generation.h, and what it said when this was sent. Once
 *                    it says something else, every answer to a query that was
 *                    sent before is void. Module -> resolver:
 *                    DANCE_WIRE_ALLOW_FILE with exactly one descriptor, an
 *                    allow_file open for reading; resolver -> module, some time
 *                    later: DANCE_WIRE_ALLOW_LIST, with the list of patterns.h
 *                    that was made of it as a descriptor (the same one for
 *                    everybody who asks about the same file), or with what is
 *                    wrong with it as a text. Chains: see dance_wire_chain.h.
 *
 * A list of names is a memfd that is sealed against writing and shrinking: names,
 * each ended by a line feed. An empty line ends it, whatever follows, so a list
 * of patterns.h is one as well. The memfd has at most DANCE_WIRE_LIST_MAX octets;
 * names beyond DANCE_WIRE_LIST_NAMES_MAX are not looked up ahead.
 *
 * A message begins with magic (4 octets), version (1), type (1); all integers
 * are big-endian. Neither end trusts the other: every function here takes the
 * number of octets that it may touch and answers 0 for anything malformed. A
 * decoded message points into the buffer it was decoded from.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_WIRE_H
#define DANCE_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DANCE_WIRE_MAGIC 0x444e4345u /* "DNCE" */
#define DANCE_WIRE_VERSION 3u        /* 2: knew no chains; 1: control channels took queries */
#define DANCE_WIRE_HEADER 6u

/* Bounds. An answer that would be larger is sent as DANCE_WIRE_FAILED instead. */
#define DANCE_WIRE_MAX 65536u /* octets of one message */
#define DANCE_WIRE_NAME_MAX                                                                        \
    253u /* octets of an owner name in presentation format, no trailing dot */
#define DANCE_WIRE_REASON_MAX 255u    /* octets of a reason */
#define DANCE_WIRE_RECORDS_MAX 100u   /* records of one RRset */
#define DANCE_WIRE_TIMEOUT_MAX 60000u /* milliseconds that a query may ask to wait */

#define DANCE_WIRE_LIST_MAX (128u << 20)
#define DANCE_WIRE_LIST_NAMES_MAX 1000000u

enum dance_wire_type {
    DANCE_WIRE_CONVERSATION = 1,
    DANCE_WIRE_QUERY = 2,
    DANCE_WIRE_ANSWER = 3,
    DANCE_WIRE_WANTED = 4,
    DANCE_WIRE_HOLD = 5,
    DANCE_WIRE_PAGE = 6,
    DANCE_WIRE_FORGET = 7,
    DANCE_WIRE_ALLOW_FILE = 8,
    DANCE_WIRE_ALLOW_LIST = 9,
    DANCE_WIRE_CHAIN = 10, /* this and the next: dance_wire_chain.h */
    DANCE_WIRE_COLLECT = 11,
    DANCE_WIRE_COLLECTED = 12,
    DANCE_WIRE_COUNTS = 13, /* this and the next two: dance_wire_status.h */
    DANCE_WIRE_STATUS = 14,
    DANCE_WIRE_STATUS_OF_USER = 15
};
#define DANCE_WIRE_TYPE_LAST DANCE_WIRE_STATUS_OF_USER
#define DANCE_WIRE_PAGE_SIZE (DANCE_WIRE_HEADER + 8u)
#define DANCE_WIRE_ALLOW_LIST_MAX (DANCE_WIRE_HEADER + 1u + DANCE_WIRE_REASON_MAX)

/* What became of a lookup. Only DANCE_WIRE_SECURE carries records. */
enum dance_wire_status {
    DANCE_WIRE_SECURE = 1,   /* a TLSA RRset, validated to a trust anchor */
    DANCE_WIRE_ABSENT = 2,   /* validated denial: the name, or a TLSA RRset at it, does not exist */
    DANCE_WIRE_INSECURE = 3, /* no chain of trust to this answer, whatever it holds */
    DANCE_WIRE_BOGUS = 4,    /* validation failed */
    DANCE_WIRE_FAILED = 5,   /* no answer: timeout, SERVFAIL, unreachable servers, our own fault */
    DANCE_WIRE_BUSY = 6      /* refused because too many lookups are in flight */
};

struct dance_wire_query {
    uint32_t id;
    uint32_t timeout_ms; /* how long the asker will wait, at most DANCE_WIRE_TIMEOUT_MAX */
    const char *name;    /* owner name, presentation format, not NUL-terminated */
    size_t name_len;     /* 1..DANCE_WIRE_NAME_MAX */
};

struct dance_wire_record {
    const uint8_t
        *rdata; /* TLSA RDATA as in the DNS message: usage, selector, matching type, data */
    size_t len;
};

struct dance_wire_answer {
    uint32_t id;
    enum dance_wire_status status;
    uint32_t ttl;       /* seconds for which this outcome may be believed */
    const char *reason; /* why, for an operator; printable ASCII; empty for SECURE */
    size_t reason_len;
    size_t count;
    struct dance_wire_record record[DANCE_WIRE_RECORDS_MAX];
};

/* A bounded place to write to or to read from; ok turns 0 at the first octet that does not fit. */
struct dance_wire_cursor {
    uint8_t *at;
    size_t left;
    int ok;
};

static inline uint8_t *dance_wire_take(struct dance_wire_cursor *c, size_t n)
{
    uint8_t *p = c->at;

    if (!c->ok || n > c->left) {
        c->ok = 0;
        return NULL;
    }
    c->at += n;
    c->left -= n;
    return p;
}

static inline void dance_wire_put(struct dance_wire_cursor *c, uint32_t value, size_t octets)
{
    uint8_t *p = dance_wire_take(c, octets);

    for (size_t i = 0; p != NULL && i < octets; i++)
        p[i] = (uint8_t)(value >> (8 * (octets - 1 - i)));
}

static inline uint32_t dance_wire_get(struct dance_wire_cursor *c, size_t octets)
{
    const uint8_t *p = dance_wire_take(c, octets);
    uint32_t value = 0;

    for (size_t i = 0; p != NULL && i < octets; i++)
        value = value << 8 | p[i];
    return value;
}

static inline void dance_wire_put64(struct dance_wire_cursor *c, uint64_t value)
{
    dance_wire_put(c, (uint32_t)(value >> 32), 4);
    dance_wire_put(c, (uint32_t)value, 4);
}

static inline uint64_t dance_wire_get64(struct dance_wire_cursor *c)
{
    uint64_t high = dance_wire_get(c, 4);

    return high << 32 | dance_wire_get(c, 4);
}

static inline void dance_wire_put_octets(struct dance_wire_cursor *c, const void *from, size_t n)
{
    uint8_t *p = dance_wire_take(c, n);

    if (p != NULL && n > 0)
        memcpy(p, from, n);
}

static inline void dance_wire_put_header(struct dance_wire_cursor *c, enum dance_wire_type type)
{
    dance_wire_put(c, DANCE_WIRE_MAGIC, 4);
    dance_wire_put(c, DANCE_WIRE_VERSION, 1);
    dance_wire_put(c, (uint32_t)type, 1);
}

/* The type of a message, or 0 when it is not one of ours or of another version. */
static inline int dance_wire_type(const uint8_t *msg, size_t len)
{
    uint32_t magic, version, type;
    /* The cursor only reads here; it is shared with the writers and so has no const. */
    struct dance_wire_cursor c = {(uint8_t *)(uintptr_t)msg, len, 1};

    magic = dance_wire_get(&c, 4);
    version = dance_wire_get(&c, 1);
    type = dance_wire_get(&c, 1);
    if (!c.ok || magic != DANCE_WIRE_MAGIC || version != DANCE_WIRE_VERSION || type < 1
        || type > DANCE_WIRE_TYPE_LAST)
        return 0;
    return (int)type;
}

/* Write a message that is nothing but its type; the octets written (DANCE_WIRE_HEADER), or 0. */
static inline size_t dance_wire_encode_bare(enum dance_wire_type type, uint8_t *buf, size_t size)
{
    struct dance_wire_cursor c = {buf, size, 1};

    if (type != DANCE_WIRE_CONVERSATION && type != DANCE_WIRE_HOLD && type != DANCE_WIRE_FORGET
        && type != DANCE_WIRE_ALLOW_FILE)
        return 0;
    dance_wire_put_header(&c, type);
    return c.ok ? size - c.left : 0;
}

/* Write what the page said when it was sent; the octets written (DANCE_WIRE_PAGE_SIZE), or 0. */
static inline size_t dance_wire_encode_page(uint64_t generation, uint8_t *buf, size_t size)
{
    struct dance_wire_cursor c = {buf, size, 1};

    dance_wire_put_header(&c, DANCE_WIRE_PAGE);
    dance_wire_put64(&c, generation);
    return c.ok ? size - c.left : 0;
}

/* Read it; 1, or 0 when msg is not exactly one such message. */
static inline int dance_wire_decode_page(const uint8_t *msg, size_t len, uint64_t *generation)
{
    struct dance_wire_cursor c = {(uint8_t *)(uintptr_t)msg, len, 1};

    if (dance_wire_type(msg, len) != DANCE_WIRE_PAGE || len != DANCE_WIRE_PAGE_SIZE)
        return 0;
    (void)dance_wire_take(&c, DANCE_WIRE_HEADER);
    *generation = dance_wire_get64(&c);
    return c.ok;
}

/*
 * Write what is wrong with an allow_file, or, with an empty reason, that its list comes with this;
 * the octets written, or 0.
 */
static inline size_t dance_wire_encode_allow_list(const char *reason, uint8_t *buf, size_t size)
{
    struct dance_wire_cursor c = {buf, size, 1};
    size_t len = strlen(reason);

    if (len > DANCE_WIRE_REASON_MAX)
        len = DANCE_WIRE_REASON_MAX;
    dance_wire_put_header(&c, DANCE_WIRE_ALLOW_LIST);
    dance_wire_put(&c, (uint32_t)len, 1);
    dance_wire_put_octets(&c, reason, len);
    return c.ok ? size - c.left : 0;
}

/* Read it; 1, or 0 when msg is not exactly one such message. What does not print is a '?'. */
static inline int dance_wire_decode_allow_list(const uint8_t *msg, size_t len,
                                               char reason[DANCE_WIRE_REASON_MAX + 1])
{
    struct dance_wire_cursor c = {(uint8_t *)(uintptr_t)msg, len, 1};
    const uint8_t *from;
    size_t reason_len;

    if (dance_wire_type(msg, len) != DANCE_WIRE_ALLOW_LIST)
        return 0;
    (void)dance_wire_take(&c, DANCE_WIRE_HEADER);
    reason_len = dance_wire_get(&c, 1);
    from = dance_wire_take(&c, reason_len);
    if (!c.ok || c.left != 0)
        return 0;
    memcpy(reason, from, reason_len);
    for (size_t i = 0; i < reason_len; i++) {
        if (from[i] < 0x20 || from[i] > 0x7e)
            reason[i] = '?';
    }
    reason[reason_len] = '\0';
    return 1;
}

/* Write that a name is wanted; the octets written, or 0 when it does not fit or breaks a bound. */
static inline size_t dance_wire_encode_wanted(const char *name, size_t len, uint8_t *buf,
                                              size_t size)
{
    struct dance_wire_cursor c = {buf, size, 1};

    if (len < 1 || len > DANCE_WIRE_NAME_MAX)
        return 0;
    dance_wire_put_header(&c, DANCE_WIRE_WANTED);
    dance_wire_put(&c, (uint32_t)len, 1);
    dance_wire_put_octets(&c, name, len);
    return c.ok ? size - c.left : 0;
}

/* Read it; 1, or 0 when msg is not exactly one such well-formed message. */
static inline int dance_wire_decode_wanted(const uint8_t *msg, size_t len, const char **name,
                                           size_t *name_len)
{
    struct dance_wire_cursor c = {(uint8_t *)(uintptr_t)msg, len, 1};

    if (dance_wire_type(msg, len) != DANCE_WIRE_WANTED)
        return 0;
    (void)dance_wire_take(&c, DANCE_WIRE_HEADER);
    *name_len = dance_wire_get(&c, 1);
    *name = (const char *)dance_wire_take(&c, *name_len);
    return c.ok && c.left == 0 && *name_len >= 1 && *name_len <= DANCE_WIRE_NAME_MAX;
}

/* Write q; the octets written, or 0 when it does not fit or breaks a bound. */
static inline size_t dance_wire_encode_query(const struct dance_wire_query *q, uint8_t *buf,
                                             size_t size)
{
    struct dance_wire_cursor c = {buf, size, 1};

    if (q->name_len < 1 || q->name_len > DANCE_WIRE_NAME_MAX || q->timeout_ms < 1
        || q->timeout_ms > DANCE_WIRE_TIMEOUT_MAX)
        return 0;
    dance_wire_put_header(&c, DANCE_WIRE_QUERY);
    dance_wire_put(&c, q->id, 4);
    dance_wire_put(&c, q->timeout_ms, 4);
    dance_wire_put(&c, (uint32_t)q->name_len, 1);
    dance_wire_put_octets(&c, q->name, q->name_len);
    return c.ok ? size - c.left : 0;
}

/* Read a message of a type that has the form of a query; 1, or 0 when msg is no such message. */
static inline int dance_wire_decode_query_of(enum dance_wire_type type, const uint8_t *msg,
                                             size_t len, struct dance_wire_query *q)
{
    struct dance_wire_cursor c = {(uint8_t *)(uintptr_t)msg, len, 1};

    if (dance_wire_type(msg, len) != (int)type)
        return 0;
    (void)dance_wire_take(&c, DANCE_WIRE_HEADER);
    q->id = dance_wire_get(&c, 4);
    q->timeout_ms = dance_wire_get(&c, 4);
    q->name_len = dance_wire_get(&c, 1);
    q->name = (const char *)dance_wire_take(&c, q->name_len);
    return c.ok && c.left == 0 && q->name_len >= 1 && q->name_len <= DANCE_WIRE_NAME_MAX
           && q->timeout_ms >= 1 && q->timeout_ms <= DANCE_WIRE_TIMEOUT_MAX;
}

/* Read a query; 1, or 0 when msg is not exactly one well-formed query. */
static inline int dance_wire_decode_query(const uint8_t *msg, size_t len,
                                          struct dance_wire_query *q)
{
    return dance_wire_decode_query_of(DANCE_WIRE_QUERY, msg, len, q);
}

/* Printable ASCII and nothing else. */
static inline int dance_wire_prints(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e)
            return 0;
    }
    return 1;
}

/* Write a; the octets written, or 0 when it does not fit or breaks a bound. */
static inline size_t dance_wire_encode_answer(const struct dance_wire_answer *a, uint8_t *buf,
                                              size_t size)
{
    struct dance_wire_cursor c = {buf, size, 1};

    if (a->reason_len > DANCE_WIRE_REASON_MAX || a->count > DANCE_WIRE_RECORDS_MAX
        || (a->status == DANCE_WIRE_SECURE) != (a->count > 0))
        return 0;
    dance_wire_put_header(&c, DANCE_WIRE_ANSWER);
    dance_wire_put(&c, a->id, 4);
    dance_wire_put(&c, (uint32_t)a->status, 1);
    dance_wire_put(&c, a->ttl, 4);
    dance_wire_put(&c, (uint32_t)a->reason_len, 1);
    dance_wire_put_octets(&c, a->reason, a->reason_len);
    dance_wire_put(&c, (uint32_t)a->count, 1);
    for (size_t i = 0; i < a->count; i++) {
        if (a->record[i].len > 0xffff)
            return 0;
        dance_wire_put(&c, (uint32_t)a->record[i].len, 2);
        dance_wire_put_octets(&c, a->record[i].rdata, a->record[i].len);
    }
    return c.ok ? size - c.left : 0;
}

/*
 * Read an answer; 1, or 0 when msg is not exactly one well-formed answer: an
 * unknown status, records that do not belong to it, an unprintable reason, a
 * record shorter than usage, selector and matching type, octets left over.
 */
static inline int dance_wire_decode_answer(const uint8_t *msg, size_t len,
                                           struct dance_wire_answer *a)
{
    struct dance_wire_cursor c = {(uint8_t *)(uintptr_t)msg, len, 1};
    uint32_t status;

    if (dance_wire_type(msg, len) != DANCE_WIRE_ANSWER)
        return 0;
    (void)dance_wire_take(&c, DANCE_WIRE_HEADER);
    a->id = dance_wire_get(&c, 4);
    status = dance_wire_get(&c, 1);
    a->ttl = dance_wire_get(&c, 4);
    a->reason_len = dance_wire_get(&c, 1);
    a->reason = (const char *)dance_wire_take(&c, a->reason_len);
    a->count = dance_wire_get(&c, 1);
    if (!c.ok || status < DANCE_WIRE_SECURE || status > DANCE_WIRE_BUSY
        || a->count > DANCE_WIRE_RECORDS_MAX || (status == DANCE_WIRE_SECURE) != (a->count > 0))
        return 0;
    a->status = (enum dance_wire_status)status;
    if (!dance_wire_prints(a->reason, a->reason_len))
        return 0;
    for (size_t i = 0; i < a->count; i++) {
        a->record[i].len = dance_wire_get(&c, 2);
        a->record[i].rdata = dance_wire_take(&c, a->record[i].len);
        if (!c.ok || a->record[i].len < 3)
            return 0;
    }
    return c.left == 0;
}

#endif
