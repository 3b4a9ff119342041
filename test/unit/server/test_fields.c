/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/fields.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *one(struct dance_fields *fields, const char *value)
{
    memset(fields, 0, sizeof(*fields));
    dance_fields_add(fields, "server", value);
    return fields->text;
}

Test(fields, in_their_order)
{
    struct dance_fields fields = {"", 0};

    dance_fields_add(&fields, "client", "[2001:db8::7]:4711");
    dance_fields_add(&fields, "server", NULL);
    dance_fields_add(&fields, "identity", "");
    dance_fields_add(&fields, "reason", "tlsa-no-match");
    dance_fields_add(&fields, "ttl", "30");
    cr_assert_str_eq(fields.text, "client=[2001:db8::7]:4711 reason=tlsa-no-match ttl=30");
    cr_assert_eq(fields.len, strlen(fields.text));
}

Test(fields, no_octet_of_a_peer_ends_a_value)
{
    struct dance_fields fields;
    char value[2] = "";

    cr_assert_str_eq(one(&fields, "x client=192.0.2.1:1"), "server=x\\x20client\\x3d192.0.2.1:1");
    cr_assert_str_eq(one(&fields, "x; \"\n\\"), "server=x\\x3b\\x20\\x22\\x0a\\x5c");
    for (unsigned octet = 1; octet < 256; octet++) {
        const char *said;

        value[0] = (char)octet;
        said = one(&fields, value) + strlen("server=");
        if (said[1] == '\0')
            cr_assert(
                strchr("-._:[]", said[0]) != NULL
                || (octet < 128
                    && strspn(said,
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
                           == 1));
        else
            cr_assert(strlen(said) == 4 && said[0] == '\\' && said[1] == 'x');
    }
}

Test(fields, a_long_value_is_cut_between_octets)
{
    struct dance_fields fields;
    char value[600];

    for (size_t length = 0; length < sizeof(value); length++) {
        memset(value, length % 3 == 0 ? 'a' : ' ', length);
        value[length] = '\0';
        cr_assert_leq(strlen(one(&fields, value)), strlen("server=") + DANCE_FIELD_MAX);
        cr_assert_eq(fields.len, strlen(fields.text));
        if (length % 3 != 0 && length > 0)
            cr_assert_eq((fields.len - strlen("server=")) % 4, 0);
    }
}

Test(fields, there_is_no_more_than_fits)
{
    struct dance_fields fields = {"", 0};
    char value[600];

    memset(value, 'a', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < 5; i++) {
        dance_fields_add(&fields, "server", value);
        cr_assert_lt(fields.len, sizeof(fields.text));
        cr_assert_eq(fields.len, strlen(fields.text));
    }
}
