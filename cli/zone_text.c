/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "zone_text.h"

#include "store/text.h"

#include <openssl/crypto.h>

char *zone_text(const char *owner, uint32_t ttl, const struct dance_wire_record *record)
{
    char *data = dance_store_text_data(record);
    size_t size = data != NULL ? strlen(owner) + sizeof(". 4294967295 IN TLSA ") + strlen(data) : 0;
    char *text = data != NULL ? OPENSSL_malloc(size) : NULL;

    if (text != NULL)
        (void)snprintf(text, size, "%s. %lu IN TLSA %s", owner, (unsigned long)ttl, data);
    OPENSSL_free(data);
    return text;
}

void zone_text_json(struct json *json, const char *key, const char *owner, uint32_t ttl,
                    const struct dance_wire_record *record)
{
    char *zone = zone_text(owner, ttl, record);
    char *data = dance_store_text_data(record);
    char kind[DANCE_STORE_KIND_MAX];

    dance_store_text_kind(kind, record);
    json_object(json, key);
    json_number(json, "usage", record->rdata[0]);
    json_number(json, "selector", record->rdata[1]);
    json_number(json, "matching_type", record->rdata[2]);
    /* Behind the three numbers and their blanks. */
    json_string(json, "data", data != NULL ? strrchr(data, ' ') + 1 : NULL);
    json_string(json, "meaning", kind);
    json_string(json, "zone", zone);
    json_object_end(json);
    OPENSSL_free(zone);
    OPENSSL_free(data);
}
