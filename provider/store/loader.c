/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "store/loader.h"

#include "log.h"
#include "lookup/ask.h"
#include "lookup/channel.h"
#include "process.h"
#include "reasons.h"
#include "store/choice.h"
#include "store/text.h"
#include "store/uri.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

static OSSL_FUNC_store_open_fn store_open;
static OSSL_FUNC_store_settable_ctx_params_fn store_settable_ctx_params;
static OSSL_FUNC_store_set_ctx_params_fn store_set_ctx_params;
static OSSL_FUNC_store_load_fn store_load;
static OSSL_FUNC_store_eof_fn store_eof;
static OSSL_FUNC_store_close_fn store_close;

/*
 * Loaders of the openssl program count an error only if the end has not been
 * reached with it, and then load again: so failing takes two steps.
 */
enum stage { OPENED, LOOKED_UP, FAILED, ENDED };

/* One opened dane: URI. */
struct store {
    char owner[DANCE_NAME_MAX + 1];
    enum stage stage;
    int expect;         /* OSSL_STORE_INFO_..., 0: anything */
    X509_NAME *subject; /* what is searched for; NULL: no search */
    bool refused;       /* a search was asked for that cannot be made: then nothing is given out */
    struct dance_lookup *lookup; /* what items point into */
    struct dance_store_item items[DANCE_STORE_ITEMS_MAX];
    size_t count;
    size_t next;
};

struct detail {
    char text[1024];
};

/* What an error is about, a URI or an owner name, and what is behind it (may be empty). */
static struct detail about(const char *what, const char *why)
{
    struct detail detail;

    (void)snprintf(detail.text, sizeof(detail.text), "%.300s%s%s", what, *why != '\0' ? ": " : "",
                   why);
    return detail;
}

/* What is wrong with the configuration; NULL when lookups can be made. */
static const char *configuration_fault(void)
{
    const struct dance_config *config = dance_config();

    if (config == NULL || !config->present[DANCE_SECTION_DNS])
        return "a dane: URI needs the dns section";
    return dance_config_fault(config, DANCE_SECTION_DNS);
}

static void *store_open(void *provctx, const char *uri)
{
    struct store *store = OPENSSL_zalloc(sizeof(*store));
    const char *fault;

    (void)provctx;
    if (store == NULL) {
        dance_raise(DANCE_R_MEMORY, NULL);
        return NULL;
    }
    fault = dance_store_uri_owner(uri, store->owner);
    if (fault != NULL) {
        dance_raise(DANCE_R_STORE_URI, about(uri, fault).text);
    } else if ((fault = configuration_fault()) != NULL) {
        dance_raise(DANCE_R_CONFIGURATION, fault);
    } else {
        dance_log_open();
        dance_channel_open();
        return store;
    }
    OPENSSL_free(store);
    return NULL;
}

static const OSSL_PARAM *store_settable_ctx_params(void *provctx)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
                                       OSSL_PARAM_octet_string(OSSL_STORE_PARAM_SUBJECT, NULL, 0),
                                       OSSL_PARAM_END};

    (void)provctx;
    return types;
}

/* Whoever asked for a search may go on loading although it was refused; OpenSSL itself does so. */
static int refuse(struct store *store, const char *parameter)
{
    store->refused = true;
    dance_raise(DANCE_R_STORE_SEARCH, about(store->owner, parameter).text);
    return 0;
}

static int set_subject(struct store *store, const OSSL_PARAM *param)
{
    const void *der = NULL;
    const unsigned char *at;
    X509_NAME *subject = NULL;
    size_t len = 0;

    if (OSSL_PARAM_get_octet_string_ptr(param, &der, &len) && der != NULL && len <= INT32_MAX) {
        at = der;
        subject = d2i_X509_NAME(NULL, &at, (long)len);
        if (subject != NULL && at == (const unsigned char *)der + len) {
            X509_NAME_free(store->subject);
            store->subject = subject;
            return 1;
        }
    }
    X509_NAME_free(subject);
    return 0;
}

