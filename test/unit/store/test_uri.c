/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "store/uri.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define NAME_FAULT "it has octets other than letters, digits, hyphen and underscore"

/* The owner name of a good URI. */
static const char *owner(const char *uri)
{
    static char name[DANCE_NAME_MAX + 1];

    cr_assert_null(dance_store_uri_owner(uri, name), "%s", uri);
    return name;
}

/* What is wrong with a bad one. */
static const char *fault(const char *uri)
{
    char name[DANCE_NAME_MAX + 1];
    const char *why = dance_store_uri_owner(uri, name);

    cr_assert_not_null(why, "%s", uri);
    cr_assert_str_eq(name, "");
    return why;
}

Test(store_uri, a_name_is_the_owner_name)
{
    cr_assert_str_eq(owner("dane:sensor7._device.example.com"), "sensor7._device.example.com");
    cr_assert_str_eq(owner("DANE:Sensor7._Device.EXAMPLE.com"), "sensor7._device.example.com");
    cr_assert_str_eq(owner("dane:example.com."), "example.com");
    cr_assert_str_eq(owner("dane:_25._tcp.mail.example.com"), "_25._tcp.mail.example.com");
}

Test(store_uri, a_port_asks_for_a_server)
{
    cr_assert_str_eq(owner("dane:www.example.com?port=443"), "_443._tcp.www.example.com");
    cr_assert_str_eq(owner("dane:www.example.com.?port=443&proto=tcp"),
                     "_443._tcp.www.example.com");
    cr_assert_str_eq(owner("dane:www.example.com?proto=udp&port=853"), "_853._udp.www.example.com");
    cr_assert_str_eq(owner("dane:www.example.com?port=1&proto=sctp"), "_1._sctp.www.example.com");
    cr_assert_str_eq(owner("dane:www.example.com?port=65535"), "_65535._tcp.www.example.com");
}

Test(store_uri, another_scheme_is_a_fault)
{
    for (const char *const *bad =
             (const char *const[]){"", "d", "dane", "dans:a", "file:/etc/passwd", "/etc/passwd",
                                   " dane:a", "xdane:a", NULL};
         *bad != NULL; bad++)
        cr_assert_str_eq(fault(*bad), "it does not begin with dane:", "%s", *bad);
    cr_assert_str_eq(fault("dane://example.com"), "the name follows dane: at once, without //");
}

Test(store_uri, a_bad_name_is_a_fault)
{
    cr_assert_str_eq(fault("dane:"), "it is empty");
    cr_assert_str_eq(fault("dane:?port=443"), "it is empty");
    cr_assert_str_eq(fault("dane:."), "it has an empty label");
    cr_assert_str_eq(fault("dane:example.com.."), "it ends with a dot");
    cr_assert_str_eq(fault("dane:a..b"), "it has an empty label");
    for (const char *const *bad =
             (const char *const[]){"dane:a%2eb", "dane:a b", "dane:a/b", "dane:a#b", "dane:*.a",
                                   "dane:user@a", "dane:a:443", "dane:a&port=1", "dane:a\n", NULL};
         *bad != NULL; bad++)
        cr_assert_str_eq(fault(*bad), NAME_FAULT, "%s", *bad);
}

Test(store_uri, a_bad_parameter_is_a_fault)
{
    static const char port[] = "port is not a number from 1 to 65535";
    static const char form[] = "a parameter is not of the form key=value";

    for (const char *const *bad =
             (const char *const[]){"", "0", "00443", "0443", "65536", "99999", "100000", "-1",
                                   "+443", " 443", "443 ", "443#x", "https", "4.3", "0x1bb",
                                   "18446744073709551617", "443?proto=udp", NULL};
         *bad != NULL; bad++) {
        char uri[64];

        (void)snprintf(uri, sizeof(uri), "dane:a.example?port=%s", *bad);
        cr_assert_str_eq(fault(uri), port, "%s", *bad);
    }
    for (const char *const *bad =
             (const char *const[]){"", "TCP", "quic", "tcpx", "tc", "udp;", "=udp", NULL};
         *bad != NULL; bad++) {
        char uri[64];

        (void)snprintf(uri, sizeof(uri), "dane:a.example?port=1&proto=%s", *bad);
        cr_assert_str_eq(fault(uri), "proto is not tcp, udp or sctp", "%s", *bad);
    }
    cr_assert_str_eq(fault("dane:a.example?"), form);
    cr_assert_str_eq(fault("dane:a.example?port"), form);
    cr_assert_str_eq(fault("dane:a.example?port=1&"), form);
    cr_assert_str_eq(fault("dane:a.example?&port=1"), form);
    cr_assert_str_eq(fault("dane:a.example?port=1&&proto=tcp"), form);
    cr_assert_str_eq(fault("dane:a.example?port=1&port=1"), "port is there twice");
    cr_assert_str_eq(fault("dane:a.example?port=1&proto=tcp&proto=tcp"), "proto is there twice");
    cr_assert_str_eq(fault("dane:a.example?proto=tcp"), "proto is there without port");
    cr_assert_str_eq(fault("dane:a.example?usage=3"),
                     "it has a parameter other than port and proto");
    cr_assert_str_eq(fault("dane:a.example?PORT=443"),
                     "it has a parameter other than port and proto");
    cr_assert_str_eq(fault("dane:a.example?=443"), "it has a parameter other than port and proto");
}

Test(store_uri, lengths_are_bounded)
{
    char uri[5000] = "dane:";
    char *name = uri + 5;

    for (size_t i = 0; i < 253; i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    cr_assert_str_eq(owner(uri), name);
    name[253] = '.';
    cr_assert_eq(strlen(owner(uri)), 253);
    /* Good by itself, too long with the port in front. */
    strcpy(name + 253, "?port=65535&proto=sctp");
    cr_assert_str_eq(fault(uri), "it is longer than 253 octets");
    strcpy(name + 239, "?port=65535&proto=sctp");
    cr_assert_eq(strlen(owner(uri)), 252);
    memset(name, 'a', sizeof(uri) - 6);
    uri[sizeof(uri) - 1] = '\0';
    cr_assert_str_eq(fault(uri), "it is longer than 253 octets");
    memcpy(uri, "dane:a?port=", 12);
    memset(uri + 12, '1', sizeof(uri) - 13);
    cr_assert_str_eq(fault(uri), "port is not a number from 1 to 65535");
}
