/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client_conf.h"

#include <criterion/criterion.h>
#include <openssl/crypto.h>
#include <string.h>

static const char *why;

Test(client_conf, begins_with_default)
{
    char *text = client_conf("Sensor7._device.example.com", "/etc/dance/a.key", &why);

    cr_assert_not_null(text);
    cr_assert_null(why);
    cr_assert_eq(strncmp(text, "[default]\nopenssl_conf = ", 25), 0);
    cr_assert_not_null(strstr(text, "\nidentity = Sensor7._device.example.com\n"
                                    "private_key = /etc/dance/a.key\n"));
    OPENSSL_free(text);
}

/* It checks itself that OpenSSL reads the same back, and nothing behind it. */
Test(client_conf, places_of_keys)
{
    static const char *const good[] = {"/a b/c d.key",
                                       "/a#b",
                                       "/a$HOME/${x}",
                                       "/a\\b\\nc",
                                       "/a'b\"c`d",
                                       "pkcs11:object=a%20b;type=private?pin-value=1#2$3",
                                       "handle:0x81000001",
                                       "/\xc3\xbc",
                                       " /a",
                                       "/a\t ",
                                       "/a\nprivate_key = /b",
                                       "/a\n"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char *text = client_conf("a.example", good[i], &why);

        cr_assert_not_null(text, "%s: %s", good[i], why);
        OPENSSL_free(text);
    }
}