static int store_set_ctx_params(void *loaderctx, const OSSL_PARAM params[])
{
    static const char *const other_searches[] = {OSSL_STORE_PARAM_ISSUER, OSSL_STORE_PARAM_SERIAL,
                                                 OSSL_STORE_PARAM_FINGERPRINT,
                                                 OSSL_STORE_PARAM_ALIAS};
    struct store *store = loaderctx;
    const OSSL_PARAM *p;

    if (params == NULL)
        return 1;
    for (size_t i = 0; i < sizeof(other_searches) / sizeof(other_searches[0]); i++) {
        if (OSSL_PARAM_locate_const(params, other_searches[i]) != NULL)
            return refuse(store, other_searches[i]);
    }
    /*
     * Values of the wrong form can only have been given to OSSL_STORE_open_ex(),
     * which in OpenSSL 3.0 goes on with a freed store when they are refused
     * here. So they are not: loading fails instead.
     */
    p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);
    if (p != NULL && !OSSL_PARAM_get_int(p, &store->expect))
        store->refused = true;
    p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_SUBJECT);
    if (p != NULL && !set_subject(store, p))
        store->refused = true;
    return 1;
}

/* In a search nobody may look at the queue: verification only says that there is no issuer. */
static int fail(const struct store *store, enum dance_reason reason, const char *why)
{
    dance_raise(reason, about(store->owner, why).text);
    if (store->subject != NULL)
        dance_log(DANCE_LOG_INFO, "no trust anchor from dane:%s: %s%s%s%s", store->owner,
                  dance_reason_text(reason), *why != '\0' ? " (" : "", why,
                  *why != '\0' ? ")" : "");
    return 0;
}

static int look_up(struct store *store)
{
    const struct dance_store_wish wish = {store->expect, store->subject};

    if (store->refused)
        return fail(store, DANCE_R_STORE_SEARCH, "");
    store->lookup = dance_lookup_new();
    if (store->lookup == NULL)
        return fail(store, DANCE_R_MEMORY, "");
    if (!dance_lookup_run(store->lookup, store->owner, strlen(store->owner), false))
        return fail(store, DANCE_R_RESOLVER, store->lookup->why);
    if (store->lookup->answer.status != DANCE_WIRE_SECURE)
        return fail(store, dance_reason_of_status(store->lookup->answer.status),
                    store->lookup->why);
    store->count = dance_store_choose(&store->lookup->answer, &wish, store->items);
    if (store->count == 0 && store->subject != NULL)
        dance_log(DANCE_LOG_DEBUG,
                  "no trust anchor from dane:%s: no TLSA 2 0 0 record there has that subject",
                  store->owner);
    return 1;
}

static int give_name(const struct store *store, const struct dance_wire_record *record,
                     OSSL_CALLBACK *object_cb, void *object_cbarg)
{
    int type = OSSL_OBJECT_NAME;
    char *name = dance_store_text_name(store->owner, record);
    char meaning[256];
    OSSL_PARAM params[4];
    int ok;

    if (name == NULL) {
        dance_raise(DANCE_R_MEMORY, NULL);
        return 0;
    }
    dance_store_text_meaning(meaning, sizeof(meaning), record, store->lookup->answer.ttl,
                             dance_store_remark(record));
    params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA, name, 0);
    params[2] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DESC, meaning, 0);
    params[3] = OSSL_PARAM_construct_end();
    ok = object_cb(params, object_cbarg);
    OPENSSL_free(name);
    return ok;
}

/* Give der as an object of type; kind (may be NULL) is the parameter that says more about it. */
static int give_der(int type, const char *kind, const char *value, const void *der, size_t len,
                    OSSL_CALLBACK *object_cb, void *object_cbarg)
{
    OSSL_PARAM params[4];
    size_t count = 0;

    /* The constructors take no const, and nothing is written through them. */
    params[count++] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type);
    params[count++] =
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, (void *)(uintptr_t)der, len);
    if (kind != NULL)
        params[count++] =
            OSSL_PARAM_construct_utf8_string(kind, (char *)(uintptr_t)value, strlen(value));
    params[count] = OSSL_PARAM_construct_end();
    return object_cb(params, object_cbarg);
}

