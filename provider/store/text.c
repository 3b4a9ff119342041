/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "store/text.h"

#include <openssl/crypto.h>
#include <stdio.h>

#define NUMBERS_MAX (sizeof(" TLSA 255 255 255 ") - 1)

char *dance_store_text_name(const char *owner, const struct dance_wire_record *record)
{
    static const char digits[] = "0123456789abcdef";
    size_t size = strlen(owner) + NUMBERS_MAX + 2 * (record->len - 3) + 1;
    char *name = OPENSSL_malloc(size);
    size_t at;

    if (name == NULL)
        return NULL;
    at = (size_t)snprintf(name, size, "%s TLSA %u %u %u ", owner, record->rdata[0],
                          record->rdata[1], record->rdata[2]);
    for (size_t i = 3; i < record->len; i++) {
        name[at++] = digits[record->rdata[i] >> 4];
        name[at++] = digits[record->rdata[i] & 0xf];
    }
    name[at] = '\0';
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

void dance_store_text_meaning(char *out, size_t size, const struct dance_wire_record *record,
                              uint32_t ttl, const char *remark)
{
    static const char *const usages[] = {"PKIX-TA", "PKIX-EE", "DANE-TA", "DANE-EE"};
    static const char *const selectors[] = {"Cert", "SPKI"};
    static const char *const types[] = {"Full", "SHA2-256", "SHA2-512"};

    (void)snprintf(out, size, "%s %s %s, TTL %lu s%s%s",
                   acronym(record->rdata[0], usages, 4, "PrivCert"),
                   acronym(record->rdata[1], selectors, 2, "PrivSel"),
                   acronym(record->rdata[2], types, 3, "PrivMatch"), (unsigned long)ttl,
                   remark != NULL ? "; " : "", remark != NULL ? remark : "");
}
