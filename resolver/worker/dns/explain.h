/*
 * explain.h: why an answer is not secure.
 *
 * libunbound says that it is not, and no more. Asked from the trust anchor
 * downwards, the DS records say where the chain of trust ends, and the DNSKEY
 * records of that zone how: it is not signed; it is, and its parent does not say so;
 * or libunbound does not know its algorithms, or does not count so many iterations
 * of NSEC3 (RFC 9276, section 3.2). One lookup for each label at the most.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_EXPLAIN_H
#define DANCE_EXPLAIN_H

#include <stdbool.h>

#define EXPLAIN_NAME_MAX 255 /* octets of a name with its trailing dot, and the end */
#define EXPLAIN_TEXT_MAX 240

/* What a lookup said. */
struct explain_seen {
    bool failed; /* nothing of use */
    bool secure;
    bool has_data;
    int algorithm;  /* of the first record of DS; -1: there is none */
    int digest;     /* likewise */
    int iterations; /* of an NSEC3 record in the answer; -1: there is none */
};

/* Where the walk is; what is to be asked is the RRset of type at a name. */
struct explain_walk {
    char name[EXPLAIN_NAME_MAX];
    const char *at;  /* in name: what is asked for */
    const char *cut; /* in name: the last zone cut of which the parent securely said something */
    int type;
    struct explain_seen ds;      /* what was said of cut */
    struct explain_seen refused; /* what was insecure below it */
    char text[EXPLAIN_TEXT_MAX]; /* at the end */
};

/*
 * Begin with a name (lower case, with the trailing dot) below the anchor's zone, of which anchor
 * is what is known. Pure. true: at and type are to be asked, and explain_go_on() is to be told;
 * false: text says why.
 */
bool explain_set_out(struct explain_walk *walk, const char *name, const char *zone,
                     const struct explain_seen *anchor);
bool explain_go_on(struct explain_walk *walk, const struct explain_seen *seen);

struct explain;

/* text: in an operator's words. Good until the call returns. */
typedef void explain_done(void *arg, const char *text);

/*
 * Find out why the answer for a name (as above) was insecure, in a context of dns.h. done is called
 * once, from dns_process(), unless it is cancelled. NULL with *text (static): it can be said at
 * once.
 */
struct explain *explain_begin(int context, const char *name, explain_done *done, void *arg,
                              const char **text);
void explain_cancel(struct explain *explain);

#endif