static int give_anchor(const struct store *store, const struct dance_wire_record *record,
                       OSSL_CALLBACK *object_cb, void *object_cbarg)
{
    if (store->subject != NULL)
        dance_log(DANCE_LOG_INFO, "trust anchor from dane:%s (TLSA 2 0 0, TTL %lu s)", store->owner,
                  (unsigned long)store->lookup->answer.ttl);
    return give_der(OSSL_OBJECT_CERT, NULL, NULL, record->rdata + 3, record->len - 3, object_cb,
                    object_cbarg);
}

static int give_rejected(const struct dance_wire_record *record, OSSL_CALLBACK *object_cb,
                         void *object_cbarg)
{
    unsigned char *der;
    size_t len = dance_store_rejected_der(record, &der);
    int ok = 0;

    if (len > 0)
        ok = give_der(OSSL_OBJECT_CERT, OSSL_OBJECT_PARAM_DATA_TYPE, PEM_STRING_X509_TRUSTED, der,
                      len, object_cb, object_cbarg);
    else
        dance_raise(DANCE_R_MEMORY, NULL);
    OPENSSL_free(der);
    return ok;
}

static int give(const struct store *store, const struct dance_store_item *item,
                OSSL_CALLBACK *object_cb, void *object_cbarg)
{
    const struct dance_wire_record *record = item->record;

    switch (item->kind) {
    case DANCE_STORE_NAME:
        return give_name(store, record, object_cb, object_cbarg);
    case DANCE_STORE_ANCHOR:
        return give_anchor(store, record, object_cb, object_cbarg);
    case DANCE_STORE_REJECTED:
        return give_rejected(record, object_cb, object_cbarg);
    case DANCE_STORE_KEY:
        return give_der(OSSL_OBJECT_PKEY, OSSL_OBJECT_PARAM_DATA_STRUCTURE, "SubjectPublicKeyInfo",
                        record->rdata + 3, record->len - 3, object_cb, object_cbarg);
    }
    return 0;
}

static int store_load(void *loaderctx, OSSL_CALLBACK *object_cb, void *object_cbarg,
                      OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_cbarg)
{
    struct store *store = loaderctx;
    int ok;

    (void)pw_cb;
    (void)pw_cbarg;
    if (store->stage == OPENED)
        store->stage = look_up(store) ? LOOKED_UP : FAILED;
    else if (store->stage == FAILED)
        store->stage = ENDED;
    if (store->stage != LOOKED_UP)
        return 0;
    /* Nothing of what was asked for is there: no object, and the end. */
    if (store->next == store->count)
        return 1;
    /* OpenSSL (3.5) leaves errors on the queue while it tries what a good object could be. */
    ERR_set_mark();
    ok = give(store, &store->items[store->next++], object_cb, object_cbarg);
    if (ok)
        ERR_pop_to_mark();
    else
        ERR_clear_last_mark();
    return ok;
}

static int store_eof(void *loaderctx)
{
    const struct store *store = loaderctx;

    return store->stage == ENDED || (store->stage == LOOKED_UP && store->next == store->count);
}

static int store_close(void *loaderctx)
{
    struct store *store = loaderctx;

    dance_lookup_free(store->lookup);
    X509_NAME_free(store->subject);
    OPENSSL_free(store);
    return 1;
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_STORE_OPEN, (void (*)(void))store_open},
    {OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, (void (*)(void))store_settable_ctx_params},
    {OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))store_set_ctx_params},
    {OSSL_FUNC_STORE_LOAD, (void (*)(void))store_load},
    {OSSL_FUNC_STORE_EOF, (void (*)(void))store_eof},
    {OSSL_FUNC_STORE_CLOSE, (void (*)(void))store_close},
    {0, NULL}};

/*
 * fips=yes as OpenSSL's own file: store has it: there is no cryptography in it, and without that
 * nobody finds it where default_properties = fips=yes.
 */
const OSSL_ALGORITHM dance_store_algorithms[] = {
    {"dane", "provider=dance,fips=yes", functions, "TLSA records from the DNS"},
    {NULL, NULL, NULL, NULL}};
