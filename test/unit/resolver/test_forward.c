/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/forward.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct forward f;

static void expect_fault(const char *list, const char *wanted)
{
    const char *fault = forward_read(list, &f);

    cr_expect(fault != NULL && strcmp(fault, wanted) == 0, "\"%s\": %s", list,
              fault != NULL ? fault : "none");
}

static void expect_ok(const char *list, bool wanted_tls, size_t wanted)
{
    const char *fault = forward_read(list, &f);

    cr_assert_null(fault, "\"%s\": %s", list, fault);
    cr_expect_eq(f.tls, wanted_tls);
    cr_assert_eq(f.count, wanted);
}

Test(forward, addresses)
{
    expect_ok("127.0.0.1", false, 1);
    cr_expect_str_eq(f.entry[0], "127.0.0.1@53");
    expect_ok(" 192.0.2.1@5353 ,\t2001:db8::1 , fe80::1%eth0@54,", false, 3);
    cr_expect_str_eq(f.entry[0], "192.0.2.1@5353");
    cr_expect_str_eq(f.entry[1], "2001:db8::1@53");
    cr_expect_str_eq(f.entry[2], "fe80::1%eth0@54");
}

Test(forward, over_tls)
{
    expect_ok("192.0.2.1@8853#dns.example.com, 2001:db8::1#a_b.example", true, 2);
    cr_expect_str_eq(f.entry[0], "192.0.2.1@8853#dns.example.com");
    cr_expect_str_eq(f.entry[1], "2001:db8::1@853#a_b.example");
}

Test(forward, faults)
{
    static const char no_address[] = "an entry is not an IP address";
    static const char no_port[] = "a port is not a number from 1 to 65535";
    static const char no_name[] = "what follows # is not a host name";
    static const char mixed[] = "either all entries have a #NAME (DNS over TLS) or none has";

    expect_fault("", "there is no address");
    expect_fault(" , ,\t", "there is no address");
    expect_fault("dns.example.com", no_address);
    expect_fault("127.0.0", no_address);
    expect_fault("127.0.0.1%eth0", no_address);
    expect_fault("::1%", no_address);
    expect_fault("@53", no_address);
    expect_fault("1.2.3.4\"\nserver:", no_address);
    expect_fault("::1%\"x", no_address);
    expect_fault("127.0.0.1@", no_port);
    expect_fault("127.0.0.1@0", no_port);
    expect_fault("127.0.0.1@65536", no_port);
    expect_fault("127.0.0.1@99999999999", no_port);
    expect_fault("127.0.0.1@53x", no_port);
    expect_fault("127.0.0.1@53@53", no_port);
    expect_fault("127.0.0.1#", no_name);
    expect_fault("127.0.0.1@853#a\"b", no_name);
    expect_fault("127.0.0.1#a#b", no_name);
    expect_fault("127.0.0.1@853",
                 "port 853 needs #NAME (write \\# in openssl.cnf, where # begins a comment)");
    expect_fault("127.0.0.1, 127.0.0.2#a", mixed);
    expect_fault("127.0.0.1#a, 127.0.0.2", mixed);
}

Test(forward, bounds)
{
    char list[9000] = "";
    char name[400];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(list, sizeof(list), "127.0.0.1#%s", name);
    expect_fault(list, "an entry is too long");
    list[0] = '\0';
    for (size_t i = 0; i < FORWARD_MAX; i++)
        strcat(list, "192.0.2.1,");
    expect_ok(list, false, FORWARD_MAX);
    strcat(list, "192.0.2.1");
    expect_fault(list, "there are more than 32 addresses");
}

static const char *read_system(const char *text)
{
    char copy[4096];
    FILE *file;
    const char *fault;

    (void)snprintf(copy, sizeof(copy), "%s", text);
    file = fmemopen(copy, strlen(copy), "r");
    cr_assert_not_null(file);
    fault = forward_read_system(file, &f);
    (void)fclose(file);
    return fault;
}

Test(forward, system)
{
    cr_expect_null(read_system("# nameserver 192.0.2.9\n; x\ndomain example.com\n"
                               "nameserver 192.0.2.1\nnameserver\t2001:db8::1 # ours\n"
                               "nameserver fe80::1%eth0\nnameserver 127.1\r\noptions edns0"));
    cr_assert_eq(f.count, 4);
    cr_expect_not(f.tls);
    cr_expect_str_eq(f.entry[0], "192.0.2.1@53");
    cr_expect_str_eq(f.entry[1], "2001:db8::1@53");
    cr_expect_str_eq(f.entry[2], "fe80::1%eth0@53");
    cr_expect_str_eq(f.entry[3], "127.0.0.1@53");
}

/* As the C library does, which then asks the others. */
Test(forward, system_skips_what_does_not_parse)
{
    cr_expect_null(read_system("nameserver dns.example.com\nnameserver\nnameserver 192.0.2.300\n"
                               " nameserver 192.0.2.8\nnameservers 192.0.2.7\nnameserver ::1%\n"
                               "\nnameserver 192.0.2.1"));
    cr_assert_eq(f.count, 1);
    cr_expect_str_eq(f.entry[0], "192.0.2.1@53");
}

Test(forward, system_without_any)
{
    char many[4096] = "";

    cr_expect_str_eq(read_system("nameserver x\n"), "there is no nameserver in it");
    cr_expect_str_eq(read_system("\n"), "there is no nameserver in it");
    for (int i = 0; i < 100; i++)
        strcat(many, "nameserver 192.0.2.1\n");
    cr_expect_null(read_system(many));
    cr_expect_eq(f.count, FORWARD_MAX);
}
