/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/load.h"

#include "client/quiet.h"
#include "log.h"
#include "owner_name.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define STORE_OBJECTS_MAX 100 /* of one file: a chain is a few */
#define CN_MAX 64             /* ub-common-name of RFC 5280, appendix A.1 */

/* Instead of OpenSSL's prompt: there is no passphrase. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return -1;
}

/* The key that an object is, of a kind that is taken; NULL when it is none. */
static EVP_PKEY *key_of(const OSSL_STORE_INFO *info, bool public_too)
{
    if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
        return OSSL_STORE_INFO_get1_PKEY(info);
    if (public_too && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PUBKEY)
        return OSSL_STORE_INFO_get1_PUBKEY(info);
    return NULL;
}

int dance_load_objects(const char *uri, EVP_PKEY **key, bool public_too,
                       STACK_OF(X509) * certificates)
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
        if (key != NULL && *key == NULL && (*key = key_of(info, public_too)) != NULL) {
            found = 1;
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

X509 *dance_credential_self_signed(EVP_PKEY *key, const char *identity, X509_EXTENSION *more)
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
        && (more == NULL || X509_add_ext(x, more, -1))
        /* No digest: the key's own default, which also is right for Ed25519. */
        && X509_sign(x, key, NULL) > 0)
        /* What was decoded keeps its octets; what was made is encoded anew in each handshake. */
        decoded = X509_dup(x);
    X509_free(x);
    X509_NAME_free(subject);
    BN_free(serial);
    return decoded;
}

/* What kind of place a value of the configuration names; the rest of it is nobody's business. */
static const char *kind_of(const char *value, char scheme[32])
{
    size_t len = strcspn(value, ":/");

    if (value[len] != ':' || len == 0 || len > 24)
        return "a file";
    (void)snprintf(scheme, 32, "%.*s: URI", (int)len, value);
    return scheme;
}

/* What is wrong with the value of a key, and an error of OpenSSL's (or 0), without its data. */
static void explain(char *why, size_t why_size, const char *key, const char *value,
                    const char *what, unsigned long error)
{
    char text[256] = "";
    char scheme[32];

    if (error != 0)
        ERR_error_string_n(error, text, sizeof(text));
    (void)snprintf(why, why_size, "%s (%s): %s%s%s", key, kind_of(value, scheme), what,
                   error != 0 ? ": " : "", text);
}

/* The key's operations are not OpenSSL's own. */
static bool is_foreign(const EVP_PKEY *key)
{
    const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);
    const char *name = provider != NULL ? OSSL_PROVIDER_get0_name(provider) : "default";

    return strcmp(name, "default") != 0 && strcmp(name, "fips") != 0;
}

/* One signature, as libssl would want it with this digest. */
static bool signs_with(EVP_PKEY *key, const char *digest, unsigned long *error)
{
    static const unsigned char text[] = "dance";
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pkey_ctx = NULL;
    unsigned char *signature = NULL;
    size_t len = 0;
    bool good = ctx != NULL
                && EVP_DigestSignInit_ex(ctx, &pkey_ctx, digest, NULL, NULL, key, NULL) > 0
                && (!EVP_PKEY_is_a(key, "RSA")
                    || (EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING) > 0
                        && EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, RSA_PSS_SALTLEN_DIGEST) > 0))
                && EVP_DigestSign(ctx, NULL, &len, text, sizeof(text)) > 0
                && (signature = OPENSSL_malloc(len)) != NULL
                && EVP_DigestSign(ctx, signature, &len, text, sizeof(text)) > 0;

    /* To free it may be another call of its library, which may empty the queue. */
    if (!good)
        *error = ERR_peek_last_error();
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(signature);
    return good;
}

/*
 * A key in somebody else's hands is tried: what its library needs for a signature
 * (a PIN for each one, say) it would ask for in the middle of a handshake.
 */
static bool signs(EVP_PKEY *key, unsigned long *error)
{
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512"};

    if (EVP_PKEY_is_a(key, "EC"))
        return signs_with(
            key, digests[(EVP_PKEY_get_bits(key) > 256) + (EVP_PKEY_get_bits(key) > 384)], error);
    if (!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "RSA-PSS"))
        return signs_with(key, NULL, error);
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        if (signs_with(key, digests[i], error))
            return true;
    }
    return false;
}

