/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/credential.h"

#include "client/unsent.h"
#include "log.h"
#include "openssl/compat.h"
#include "process.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_LOAD_WAIT_SECONDS 3
#define REASON_MAX 512

/* Of one process. */
struct kept {
    pthread_mutex_t lock; /* for a few instructions, and while nothing but those here runs */
    pthread_cond_t read;  /* somebody has read, or has not been able to */
    _Atomic(struct dance_credential *) credential; /* changes with the lock held */
    bool reading;
    bool over;                  /* this process ends: nothing is read any more */
    bool ended_by;              /* it has been seen to that we hear of it */
    struct timespec wait_until; /* how long others wait for whoever reads the first */
    long long looked_ms;        /* when the files were last looked at, or 0 */
    /* Why it could not be read the last time; may be empty. Whoever reads writes it. */
    char reason[REASON_MAX];
};

/* This thread reads, or lets a key go: whatever comes from inside takes what is there. */
static _Thread_local bool inside;

static void *make_kept(const void *parents)
{
    const struct kept *parent = parents;
    struct kept *kept = OPENSSL_zalloc(sizeof(*kept));
    pthread_condattr_t monotonic;

    if (kept == NULL)
        return NULL;
    (void)pthread_mutex_init(&kept->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&kept->read, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (parent != NULL)
        atomic_store(&kept->credential, dance_credential_up_ref(atomic_load(&parent->credential)));
    return kept;
}

static void discard_kept(void *object)
{
    struct kept *kept = object;

    (void)pthread_cond_destroy(&kept->read);
    (void)pthread_mutex_destroy(&kept->lock);
    dance_credential_free(atomic_load(&kept->credential));
    OPENSSL_free(kept);
}

static const struct dance_slot slot = {make_kept, discard_kept};

struct dance_credential *dance_credential_up_ref(struct dance_credential *credential)
{
    if (credential != NULL)
        (void)atomic_fetch_add(&credential->references, 1);
    return credential;
}

void dance_credential_free(struct dance_credential *credential)
{
    if (credential == NULL || atomic_fetch_sub(&credential->references, 1) != 1)
        return;
    /*
     * To let a TPM's key go is to take it out of the TPM, from under the process
     * that forked this one and goes on to use it.
     */
    dance_load_free(credential,
                    credential->foreign && credential->keeper != dance_process_object(&slot));
}

/* Put fresh (may be NULL) in the place of what is there. */
static void replace(struct kept *kept, struct dance_credential *fresh)
{
    struct dance_credential *old;

    (void)pthread_mutex_lock(&kept->lock);
    old = atomic_exchange(&kept->credential, fresh);
    (void)pthread_mutex_unlock(&kept->lock);
    dance_credential_free(old);
}

/*
 * The process ends: a key that is in somebody else's hands is given back while
 * all libraries are still there. Without that a TPM keeps it until the next reset.
 */
static void on_end(void)
{
    struct kept *kept = dance_process_object(&slot);
    const struct dance_credential *c;

    if (kept == NULL)
        return;
    (void)pthread_mutex_lock(&kept->lock);
    c = atomic_load(&kept->credential);
    kept->over = c != NULL && c->foreign;
    (void)pthread_mutex_unlock(&kept->lock);
    if (kept->over)
        replace(kept, NULL);
}

/*
 * Be told of the end: behind OPENSSL_cleanup() the key's provider is gone, and it
 * may come early, or (OpenSSL 4) not at all. Now, because what is asked for last is
 * done first, before the end of the libraries that have come with the key.
 */
static void hear_of_the_end(struct kept *kept)
{
    if (kept->ended_by)
        return;
    kept->ended_by = true;
    dance_at_end(on_end);
}

/* A reason that is not the last one's, in the log. */
static void complain(struct kept *kept, const char *why)
{
    if (strcmp(kept->reason, why) == 0)
        return;
    (void)snprintf(kept->reason, sizeof(kept->reason), "%s", why);
    dance_log(DANCE_LOG_ERROR, "%s; %s", why,
              atomic_load(&kept->credential) != NULL
                  ? "the key and certificate that were read before stay in use"
                  : "no identity is sent");
}

/*
 * A key in somebody else's hands may be of no use to a child: its library logs in anew,
 * and where it did so with what stood in the URI it would ask for a PIN now.
 */
static bool is_lost(const struct kept *kept, const struct dance_credential *c)
{
    return kept->looked_ms == 0 && c->foreign && c->keeper != kept && !dance_load_works(c);
}

/* By one thread at a time. before: what is there, or NULL. */
static void read_again(struct kept *kept, const struct dance_config *config,
                       const struct dance_credential *before)
{
    char why[REASON_MAX] = "";
    struct dance_credential *fresh = NULL;
    bool lost;

    ERR_set_mark();
    lost = before != NULL && is_lost(kept, before);
    if (before != NULL && !lost && !dance_load_differs(before, config)) {
        ERR_pop_to_mark();
        return;
    }
    if (lost)
        replace(kept, NULL);
    fresh = dance_load(config, why, sizeof(why));
    ERR_pop_to_mark();
    if (fresh == NULL) {
        /* Files that are being replaced may not fit together yet: then the old ones serve. */
        complain(kept, why);
        return;
    }
    atomic_init(&fresh->references, 1);
    fresh->keeper = kept;
    fresh->lib_ctx = OSSL_LIB_CTX_set0_default(NULL);
    if (fresh->foreign)
        hear_of_the_end(kept);
    if ((before != NULL && !lost) || kept->reason[0] != '\0')
        dance_log(DANCE_LOG_INFO, "read the changed credential of %s", config->identity);
    kept->reason[0] = '\0';
    replace(kept, fresh);
}

/* With the lock held: is it time to look at the files? */
static bool is_due(const struct kept *kept)
{
    return !kept->reading && !kept->over
           && (kept->looked_ms == 0 || dance_now_ms() - kept->looked_ms >= DANCE_FILES_INTERVAL_MS);
}

/* With the lock held, which is let go meanwhile. */
static void look(struct kept *kept, const struct dance_config *config)
{
    struct dance_credential *before = dance_credential_up_ref(atomic_load(&kept->credential));

    kept->reading = true;
    (void)clock_gettime(CLOCK_MONOTONIC, &kept->wait_until);
    kept->wait_until.tv_sec += FIRST_LOAD_WAIT_SECONDS;
    (void)pthread_mutex_unlock(&kept->lock);
    inside = true;
    read_again(kept, config, before);
    dance_credential_free(before);
    inside = false;
    (void)pthread_mutex_lock(&kept->lock);
    kept->reading = false;
    kept->looked_ms = dance_now_ms();
    (void)pthread_cond_broadcast(&kept->read);
}

/*
 * With the lock held: somebody reads the first one. A client that goes on without
 * him goes without identity. He may wait for this very thread: then it is not for long,
 * and once for all that he makes it do.
 */
static void wait_for_the_first(struct kept *kept)
{
    while (kept->reading && kept->looked_ms == 0
           && pthread_cond_timedwait(&kept->read, &kept->lock, &kept->wait_until) != ETIMEDOUT)
        continue;
}

static struct dance_credential *get(bool wait)
{
    const struct dance_config *config = dance_config();
    struct kept *kept = dance_process_object(&slot);
    struct dance_credential *c;

    if (kept == NULL || !config->present[DANCE_SECTION_CLIENT]
        || dance_config_fault(config, DANCE_SECTION_CLIENT) != NULL)
        return NULL;
    (void)pthread_mutex_lock(&kept->lock);
    if (!inside && is_due(kept))
        look(kept, config);
    else if (!inside && wait && atomic_load(&kept->credential) == NULL)
        wait_for_the_first(kept);
    c = dance_credential_up_ref(atomic_load(&kept->credential));
    (void)pthread_mutex_unlock(&kept->lock);
    return c;
}

struct dance_credential *dance_credential_get(void)
{
    return get(true);
}

void dance_credential_open(void)
{
    dance_credential_free(get(false));
}

void dance_credential_does_not_sign(const SSL *ssl)
{
    char text[256] = "no reason given";
    /* The first of this handshake: libssl begins with an empty queue, and adds what it was doing.
     */
    unsigned long error = ERR_peek_error();

    if (error != 0)
        ERR_error_string_n(error, text, sizeof(text));
    dance_log(DANCE_LOG_ERROR, "the key of %s does not sign, the handshake with %s has failed: %s",
              dance_config()->identity, dance_client_server(ssl), text);
}

void dance_credential_drop(const OSSL_LIB_CTX *lib_ctx)
{
    const struct dance_config *config = dance_config();
    struct kept *kept = config != NULL && config->present[DANCE_SECTION_CLIENT]
                            ? dance_process_object(&slot)
                            : NULL;
    const struct dance_credential *c;
    bool of_it;

    if (kept == NULL)
        return;
    (void)pthread_mutex_lock(&kept->lock);
    c = atomic_load(&kept->credential);
    of_it = c != NULL && c->lib_ctx == lib_ctx;
    (void)pthread_mutex_unlock(&kept->lock);
    if (!of_it)
        return;
    inside = true;
    replace(kept, NULL);
    inside = false;
}
