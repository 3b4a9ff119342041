/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/credential.h"

#include "files/stamp.h"
#include "log.h"
#include "owner_name.h"
#include "process.h"
#include "reasons.h"

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define STORE_OBJECTS_MAX 100 /* of one file: a chain is a few */
#define CN_MAX 64             /* ub-common-name of RFC 5280, appendix A.1 */

/* What the files were when they were read. */
struct credential_stamps {
    struct dance_file_stamp key;
    struct dance_file_stamp certificate;
    long long looked_ms;
};

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
    EVP_PKEY_free(credential->key);
    X509_free(credential->leaf);
    sk_X509_pop_free(credential->chain, X509_free);
    OPENSSL_free(credential->stamps);
    OPENSSL_free(credential);
}

/* Instead of OpenSSL's prompt: there is no passphrase. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return -1;
}

/*
 * Read the private key into *key, or the certificates into certificates,
 * whichever is not NULL, from a file or URI. 1 when anything was found.
 */
static int load(const char *uri, EVP_PKEY **key, STACK_OF(X509) * certificates)
{
    UI_METHOD *silent = UI_UTIL_wrap_read_pem_callback(no_passphrase, 0);
    OSSL_STORE_CTX *store = NULL;
    int found = 0;

    if (silent != NULL)
        store = OSSL_STORE_open(uri, silent, NULL, NULL, NULL);
    for (int i = 0; store != NULL && i < STORE_OBJECTS_MAX && !OSSL_STORE_eof(store); i++) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        X509 *x;

        if (info == NULL)
            continue;
        if (key != NULL && *key == NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY) {
            *key = OSSL_STORE_INFO_get1_PKEY(info);
            found = *key != NULL;
        } else if (certificates != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_CERT) {
            x = OSSL_STORE_INFO_get1_CERT(info);
            if (x != NULL && sk_X509_push(certificates, x) > 0)
                found = 1;
            else
                X509_free(x);
        }
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    UI_destroy_method(silent);
    return found;
}

static int add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    int ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    extension = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    ok = extension != NULL && X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

X509 *dance_credential_self_signed(EVP_PKEY *key, const char *identity)
{
    X509 *x = X509_new();
    X509 *decoded = NULL;
    X509_NAME *subject = X509_NAME_new();
    bool named = strlen(identity) <= CN_MAX;
    BIGNUM *serial = BN_new();
    char name[DANCE_NAME_MAX + 1];
    char san[sizeof("critical,DNS:") + DANCE_NAME_MAX];

    dance_owner_name_lower(name, identity, strlen(identity));
    (void)BIO_snprintf(san, sizeof(san), "%sDNS:%s", named ? "" : "critical,", name);
    if (x != NULL && subject != NULL && serial != NULL && X509_set_version(x, X509_VERSION_3)
        && BN_rand(serial, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY)
        && BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) != NULL
        /* The type itself: for MBSTRING_UTF8 the application's default mask would choose one. */
        && (!named
            || X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_UTF8STRING,
                                          (const unsigned char *)name, -1, -1, 0))
        && X509_set_subject_name(x, subject)
        && X509_set_issuer_name(x, subject)
        /* A day back for clocks that differ; the end of RFC 5280, section 4.1.2.5. */
        && X509_gmtime_adj(X509_getm_notBefore(x), -86400L) != NULL
        && ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z")
        && X509_set_pubkey(x, key) && add_extension(x, NID_subject_alt_name, san)
        && add_extension(x, NID_basic_constraints, "critical,CA:FALSE")
        && add_extension(x, NID_key_usage, "critical,digitalSignature")
        && add_extension(x, NID_ext_key_usage, "clientAuth")
        /* No digest: the key's own default, which also is right for Ed25519. */
        && X509_sign(x, key, NULL) > 0)
        /* What was decoded keeps its octets; what was made is encoded anew in each handshake. */
        decoded = X509_dup(x);
    X509_free(x);
    X509_NAME_free(subject);
    BN_free(serial);
    return decoded;
}

/*
 * Say in the log why the credential cannot be used, with the last thing on the
 * queue. What follows the '?' of a URI stays out: a PIN may be there.
 */
static void complain(const char *key, const char *value, const char *what)
{
    char text[256] = "";
    unsigned long error = ERR_peek_last_error();

    if (error != 0)
        ERR_error_string_n(error, text, sizeof(text));
    dance_log(DANCE_LOG_ERROR, "%s = %.*s: %s%s%s; no identity is sent", key,
              (int)strcspn(value, "?"), value, what, error != 0 ? ": " : "", text);
}

