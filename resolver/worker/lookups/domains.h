/*
 * domains.h: whose turn it is.
 *
 * A domain stands for its owner, whose servers may be slow, silent, or send
 * what is dear to validate. It is the registrable domain of a name by the
 * Public Suffix List, of which only the registries' part counts: anybody may
 * have a suffix of his own in the other. Names that were found within a day are
 * a domain apart from the others of the same owner (known), so that nothing
 * that strangers' names do holds them back.
 *
 * Of the others a domain has next to no lookups at a time until it has answered,
 * which may turn out to be dear, or while it has been silent or bogus lately, and
 * few until it has answered some. Its names that are
 * due take turns with those of other domains. Domains that have not answered
 * well have a line and room of their own.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_DOMAINS_H
#define DANCE_DOMAINS_H

#include "worker/lookups/deadlines.h"
#include "worker/lookups/table.h"

#include <sys/queue.h>

#define DOMAINS_NEW 2u      /* lookups at a time of a domain that has not answered yet, */
#define DOMAINS_BEGIN 16u   /* of one that has, */
#define DOMAINS_AT_MOST 64u /* and more with each answer, up to this; */
#define DOMAINS_SUSPECT 2u  /* of one that answered nothing, or bogus, lately, */
#define DOMAINS_LATELY_MS 60000

TAILQ_HEAD(domain_queue, domain);

struct domain {
    struct entry entry;
    struct domain_queue *line; /* the one in which it stands, or NULL */
    TAILQ_ENTRY(domain) place; /* in it */
    struct deadline turn;      /* of its first name that is due; in no line then */
    struct deadlines due;      /* its names that are to be looked up in the background */
    TAILQ_HEAD(domain_waiting, lookup) waiting; /* lookups that wait for room: lookups.c's */
    unsigned queued;                            /* of them */
    unsigned lookups;                           /* begun for somebody who asked */
    unsigned background;                        /* begun because they were due */
    unsigned window;                            /* how many may be begun, unless suspect */
    bool known;
    bool good; /* it answered last, and not in vain */
    long long silent_until_ms, bogus_until_ms;
};

enum domain_answer { DOMAIN_ANSWERED, DOMAIN_SILENT, DOMAIN_BOGUS };

/* Where in a name its domain begins. Pure. */
size_t domain_offset(const char *name, size_t len);

/*
 * background: lookups that may be in flight for what is due of one domain.
 * false when out of memory, or where no random key can be had.
 */
bool domains_open(unsigned background);
void domains_close(void);

/* The domain of a name. NULL when out of memory. Stays for as long as it is used, and longer. */
struct domain *domain_of(const char *name, size_t len, bool known, long long now_ms);

/* One of its names is due at at_ms. false when out of memory. */
bool domain_add(struct domain *domain, struct deadline *due, long long at_ms, long long now_ms);
void domain_remove(struct domain *domain, struct deadline *due, long long now_ms);

/* May another of its lookups begin? */
bool domain_has_room(const struct domain *domain, long long now_ms);

/* It answered bogus or, names that are not known, nothing: to be looked up apart from others. */
bool domain_suspect(const struct domain *domain, long long now_ms);

/* It has not answered yet, or not since it was suspect. */
bool domain_is_new(const struct domain *domain);

/* Put it where it belongs: to be called when what is queued has changed. */
void domain_put(struct domain *domain, long long now_ms);

/* A lookup was begun, or has ended. */
void domain_begin(struct domain *domain, bool background, long long now_ms);
void domain_end(struct domain *domain, bool background, long long now_ms);

/* What became of one. */
void domain_said(struct domain *domain, enum domain_answer answer, long long now_ms);

/*
 * The name that is due and whose domain's turn it is; whatever becomes of it, the
 * next turn is another domain's. room: lookups that may be in flight in each of
 * the two lines. NULL: none may begin now.
 */
struct deadline *domains_next(unsigned room, long long now_ms);

/* Milliseconds until domains_next() has something; -1: not before something happens. */
long long domains_wait_ms(unsigned room, long long now_ms);

#endif
