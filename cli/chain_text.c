/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "chain_text.h"

#include <arpa/nameser.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <time.h>

static const char *type_name(unsigned type, char out[16])
{
    static const struct {
        unsigned type;
        const char *name;
    } names[] = {{5, "CNAME"}, {39, "DNAME"},  {43, "DS"},    {46, "RRSIG"},
                 {47, "NSEC"}, {48, "DNSKEY"}, {50, "NSEC3"}, {52, "TLSA"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].type == type)
            return names[i].name;
    }
    (void)snprintf(out, 16, "TYPE%u", type);
    return out;
}

char *chain_text_record(const struct dance_chain_record *record)
{
    char owner[NS_MAXDNAME];
    char type[16];
    size_t size = sizeof(owner) + 2 * record->rdata_len + 64;
    char *line = OPENSSL_malloc(size);
    int used;

    if (line == NULL)
        return NULL;
    if (ns_name_ntop(record->owner, owner, sizeof(owner)) < 0)
        owner[0] = '\0';
    used = snprintf(line, size, "%s%s %lu CLASS%u %s \\# %zu ", owner,
                    owner[0] == '.' && owner[1] == '\0' ? "" : ".", (unsigned long)record->ttl,
                    record->rr_class, type_name(record->type, type), record->rdata_len);
    for (size_t i = 0; i < record->rdata_len; i++)
        used += snprintf(line + used, size - (size_t)used, "%02x", record->rdata[i]);
    return line;
}

const char *chain_text_time(int64_t seconds, char out[CHAIN_TEXT_TIME])
{
    time_t moment = (time_t)seconds;
    struct tm tm;

    if (gmtime_r(&moment, &tm) == NULL || strftime(out, CHAIN_TEXT_TIME, "%FT%TZ", &tm) == 0)
        (void)snprintf(out, CHAIN_TEXT_TIME, "%lld", (long long)seconds);
    return out;
}
