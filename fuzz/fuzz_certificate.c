/*
 * fuzz_certificate.c: the names in a client's certificate.
 *
 * The first octet says what follows: a whole certificate in DER; or the octets of a
 * subject, their number before them, and those of a subjectAltName, which are put into a
 * certificate, so that the lengths around them need not be guessed.
 *
 * Where nobody else is named, OpenSSL's own reading of it names nobody else either; the name
 * of san_fallback is an owner name; and the error queue stays as it was.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "must.h"
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
}

static X509 *put_together(const uint8_t *data, size_t size)
{
    size_t subject_len = size > 0 ? data[0] : 0;
    const unsigned char *at = data + 1;
    X509 *x = X509_new();
    X509_NAME *subject = NULL;
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;

    must(x != NULL && value != NULL);
    if (size > 0 && subject_len <= size - 1) {
        subject = d2i_X509_NAME(NULL, &at, (long)subject_len);
        if (subject != NULL)
            must(X509_set_subject_name(x, subject));
        if (size - 1 > subject_len) {
            must(ASN1_OCTET_STRING_set(value, data + 1 + subject_len,
                                       (int)(size - 1 - subject_len)));
            extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, value);
            must(extension != NULL && X509_add_ext(x, extension, -1));
        }
    }
    X509_EXTENSION_free(extension);
    X509_NAME_free(subject);
    ASN1_OCTET_STRING_free(value);
    return x;
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
