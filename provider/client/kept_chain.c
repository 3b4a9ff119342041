/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/kept_chain.h"

#include "chain.h"
#include "client/chain_file.h"
#include "log.h"
#include "lookup/collect.h"
#include "owner_name.h"
#include "process.h"
#include "stamp.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The resolver is asked again so soon at the earliest: where there was a chain, and where not. */
#define AGAIN_MS 1000
#define RETRY_MS 5000
/* It answers in DANCE_WIRE_TIMEOUT_MAX, or not at all. */
#define LOST_MS (DANCE_WIRE_TIMEOUT_MAX + 10000LL)
#define WHY_MAX 600

/* Of one process. */
struct kept {
    pthread_mutex_t lock;                /* never waited with, but for a short file */
    _Atomic(struct dance_chain *) chain; /* changes with the lock held; NULL: none */
    struct dance_kept_fd asked;          /* the conversation on which one will come; fd -1: none */
    long long asked_ms;                  /* when that was asked */
    long long due_ms;                    /* when to ask, or to look at the file, again */
    struct dance_file_stamp stamp;       /* of the file that was read last */
    char reason[WHY_MAX];                /* why there was none the last time; may be empty */
};

static struct dance_chain *up_ref(struct dance_chain *chain)
{
    if (chain != NULL)
        (void)atomic_fetch_add(&chain->references, 1);
    return chain;
}

void dance_chain_free(struct dance_chain *chain)
{
    if (chain != NULL && atomic_fetch_sub(&chain->references, 1) == 1)
        OPENSSL_free(chain);
}

static void *make_kept(const void *parents)
{
    const struct kept *parent = parents;
    struct kept *kept = OPENSSL_zalloc(sizeof(*kept));

    if (kept == NULL)
        return NULL;
    (void)pthread_mutex_init(&kept->lock, NULL);
    kept->asked = (struct dance_kept_fd)DANCE_KEPT_FD_NONE;
    /* When it was asked for is not known for sure: so it is asked for soon. */
    if (parent != NULL)
        atomic_store(&kept->chain, up_ref(atomic_load(&parent->chain)));
    return kept;
}

static void discard_kept(void *object)
{
    struct kept *kept = object;

    (void)pthread_mutex_destroy(&kept->lock);
    dance_chain_free(atomic_load(&kept->chain));
    OPENSSL_free(kept);
}

static const struct dance_slot slot = {make_kept, discard_kept};

static const char *value(const struct dance_config *config)
{
    return config->chain_file != NULL ? config->chain_file : "yes";
}

/* A reason that is not the last one's, in the log. */
static void complain(struct kept *kept, const struct dance_config *config, const char *why)
{
    if (strcmp(kept->reason, why) == 0)
        return;
    (void)snprintf(kept->reason, sizeof(kept->reason), "%s", why);
    dance_log(DANCE_LOG_ERROR, "client.chain = %s: %s; %s", value(config), why,
              atomic_load(&kept->chain) != NULL ? "the chain before is sent" : "no chain is sent");
}

/* Put this in the place of what is there; false, with the reason, where it is no chain. */
static bool adopt(struct kept *kept, const struct dance_config *config, const uint8_t *octets,
                  size_t len, const char **why)
{
    int64_t from = 0, until = 0;
    struct dance_chain *fresh;

    *why = "it is no DNSSEC chain";
    if (!dance_chain_window(octets, len, (int64_t)time(NULL), &from, &until))
        return false;
    *why = "out of memory";
    fresh = OPENSSL_malloc(sizeof(*fresh) + len);
    if (fresh == NULL)
        return false;
    atomic_init(&fresh->references, 1);
    atomic_init(&fresh->said, 0);
    fresh->from = from;
    fresh->until = until;
    fresh->len = len;
    memcpy(fresh->octets, octets, len);
    dance_chain_free(atomic_exchange(&kept->chain, fresh));
    kept->reason[0] = '\0';
    dance_log(DANCE_LOG_DEBUG, "have the DNSSEC chain of %s, %zu octets", config->identity, len);
    return true;
}

/* It may be sent now. */
static bool holds(const struct dance_chain *chain)
{
    int64_t now = (int64_t)time(NULL);

    return now >= chain->from && now < chain->until;
}

/* With the lock held: read the file, if it is another one than before. */
static void read_file(struct kept *kept, const struct dance_config *config)
{
    char failure[DANCE_CHAIN_FILE_WHY_MAX] = "out of memory";
    struct dance_file_stamp stamp;
    const char *why = failure;
    uint8_t *octets;
    size_t len = 0;

    if (dance_file_stamp(config->chain_file, &stamp)
        && !dance_file_stamp_differs(&stamp, &kept->stamp))
        return;
    octets = OPENSSL_malloc(DANCE_CHAIN_MAX);
    if (octets != NULL)
        len = dance_chain_file_read(config->chain_file, octets, &stamp, failure);
    if (len > 0 && adopt(kept, config, octets, len, &why))
        kept->stamp = stamp;
    else
        complain(kept, config, why);
    OPENSSL_free(octets);
}

