/* What stands above a zone and was proved before. Copyright the dance authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/records.h"
#include "worker/chain/upper.h"

#include "forged.h"

static struct octets chain;
static struct records records;
static struct forged_key root, com;

static void set_up(void)
{
    root = make_key();
    com = make_key();
}

static void tear_down(void)
{
    upper_forget();
    EVP_PKEY_free(root.key);
    EVP_PKEY_free(com.key);
}

TestSuite(upper, .init = set_up, .fini = tear_down);

/* The zone that is the first of its parent's. */
static size_t read_chain(const char *zone)
{
    begin_chain(&chain);
    put_delegation(&chain, zone, &com, ".", &root);
    put_keys(&chain, ".", &root);
    put_keys(&chain, zone, &com);
    cr_assert_null(records_read(&records, chain.at, chain.len, time(NULL)));
    return records.zone[0].delegated ? 0 : 1;
}

/* The same records in another order, with other TTLs and letters, are the same. */
Test(upper, the_same)
{
    static struct octets other;
    const uint8_t *at = chain.at + DANCE_CHAIN_LIFETIME;
    struct dance_chain_reader reader;
    struct dance_chain_record r;
    size_t z = read_chain("com.");
    time_t now = time(NULL);

    cr_assert(!upper_known(&records, z));
    upper_learn(&records, z);
    cr_assert(upper_known(&records, z));
    cr_assert(!upper_known(&records, 1 - z), "of the root nothing is above");
    begin_chain(&other);
    for (size_t n = 6; n-- > 0;) {
        dance_chain_read(&reader, chain.at, chain.len);
        for (size_t i = 0; i <= n; i++)
            cr_assert(dance_chain_next(&reader, &r));
        at = r.owner;
        put_octets(&other, at, (size_t)(r.rdata + r.rdata_len - at));
        other.at[other.len - r.rdata_len - 3] ^= 1; /* TTL */
        if (r.owner_len > 1)
            other.at[other.len - (size_t)(r.rdata + r.rdata_len - at) + 1] ^= 0x20;
    }
    cr_assert_eq(other.len, chain.len);
    cr_assert_null(records_read(&records, other.at, other.len, now));
    cr_assert(upper_known(&records, records.zone[0].delegated ? 0 : 1));
}

/* Any octet of RDATA is a difference. */
Test(upper, not_the_same)
{
    size_t z = read_chain("com.");

    upper_learn(&records, z);
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.record[i];
        uint8_t *last = chain.at + (r->is.rdata - chain.at) + r->is.rdata_len - 1;
        bool mine = r->zone == z; /* its own keys are not above it */

        *last ^= 1;
        cr_assert_eq(upper_known(&records, z), mine, "record %zu", i);
        *last ^= 1;
    }
    cr_assert(upper_known(&records, z));
}

/* What was proved does not count without records that hold: those that stand in the chain. */
Test(upper, until_a_signature_ends)
{
    size_t z;

    forged.ends = 100;
    z = read_chain("com.");
    upper_learn(&records, z);
    cr_assert_null(records_read(&records, chain.at, chain.len, time(NULL) + 90));
    cr_assert(upper_known(&records, z));
    cr_assert_not_null(records_read(&records, chain.at, chain.len, time(NULL) + 101));
}

Test(upper, bounds)
{
    static struct octets first;
    char name[16];
    time_t now = time(NULL);
    size_t z;

    z = read_chain("first.");
    upper_learn(&records, z);
    first = chain;
    for (unsigned i = 1; i < UPPER_MAX; i++) {
        (void)snprintf(name, sizeof(name), "z%u.", i);
        z = read_chain(name);
        upper_learn(&records, z);
    }
    cr_assert_null(records_read(&records, first.at, first.len, now));
    cr_assert(upper_known(&records, records.zone[0].delegated ? 0 : 1));
    for (unsigned i = 0; i < UPPER_MAX; i++) {
        (void)snprintf(name, sizeof(name), "y%u.", i);
        z = read_chain(name);
        upper_learn(&records, z);
    }
    cr_assert(upper_known(&records, z));
    cr_assert_null(records_read(&records, first.at, first.len, now));
    cr_assert(!upper_known(&records, records.zone[0].delegated ? 0 : 1), "it made room");
    z = read_chain("last.");
    upper_learn(&records, z);
    cr_assert(upper_known(&records, z));
    upper_forget();
    cr_assert(!upper_known(&records, z));
}
