/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "key_file.h"

#include "client/load.h"
#include "client/quiet.h"
#include "new_file.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

bool key_file_write(const char *path, EVP_PKEY *key, const struct stat *model, char *why,
                    size_t why_size)
{
    /* Emptied before it is freed. */
    BIO *pem = BIO_new(BIO_s_secmem());
    char *data = NULL;
    bool good = false;
    long len;

    if (pem == NULL || PEM_write_bio_PKCS8PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1
        || (len = BIO_get_mem_data(pem, &data)) <= 0)
        (void)snprintf(why, why_size, "OpenSSL cannot encode the key");
    else if (model != NULL)
        good = new_file_write_like(path, model, data, (size_t)len, why, why_size);
    else
        good = new_file_write(path, 0600, data, (size_t)len, why, why_size);
    BIO_free(pem);
    return good;
}

EVP_PKEY *key_file_read(const char *path, char *why, size_t why_size)
{
    EVP_PKEY *key = NULL;
    char reason[256] = "";
    unsigned long error;

    dance_quiet_begin();
    if (!dance_load_objects(path, &key, false, NULL)) {
        error = ERR_peek_last_error();
        if (error != 0)
            ERR_error_string_n(error, reason, sizeof(reason));
        ERR_clear_error();
        (void)snprintf(why, why_size,
                       "%s: no private key without a passphrase can be read from it%s%s", path,
                       error != 0 ? ": " : "", reason);
    }
    dance_quiet_end();
    return key;
}

bool key_file_has_certificate(const char *path)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    bool found;

    dance_quiet_begin();
    found = certificates != NULL && dance_load_objects(path, NULL, false, certificates) == 1;
    ERR_clear_error();
    dance_quiet_end();
    sk_X509_pop_free(certificates, X509_free);
    return found;
}

EVP_PKEY *key_like(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    EVP_PKEY *made = NULL;
    bool rsa = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");

    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1
        || (rsa && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, EVP_PKEY_get_bits(key)) != 1)
        || EVP_PKEY_generate(ctx, &made) != 1)
        made = NULL;
    ERR_clear_error();
    EVP_PKEY_CTX_free(ctx);
    return made;
}
