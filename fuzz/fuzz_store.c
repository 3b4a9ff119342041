/*
 * fuzz_store.c: what the dane: store makes of a hostile record.
 *
 * Whatever the record holds, only a whole certificate of usage 2 may come out
 * as an anchor; names and marked certificates can be made of what is chosen,
 * and the error queue stays as it was.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "store/choice.h"
#include "store/text.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/store.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_certificate(const struct dance_store_item *item)
{
    const struct dance_wire_record *r = item->record;
    const unsigned char *at = r->rdata + 3;
    X509 *x = d2i_X509(NULL, &at, (long)(r->len - 3));
    unsigned char *der;

    if (x == NULL || at != r->rdata + r->len
        || (item->kind == DANCE_STORE_ANCHOR) != (r->rdata[0] == 2))
        abort();
    X509_free(x);
    if (item->kind == DANCE_STORE_REJECTED) {
        if (dance_store_rejected_der(r, &der) == 0)
            abort();
        OPENSSL_free(der);
    }
}

static void check(const struct dance_wire_answer *answer, const struct dance_store_wish *wish)
{
    struct dance_store_item items[DANCE_STORE_ITEMS_MAX];
    size_t count = dance_store_choose(answer, wish, items);
    char meaning[256];

    if (count > 2 || ERR_peek_error() != 0)
        abort();
    for (size_t i = 0; i < count; i++) {
        enum dance_store_kind kind = items[i].kind;
        char *name = dance_store_text_name("a.example", items[i].record);

        if (name == NULL)
            abort();
        OPENSSL_free(name);
        dance_store_text_meaning(meaning, sizeof(meaning), items[i].record, answer->ttl,
                                 dance_store_remark(items[i].record));
        if ((wish->subject != NULL || wish->expect == OSSL_STORE_INFO_CERT)
            && kind != DANCE_STORE_ANCHOR)
            abort();
        if (kind == DANCE_STORE_ANCHOR || kind == DANCE_STORE_REJECTED)
            check_certificate(&items[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dance_wire_answer answer = {.status = DANCE_WIRE_SECURE, .count = 1};
    X509_NAME *empty;

    if (size < 3 || size > 0xffff)
        return 0;
    answer.record[0] = (struct dance_wire_record){data, size};
    for (int expect = 0; expect <= OSSL_STORE_INFO_CRL; expect++)
        check(&answer, &(struct dance_store_wish){expect, NULL});
    empty = X509_NAME_new();
    if (empty != NULL)
        check(&answer, &(struct dance_store_wish){0, empty});
    X509_NAME_free(empty);
    return 0;
}
