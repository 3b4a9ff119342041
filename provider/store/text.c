/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "store/text.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define NUMBERS_MAX (sizeof("255 255 255 ") - 1)

char *dance_store_text_data(const struct dance_wire_record *record)
{
    static const char digits[] = "0123456789abcdef";
    size_t size = NUMBERS_MAX + 2 * (record->len - 3) + 1;
    char *data = OPENSSL_malloc(size);
    size_t at;

    if (data == NULL)
        return NULL;
    at = (size_t)snprintf(data, size, "%u %u %u ", record->rdata[0], record->rdata[1],
                          record->rdata[2]);
    for (size_t i = 3; i < record->len; i++) {
        data[at++] = digits[record->rdata[i] >> 4];
        data[at++] = digits[record->rdata[i] & 0xf];
    }
    data[at] = '\0';
    return data;
}

char *dance_store_text_name(const char *owner, const struct dance_wire_record *record)
{
    char *data = dance_store_text_data(record);
    size_t size = data != NULL ? strlen(owner) + sizeof(" TLSA ") + strlen(data) : 0;
    char *name = data != NULL ? OPENSSL_malloc(size) : NULL;

    if (name != NULL)
        (void)snprintf(name, size, "%s TLSA %s", owner, data);
    OPENSSL_free(data);
    return name;
}

/* words: the acronyms from 0 on; private: that of 255. */
static const char *acronym(uint8_t value, const char *const words[], size_t count,
                           const char *private)
{
    if (value < count)
        return words[value];
    return value == 255 ? private : "unassigned";
}

void dance_store_text_kind(char out[DANCE_STORE_KIND_MAX], const struct dance_wire_record *record)
{
    static const char *const usages[] = {"PKIX-TA", "PKIX-EE", "DANE-TA", "DANE-EE"};
    static const char *const selectors[] = {"Cert", "SPKI"};
    static const char *const types[] = {"Full", "SHA2-256", "SHA2-512"};

    (void)snprintf(out, DANCE_STORE_KIND_MAX, "%s %s %s",
                   acronym(record->rdata[0], usages, 4, "PrivCert"),
                   acronym(record->rdata[1], selectors, 2, "PrivSel"),
                   acronym(record->rdata[2], types, 3, "PrivMatch"));
}

void dance_store_text_meaning(char *out, size_t size, const struct dance_wire_record *record,
                              uint32_t ttl, const char *remark)
{
    char kind[DANCE_STORE_KIND_MAX];

    dance_store_text_kind(kind, record);
    (void)snprintf(out, size, "%s, TTL %lu s%s%s", kind, (unsigned long)ttl,
                   remark != NULL ? "; " : "", remark != NULL ? remark : "");
}