static size_t length_of(const X509 *x)
{
    int len = i2d_X509(x, NULL);

    return len > 0 ? (size_t)len : 0;
}

/* Servers have a bound, and then say no more than that something was too large. */
static void note_length(const struct dance_credential *loaded)
{
    size_t len = length_of(loaded->leaf);

    for (int i = 0; i < sk_X509_num(loaded->chain); i++)
        len += length_of(sk_X509_value(loaded->chain, i));
    if (len > SSL_MAX_CERT_LIST_DEFAULT)
        dance_log(DANCE_LOG_INFO,
                  "client.certificate: it and its chain have %zu octets; servers with OpenSSL take "
                  "%d, if they are not told otherwise",
                  len, SSL_MAX_CERT_LIST_DEFAULT);
}

static bool load_certificate(const struct dance_config *config, struct dance_credential *out,
                             char *why, size_t why_size)
{
    out->chain = sk_X509_new_null();
    if (out->chain == NULL || !dance_load_objects(config->certificate, NULL, false, out->chain)) {
        explain(why, why_size, "client.certificate", config->certificate,
                "no certificate can be read from it", ERR_peek_last_error());
        return false;
    }
    out->leaf = sk_X509_shift(out->chain);
    if (X509_check_private_key(out->leaf, out->key) != 1) {
        explain(why, why_size, "client.certificate", config->certificate,
                "its first certificate is not for client.private_key", ERR_peek_last_error());
        return false;
    }
    note_length(out);
    return true;
}

static bool load_all(const struct dance_config *config, struct dance_credential *out, char *why,
                     size_t why_size)
{
    unsigned long error = 0;

    (void)dance_file_stamp(config->private_key, &out->key_stamp);
    (void)dance_file_stamp(config->certificate, &out->certificate_stamp);
    if (!dance_load_objects(config->private_key, &out->key, false, NULL)) {
        explain(why, why_size, "client.private_key", config->private_key,
                "no private key without a passphrase can be read from it", ERR_peek_last_error());
        return false;
    }
    out->foreign = is_foreign(out->key);
    if (out->foreign && !signs(out->key, &error)) {
        explain(why, why_size, "client.private_key", config->private_key, "it does not sign",
                error);
        return false;
    }
    if (config->certificate != NULL)
        return load_certificate(config, out, why, why_size);
    out->leaf = dance_credential_self_signed(out->key, config->identity, NULL);
    if (out->leaf == NULL)
        explain(why, why_size, "client.private_key", config->private_key,
                "no certificate can be made with this key", ERR_peek_last_error());
    return out->leaf != NULL;
}

struct dance_credential *dance_load(const struct dance_config *config, char *why, size_t why_size)
{
    struct dance_credential *c = OPENSSL_zalloc(sizeof(*c));
    bool good;

    if (c == NULL) {
        (void)snprintf(why, why_size, "client: out of memory");
        return NULL;
    }
    dance_quiet_begin();
    good = load_all(config, c, why, why_size);
    dance_quiet_end();
    if (good)
        return c;
    dance_load_free(c, false);
    return NULL;
}

bool dance_load_works(const struct dance_credential *loaded)
{
    unsigned long error;
    bool works;

    dance_quiet_begin();
    works = signs(loaded->key, &error);
    dance_quiet_end();
    return works;
}

void dance_load_free(struct dance_credential *loaded, bool keep_key)
{
    if (loaded == NULL)
        return;
    if (!keep_key)
        EVP_PKEY_free(loaded->key);
    X509_free(loaded->leaf);
    sk_X509_pop_free(loaded->chain, X509_free);
    OPENSSL_free(loaded);
}

static bool differs(const char *path, const struct dance_file_stamp *before)
{
    struct dance_file_stamp stamp;

    return dance_file_stamp(path, &stamp) && dance_file_stamp_differs(&stamp, before);
}

bool dance_load_differs(const struct dance_credential *loaded, const struct dance_config *config)
{
    return differs(config->private_key, &loaded->key_stamp)
           || differs(config->certificate, &loaded->certificate_stamp);
}