/* With the lock held: has what was asked for come? */
static void look(struct kept *kept, const struct dance_config *config, long long now)
{
    struct dance_wire_collected collected;
    uint8_t *message = NULL;
    char text[WHY_MAX] = "";
    const char *why = text;
    bool ok = false;

    switch (dance_collect_look(&kept->asked, &message, &collected, text, sizeof(text))) {
    case DANCE_COLLECT_WAITS:
        if (now - kept->asked_ms < LOST_MS)
            return;
        dance_kept_fd_close(&kept->asked);
        (void)snprintf(text, sizeof(text), "the resolver does not answer");
        break;
    case DANCE_COLLECT_CAME:
        kept->due_ms = now + (long long)collected.ttl * 1000;
        if (collected.status == DANCE_WIRE_SECURE)
            ok = adopt(kept, config, collected.chain, collected.chain_len, &why);
        else
            (void)snprintf(text, sizeof(text), "there is none of %s: %.*s", config->identity,
                           (int)collected.reason_len, collected.reason);
        break;
    case DANCE_COLLECT_LOST:
        break;
    }
    if (!ok)
        complain(kept, config, why);
    if (kept->due_ms < now + (ok ? AGAIN_MS : RETRY_MS))
        kept->due_ms = now + (ok ? AGAIN_MS : RETRY_MS);
    OPENSSL_free(message);
}

/* With the lock held: is it time for the next one? By a clock that may stand still with the
 * machine, so that what does not hold any more is a reason, too. */
static bool is_due(const struct kept *kept, long long now)
{
    const struct dance_chain *chain = atomic_load(&kept->chain);

    return now >= kept->due_ms
           || (chain != NULL && !holds(chain) && now - kept->asked_ms >= RETRY_MS);
}

/* With the lock held. */
static void ask(struct kept *kept, const struct dance_config *config, long long now)
{
    char name[DANCE_NAME_MAX + 1];
    char failure[512] = "";
    char text[WHY_MAX];

    kept->asked_ms = now;
    dance_owner_name_lower(name, config->identity, strlen(config->identity));
    kept->asked = dance_collect_send(name, strlen(name), failure, sizeof(failure));
    if (kept->asked.fd >= 0)
        return;
    kept->due_ms = now + RETRY_MS;
    (void)snprintf(text, sizeof(text), "the resolver cannot be asked: %s", failure);
    complain(kept, config, text);
}

/* With the lock held. */
static void update(struct kept *kept, const struct dance_config *config)
{
    long long now = dance_now_ms();

    if (config->client_chain == DANCE_CHAIN_OF_FILE) {
        if (now < kept->due_ms)
            return;
        kept->due_ms = now + DANCE_FILES_INTERVAL_MS;
        read_file(kept, config);
        return;
    }
    if (kept->asked.fd >= 0)
        look(kept, config, now);
    if (kept->asked.fd < 0 && is_due(kept, now))
        ask(kept, config, now);
}

/* As it is now, one reference for the caller. */
static struct dance_chain *current(void)
{
    const struct dance_config *config = dance_config();
    struct dance_chain *chain;
    struct kept *kept;

    if (config->client_chain == DANCE_CHAIN_NO || !config->present[DANCE_SECTION_CLIENT]
        || dance_config_fault(config, DANCE_SECTION_CLIENT) != NULL
        || (kept = dance_process_object(&slot)) == NULL)
        return NULL;
    ERR_set_mark();
    (void)pthread_mutex_lock(&kept->lock);
    update(kept, config);
    chain = up_ref(atomic_load(&kept->chain));
    (void)pthread_mutex_unlock(&kept->lock);
    ERR_pop_to_mark();
    return chain;
}

void dance_chain_open(void)
{
    dance_chain_free(current());
}

struct dance_chain *dance_chain_get(void)
{
    struct dance_chain *chain = current();

    if (chain == NULL || holds(chain))
        return chain;
    if (atomic_exchange(&chain->said, 1) == 0)
        dance_log(DANCE_LOG_ERROR,
                  "client.chain = %s: the chain's signatures hold from %lld to %lld (seconds since "
                  "1970), which is not now; it is not sent",
                  value(dance_config()), (long long)chain->from, (long long)chain->until);
    dance_chain_free(chain);
    return NULL;
}
