/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "tlsa.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* What the selector selects, in DER; its length, or 0 or less. */
static int select_der(uint8_t selector, EVP_PKEY *key, const X509 *certificate, unsigned char **der)
{
    *der = NULL;
    if (selector == 0)
        return i2d_X509(certificate, der);
    /* As it is encoded in the certificate: that is what is compared. */
    if (certificate != NULL)
        return i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), der);
    return i2d_PUBKEY(key, der);
}

static const char *write_data(uint8_t matching_type, const unsigned char *der, size_t len,
                              unsigned char *out, size_t *out_len)
{
    unsigned digest_len = 0;

    if (matching_type == 0) {
        memcpy(out, der, len);
        *out_len = len;
        return NULL;
    }
    if (EVP_Digest(der, len, out, &digest_len, matching_type == 1 ? EVP_sha256() : EVP_sha512(),
                   NULL)
        != 1)
        return "OpenSSL has no such digest here";
    *out_len = digest_len;
    return NULL;
}

const char *tlsa_make(const struct tlsa_kind *kind, EVP_PKEY *key, const X509 *certificate,
                      struct dance_wire_record *record)
{
    unsigned char *der;
    unsigned char *rdata;
    const char *fault;
    size_t data_len = 0;
    int len;

    if (kind->selector == 0 && certificate == NULL)
        return "selector 0 is about a certificate, and there is only a key";
    len = select_der(kind->selector, key, certificate, &der);
    if (len <= 0)
        return "OpenSSL cannot encode it";
    rdata = OPENSSL_malloc(3 + (size_t)len + EVP_MAX_MD_SIZE);
    if (rdata == NULL) {
        OPENSSL_free(der);
        return "out of memory";
    }
    rdata[0] = kind->usage;
    rdata[1] = kind->selector;
    rdata[2] = kind->matching_type;
    fault = write_data(kind->matching_type, der, (size_t)len, rdata + 3, &data_len);
    if (fault == NULL && 3 + data_len > TLSA_RDATA_MAX)
        fault = "it is too large for a DNS record; take a digest (matching type 1)";
    OPENSSL_free(der);
    if (fault != NULL) {
        OPENSSL_free(rdata);
        return fault;
    }
    *record = (struct dance_wire_record){rdata, 3 + data_len};
    return NULL;
}

bool tlsa_fits(const struct dance_wire_record *record, EVP_PKEY *key)
{
    struct dance_wire_record own = {NULL, 0};
    struct tlsa_kind kind;
    bool fits;

    if (record->len < 3 || (record->rdata[0] != 1 && record->rdata[0] != 3) || record->rdata[1] != 1
        || record->rdata[2] > 2)
        return false;
    kind = (struct tlsa_kind){record->rdata[0], 1, record->rdata[2]};
    fits = tlsa_make(&kind, key, NULL, &own) == NULL && own.len == record->len
           && memcmp(own.rdata, record->rdata, own.len) == 0;
    tlsa_free(&own);
    return fits;
}

void tlsa_free(struct dance_wire_record *record)
{
    /* It is ours; whoever reads a record may not write to it. */
    OPENSSL_free((void *)(uintptr_t)record->rdata);
    *record = (struct dance_wire_record){NULL, 0};
}
