/* The chain that a certificate carries. Copyright the dance authors. SPDX-License-Identifier:
 * Apache-2.0 */
#include "names/carried_chain.h"

#include "chain.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static X509 *with(const uint8_t *chain, size_t len, int times)
{
    X509 *x = X509_new();
    X509_EXTENSION *extension = dance_carried_chain_make(chain, len);

    cr_assert_not_null(extension);
    cr_expect_eq(X509_EXTENSION_get_critical(extension), 0);
    for (int i = 0; i < times; i++)
        cr_assert(X509_add_ext(x, extension, -1));
    X509_EXTENSION_free(extension);
    return x;
}

Test(carried_chain, there_and_back)
{
    static uint8_t chain[DANCE_CHAIN_MAX + 1];
    static const size_t lengths[] = {1, 3, DANCE_CHAIN_MAX};
    size_t len;

    for (size_t i = 0; i < sizeof(chain); i++)
        chain[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        X509 *x = with(chain, lengths[i], 1);
        const uint8_t *found;

        cr_assert(dance_carried_chain(x, &found, &len));
        cr_expect_eq(len, lengths[i]);
        cr_expect_eq(memcmp(found, chain, len), 0);
        X509_free(x);
    }
    cr_expect_null(dance_carried_chain_make(chain, sizeof(chain)));
}

Test(carried_chain, what_is_none)
{
    static const uint8_t chain[] = {0, 0, 1};
    X509 *x = with(chain, 0, 1);
    const uint8_t *found;
    size_t len = 1;

    cr_expect(dance_carried_chain(x, &found, &len));
    cr_expect_eq(len, 0, "nothing behind the port");
    X509_free(x);
    /* which of both? */
    x = with(chain, sizeof(chain), 2);
    cr_expect_not(dance_carried_chain(x, &found, &len));
    X509_free(x);
    x = X509_new();
    cr_expect_not(dance_carried_chain(x, &found, &len));
    X509_free(x);
    cr_expect_eq(ERR_peek_error(), 0);
}
