/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "names/clientid.h"

#include <criterion/criterion.h>
#include <string.h>

static int decode(const char *data, size_t len, size_t *name_len)
{
    const unsigned char *name;

    return dance_clientid_decode((const unsigned char *)data, len, &name, name_len);
}

Test(clientid, what_is_encoded_decodes)
{
    unsigned char data[DANCE_CLIENTID_MAX];
    const unsigned char *name;
    size_t len = dance_clientid_encode(data, "sensor7.example", 15);
    size_t name_len;

    cr_assert_eq(len, 16);
    cr_assert_eq(dance_clientid_decode(data, len, &name, &name_len), 1);
    cr_assert_eq(name_len, 15);
    cr_assert_eq(memcmp(name, "sensor7.example", 15), 0);
}

Test(clientid, the_empty_name_is_one_octet)
{
    size_t len = 9;

    cr_assert_eq(sizeof(dance_clientid_empty), 1);
    cr_assert_eq(decode((const char *)dance_clientid_empty, 1, &len), 1);
    cr_assert_eq(len, 0);
}

Test(clientid, anything_but_exactly_one_name_is_refused)
{
    size_t len;

    cr_assert_eq(decode("", 0, &len), 0);
    cr_assert_eq(decode("\3ab", 3, &len), 0, "length too large");
    cr_assert_eq(decode("\1ab", 3, &len), 0, "octets left over");
    cr_assert_eq(decode("\0a", 2, &len), 0, "octets after an empty name");
    cr_assert_eq(decode("\377", 1, &len), 0);
}

Test(clientid, the_largest_name_is_255_octets)
{
    char name[300];
    unsigned char data[DANCE_CLIENTID_MAX];
    size_t len;

    memset(name, 'a', sizeof(name));
    cr_assert_eq(dance_clientid_encode(data, name, 255), 256);
    cr_assert_eq(decode((const char *)data, 256, &len), 1);
    cr_assert_eq(len, 255);
    cr_assert_eq(dance_clientid_encode(data, name, 300), 256);
}