/* The key, and the chain or a certificate made for it. Errors are on the queue and logged. */
static struct dance_credential *make(const struct dance_config *config)
{
    struct dance_credential *c = OPENSSL_zalloc(sizeof(*c));

    if (c == NULL)
        return NULL;
    atomic_init(&c->references, 1);
    c->stamps = OPENSSL_zalloc(sizeof(*c->stamps));
    if (c->stamps == NULL)
        goto fail;
    (void)dance_file_stamp(config->private_key, &c->stamps->key);
    (void)dance_file_stamp(config->certificate, &c->stamps->certificate);
    if (!load(config->private_key, &c->key, NULL)) {
        complain("client.private_key", config->private_key,
                 "no private key without a passphrase can be read from it");
        goto fail;
    }
    if (config->certificate == NULL) {
        c->leaf = dance_credential_self_signed(c->key, config->identity);
        if (c->leaf == NULL) {
            complain("client.private_key", config->private_key,
                     "no certificate can be made with this key");
            goto fail;
        }
        return c;
    }
    c->chain = sk_X509_new_null();
    if (c->chain == NULL || !load(config->certificate, NULL, c->chain)) {
        complain("client.certificate", config->certificate, "no certificate can be read from it");
        goto fail;
    }
    c->leaf = sk_X509_shift(c->chain);
    if (X509_check_private_key(c->leaf, c->key) != 1) {
        complain("client.certificate", config->certificate,
                 "its first certificate is not for client.private_key");
        goto fail;
    }
    return c;

fail:
    dance_credential_free(c);
    return NULL;
}

static bool changed(const struct dance_config *config, const struct dance_credential *c)
{
    struct dance_file_stamp stamp;

    return (dance_file_stamp(config->private_key, &stamp)
            && dance_file_stamp_differs(&stamp, &c->stamps->key))
           || (config->certificate != NULL && dance_file_stamp(config->certificate, &stamp)
               && dance_file_stamp_differs(&stamp, &c->stamps->certificate));
}

/* Of one process. */
struct kept {
    pthread_mutex_t lock; /* held while the files are read again */
    struct dance_credential *credential;
};

static void *make_kept(const void *parents)
{
    const struct kept *parent = parents;
    struct kept *kept = OPENSSL_zalloc(sizeof(*kept));

    if (kept == NULL)
        return NULL;
    (void)pthread_mutex_init(&kept->lock, NULL);
    kept->credential = parent != NULL ? dance_credential_up_ref(parent->credential) : NULL;
    return kept;
}

static void discard_kept(void *object)
{
    struct kept *kept = object;

    (void)pthread_mutex_destroy(&kept->lock);
    dance_credential_free(kept->credential);
    OPENSSL_free(kept);
}

static const struct dance_slot slot = {make_kept, discard_kept};

struct dance_credential *dance_credential_get(void)
{
    const struct dance_config *config = dance_config();
    struct kept *kept = dance_process_object(&slot);
    struct dance_credential *c;
    long long now = dance_now_ms();

    if (kept == NULL || !config->present[DANCE_SECTION_CLIENT]
        || dance_config_fault(config, DANCE_SECTION_CLIENT) != NULL)
        return NULL;
    ERR_set_mark();
    (void)pthread_mutex_lock(&kept->lock);
    c = kept->credential;
    if (c == NULL) {
        c = kept->credential = make(config);
    } else if (now - c->stamps->looked_ms >= DANCE_FILES_INTERVAL_MS) {
        c->stamps->looked_ms = now;
        if (changed(config, c)) {
            /* Files that are being replaced may not fit together yet: then the old ones serve. */
            struct dance_credential *fresh = make(config);

            if (fresh != NULL) {
                fresh->stamps->looked_ms = now;
                kept->credential = fresh;
                dance_credential_free(c);
                c = fresh;
                dance_log(DANCE_LOG_INFO, "read the changed credential of %s", config->identity);
            }
        }
    }
    c = dance_credential_up_ref(c);
    (void)pthread_mutex_unlock(&kept->lock);
    ERR_pop_to_mark();
    return c;
}

void dance_credential_open(void)
{
    dance_credential_free(dance_credential_get());
}
