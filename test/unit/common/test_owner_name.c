/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "owner_name.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

static const char *fault(const char *name)
{
    return dance_owner_name_fault(name, strlen(name));
}

Test(owner_name, ordinary_names_are_good)
{
    cr_assert_null(fault("sensor7._device.example.com"));
    cr_assert_null(fault("_smtp-client.Relay.EXAMPLE.net"));
    cr_assert_null(fault("xn--bcher-kva.example"));
    cr_assert_null(fault("a"));
}

Test(owner_name, each_malformation_has_its_own_words)
{
    cr_assert_str_eq(fault(""), "it is empty");
    cr_assert_str_eq(fault("example.com."), "it ends with a dot");
    cr_assert_str_eq(fault("a..example.com"), "it has an empty label");
    cr_assert_str_eq(fault(".example.com"), "it has an empty label");
    cr_assert_str_eq(fault("."), "it has an empty label");
    for (const char *const *bad =
             (const char *const[]){"a\\046b.example",
                                   "b\xc3\xbc"
                                   "cher.example",
                                   "a b.example", "*.example", "a\n.example", NULL};
         *bad != NULL; bad++)
        cr_assert_str_eq(fault(*bad),
                         "it has octets other than letters, digits, hyphen and underscore", "%s",
                         *bad);
}

Test(owner_name, a_nul_is_an_octet_like_any_other)
{
    cr_assert_not_null(dance_owner_name_fault("a\0.example.com", 14));
}

Test(owner_name, lengths_are_bounded)
{
    char name[300];
    char text[64];

    memset(text, 'a', sizeof(text));
    cr_assert_null(dance_owner_name_fault(text, 63));
    cr_assert_str_eq(dance_owner_name_fault(text, 64), "it has a label of more than 63 octets");
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    cr_assert_null(dance_owner_name_fault(name, 253));
    cr_assert_str_eq(dance_owner_name_fault(name, 255), "it is longer than 253 octets");
}

Test(owner_name, letter_case_does_not_count)
{
    char lower[DANCE_NAME_MAX + 1];

    cr_assert(dance_owner_name_equal("Sensor7.Example", 15, "sENSOR7.eXAMPLE", 15));
    cr_assert_not(dance_owner_name_equal("sensor7.example", 15, "sensor8.example", 15));
    cr_assert_not(dance_owner_name_equal("sensor7.example", 15, "sensor7.exampl", 14));
    /* '@' and '`' differ by the same bit as letter case does. */
    cr_assert_not(dance_owner_name_equal("@", 1, "`", 1));
    dance_owner_name_lower(lower, "SENSOR7._Device.EXAMPLE", 23);
    cr_assert_str_eq(lower, "sensor7._device.example");
}
