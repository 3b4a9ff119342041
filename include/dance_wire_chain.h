/*
 * dance_wire_chain.h: what the module and dance-resolver say of DNSSEC chains.
 *
 * Part of dance_wire.h's format, on conversations. DANCE_WIRE_CHAIN is a query
 * that brings the chain (chain.h) of the name's TLSA RRset, and is answered as
 * a query is. DANCE_WIRE_COLLECT has the form of DANCE_WIRE_QUERY and asks for
 * the chain itself, which comes in one DANCE_WIRE_COLLECTED, or with why not.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_WIRE_CHAIN_H
#define DANCE_WIRE_CHAIN_H

#include "chain.h"
#include "dance_wire.h"

#include <stdbool.h>

/* Octets of the largest of these messages. */
#define DANCE_WIRE_CHAIN_SIZE_MAX                                                                  \
    (DANCE_WIRE_HEADER + 14u + DANCE_WIRE_NAME_MAX + DANCE_WIRE_REASON_MAX + DANCE_CHAIN_MAX)

struct dance_wire_chain {
    struct dance_wire_query query;
    bool only; /* the chain is to decide, and DNS is not to be asked; else what DNS said goes first
                */
    const uint8_t *chain;
    size_t chain_len; /* 1..DANCE_CHAIN_MAX */
};

struct dance_wire_collected {
    uint32_t id;
    enum dance_wire_status status; /* only SECURE has a chain */
    uint32_t ttl;                  /* seconds after which it is worth while to ask again */
    const char *reason;            /* as in dance_wire_answer */
    size_t reason_len;
    const uint8_t *chain;
    size_t chain_len;
};

/* Write c; the octets written, or 0 when it does not fit or breaks a bound. */
static inline size_t dance_wire_encode_chain(const struct dance_wire_chain *c, uint8_t *buf,
                                             size_t size)
{
    struct dance_wire_cursor at = {buf, size, 1};

    if (c->query.name_len < 1 || c->query.name_len > DANCE_WIRE_NAME_MAX || c->query.timeout_ms < 1
        || c->query.timeout_ms > DANCE_WIRE_TIMEOUT_MAX || c->chain_len < 1
        || c->chain_len > DANCE_CHAIN_MAX)
        return 0;
    dance_wire_put_header(&at, DANCE_WIRE_CHAIN);
    dance_wire_put(&at, c->query.id, 4);
    dance_wire_put(&at, c->query.timeout_ms, 4);
    dance_wire_put(&at, c->only, 1);
    dance_wire_put(&at, (uint32_t)c->query.name_len, 1);
    dance_wire_put_octets(&at, c->query.name, c->query.name_len);
    dance_wire_put(&at, (uint32_t)c->chain_len, 2);
    dance_wire_put_octets(&at, c->chain, c->chain_len);
    return at.ok ? size - at.left : 0;
}

/* Read it; 1, or 0 when msg is not exactly one such well-formed message. */
static inline int dance_wire_decode_chain(const uint8_t *msg, size_t len,
                                          struct dance_wire_chain *c)
{
    struct dance_wire_cursor at = {(uint8_t *)(uintptr_t)msg, len, 1};
    uint32_t only;

    if (dance_wire_type(msg, len) != DANCE_WIRE_CHAIN)
        return 0;
    (void)dance_wire_take(&at, DANCE_WIRE_HEADER);
    c->query.id = dance_wire_get(&at, 4);
    c->query.timeout_ms = dance_wire_get(&at, 4);
    only = dance_wire_get(&at, 1);
    c->only = only == 1;
    c->query.name_len = dance_wire_get(&at, 1);
    c->query.name = (const char *)dance_wire_take(&at, c->query.name_len);
    c->chain_len = dance_wire_get(&at, 2);
    c->chain = dance_wire_take(&at, c->chain_len);
    return at.ok && at.left == 0 && only <= 1 && c->query.name_len >= 1
           && c->query.name_len <= DANCE_WIRE_NAME_MAX && c->query.timeout_ms >= 1
           && c->query.timeout_ms <= DANCE_WIRE_TIMEOUT_MAX && c->chain_len >= 1
           && c->chain_len <= DANCE_CHAIN_MAX;
}

/* Write that a name's chain is to be collected; the octets written, or 0. */
static inline size_t dance_wire_encode_collect(const struct dance_wire_query *q, uint8_t *buf,
                                               size_t size)
{
    size_t len = dance_wire_encode_query(q, buf, size);

    if (len > 0)
        buf[DANCE_WIRE_HEADER - 1] = DANCE_WIRE_COLLECT;
    return len;
}

/* Read it; 1, or 0 when msg is not exactly one such well-formed message. */
static inline int dance_wire_decode_collect(const uint8_t *msg, size_t len,
                                            struct dance_wire_query *q)
{
    return dance_wire_decode_query_of(DANCE_WIRE_COLLECT, msg, len, q);
}

/* Write c; the octets written, or 0 when it does not fit or breaks a bound. */
static inline size_t dance_wire_encode_collected(const struct dance_wire_collected *c, uint8_t *buf,
                                                 size_t size)
{
    struct dance_wire_cursor at = {buf, size, 1};

    if (c->reason_len > DANCE_WIRE_REASON_MAX || c->chain_len > DANCE_CHAIN_MAX
        || (c->status == DANCE_WIRE_SECURE) != (c->chain_len > 0))
        return 0;
    dance_wire_put_header(&at, DANCE_WIRE_COLLECTED);
    dance_wire_put(&at, c->id, 4);
    dance_wire_put(&at, (uint32_t)c->status, 1);
    dance_wire_put(&at, c->ttl, 4);
    dance_wire_put(&at, (uint32_t)c->reason_len, 1);
    dance_wire_put_octets(&at, c->reason, c->reason_len);
    dance_wire_put(&at, (uint32_t)c->chain_len, 2);
    dance_wire_put_octets(&at, c->chain, c->chain_len);
    return at.ok ? size - at.left : 0;
}

/*
 * Read it; 1, or 0 when msg is not exactly one such well-formed message: an unknown status, a chain
 * that does not belong to it, an unprintable reason. The chain is not looked at.
 */
static inline int dance_wire_decode_collected(const uint8_t *msg, size_t len,
                                              struct dance_wire_collected *c)
{
    struct dance_wire_cursor at = {(uint8_t *)(uintptr_t)msg, len, 1};
    uint32_t status;

    if (dance_wire_type(msg, len) != DANCE_WIRE_COLLECTED)
        return 0;
    (void)dance_wire_take(&at, DANCE_WIRE_HEADER);
    c->id = dance_wire_get(&at, 4);
    status = dance_wire_get(&at, 1);
    c->ttl = dance_wire_get(&at, 4);
    c->reason_len = dance_wire_get(&at, 1);
    c->reason = (const char *)dance_wire_take(&at, c->reason_len);
    c->chain_len = dance_wire_get(&at, 2);
    c->chain = dance_wire_take(&at, c->chain_len);
    if (!at.ok || at.left != 0 || status < DANCE_WIRE_SECURE || status > DANCE_WIRE_BUSY
        || c->chain_len > DANCE_CHAIN_MAX || (status == DANCE_WIRE_SECURE) != (c->chain_len > 0))
        return 0;
    c->status = (enum dance_wire_status)status;
    return dance_wire_prints(c->reason, c->reason_len);
}

#endif
