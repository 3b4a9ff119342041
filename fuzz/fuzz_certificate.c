/*
 * fuzz_certificate.c: the names in a client's certificate, and the chain that it may carry.
 *
 * The first octet says what follows: a whole certificate in DER; or the octets of a
 * subject, their number before them, and those of a subjectAltName, which are put into a
 * certificate, so that the lengths around them need not be guessed.
 *
 * Where nobody else is named, OpenSSL's own reading of it names nobody else either; the name
 * of san_fallback is an owner name; a chain is there where there is one such extension, less the
 * two octets before it; and the error queue stays as it was.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "must.h"
#include "names/carried_chain.h"
#include "names/certificate.h"
#include "names/san.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const owners[] = {"a.example.com", "_mqtt.a.example.com"};
#define BARE "a.example.com"

/* The owner name, or what is behind its service label. */
static int is_name(const unsigned char *value, int len, const char *owner)
{
    return ((size_t)len == strlen(owner) && memcmp(value, owner, (size_t)len) == 0)
           || ((size_t)len == strlen(BARE) && memcmp(value, BARE, (size_t)len) == 0);
}

/* What an application may read there, each by a way of its own. */
static void names_nobody_else(X509 *x, const char *owner)
{
    char *line = X509_NAME_oneline(X509_get_subject_name(x), NULL, 0);
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    STACK_OF(OPENSSL_STRING) *mail = X509_get1_email(x);

    if (line != NULL && *line != '\0')
        must(strncmp(line, "/CN=", 4) == 0
             && is_name((unsigned char *)line + 4, (int)strlen(line + 4), owner));
    must(sk_OPENSSL_STRING_num(mail) <= 0);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        must(name->type == GEN_DNS
             && is_name(ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName),
                        owner));
    }
    X509_email_free(mail);
    GENERAL_NAMES_free(names);
    OPENSSL_free(line);
}

static void check_chain(const X509 *x)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(DANCE_CARRIED_CHAIN_OID, 1);
    const ASN1_OCTET_STRING *one = NULL;
    const uint8_t *chain;
    size_t len;
    int count = 0;

    must(oid != NULL);
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        X509_EXTENSION *extension = X509_get_ext(x, i);

        if (OBJ_cmp(X509_EXTENSION_get_object(extension), oid) != 0)
            continue;
        one = X509_EXTENSION_get_data(extension);
        count++;
    }
    ASN1_OBJECT_free(oid);
    must(dance_carried_chain(x, &chain, &len) == (count == 1) && ERR_peek_error() == 0);
    if (count != 1)
        return;
    if (len == 0)
        must(chain == NULL && ASN1_STRING_length(one) <= 2);
    else
        must(chain == ASN1_STRING_get0_data(one) + 2 && len + 2 == (size_t)ASN1_STRING_length(one));
}

static void check(X509 *x)
{
    char name[DANCE_NAME_MAX + 1];

    ERR_clear_error();
    for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
        const char *fault = dance_cert_names_fault(x, owners[i], strlen(owners[i]));

        must(ERR_peek_error() == 0);
        if (fault == NULL)
            names_nobody_else(x, owners[i]);
        else
            must(*fault != '\0');
        ERR_clear_error();
    }
    for (int labelled = 0; labelled < 2; labelled++) {
        const char *fault = dance_san_name(x, labelled ? "_device" : NULL, name);

        must(ERR_peek_error() == 0);
        must((fault == NULL) == (*name != '\0'));
        if (fault == NULL)
            must(dance_owner_name_fault(name, strlen(name)) == NULL
                 && (!labelled || strncmp(name, "_device.", 8) == 0));
    }
    check_chain(x);
}

struct der {
    unsigned char octets[70000];
    size_t len;
};

static void append(struct der *out, const void *octets, size_t len)
{
    must(len <= sizeof(out->octets) - out->len);
    memcpy(out->octets + out->len, octets, len);
    out->len += len;
}

static void append_header(struct der *out, int tag, int class, size_t len)
{
    unsigned char header[8];
    unsigned char *end = header;

    ASN1_put_object(&end, class == V_ASN1_CONTEXT_SPECIFIC || tag == V_ASN1_SEQUENCE, (int)len, tag,
                    class);
    append(out, header, (size_t)(end - header));
}

/* What is there already becomes the content of this. */
static void wrap(struct der *inner, int tag, int class)
{
    static struct der outer;

    outer.len = 0;
    append_header(&outer, tag, class, inner->len);
    append(&outer, inner->octets, inner->len);
    inner->len = 0;
    append(inner, outer.octets, outer.len);
}

static X509 *put_together(const uint8_t *data, size_t size)
{
    /* Version 3, a number, ecdsa-with-SHA256, an empty issuer, 2026 to 2036. */
    static const unsigned char before[] = "\xa0\x03\x02\x01\x02\x02\x01\x01\x30\x0a\x06\x08\x2a\x86"
                                          "\x48\xce\x3d\x04\x03\x02\x30\x00\x30\x1e"
                                          "\x17\x0d"
                                          "260101000000Z\x17\x0d"
                                          "360101000000Z";
    /* An Ed25519 key, its octets the next 32. */
    static const unsigned char key[] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"
                                       "0123456789abcdef0123456789abcdef";
    static const unsigned char san[] = "\x06\x03\x55\x1d\x11";
    static const unsigned char signature[] =
        "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x03\x02\x00\x00";
    static struct der whole, extension;
    size_t subject = size > 0 ? data[0] : 0;
    const unsigned char *at = whole.octets;

    if (size == 0 || subject > size - 1)
        return NULL;
    whole.len = extension.len = 0;
    append(&whole, before, sizeof(before) - 1);
    append(&whole, data + 1, subject);
    append(&whole, key, sizeof(key) - 1);
    if (size - 1 > subject) {
        append(&extension, san, sizeof(san) - 1);
        append_header(&extension, V_ASN1_OCTET_STRING, V_ASN1_UNIVERSAL, size - 1 - subject);
        append(&extension, data + 1 + subject, size - 1 - subject);
        wrap(&extension, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
        wrap(&extension, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
        wrap(&extension, 3, V_ASN1_CONTEXT_SPECIFIC);
        append(&whole, extension.octets, extension.len);
    }
    wrap(&whole, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    append(&whole, signature, sizeof(signature) - 1);
    wrap(&whole, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    return d2i_X509(NULL, &at, (long)whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const unsigned char *at = data + 1;
    X509 *x;

    if (size == 0 || size > 65536)
        return 0;
    x = data[0] % 2 == 0 ? d2i_X509(NULL, &at, (long)size - 1) : put_together(data + 1, size - 1);
    if (x != NULL)
        check(x);
    X509_free(x);
    ERR_clear_error();
    return 0;
}
