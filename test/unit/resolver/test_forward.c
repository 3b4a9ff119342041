/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/forward.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char out[8192];
static bool tls;
static const char *fault;

static void expect_fault(const char *list, const char *wanted)
{
    cr_expect_not(forward_to_config(list, out, sizeof(out), &tls, &fault), "\"%s\"", list);
    cr_expect(fault != NULL && strcmp(fault, wanted) == 0, "\"%s\": %s", list,
              fault != NULL ? fault : "none");
}

static void expect_ok(const char *list, bool wanted_tls)
{
    cr_assert(forward_to_config(list, out, sizeof(out), &tls, &fault), "\"%s\": %s", list, fault);
    cr_expect_eq(tls, wanted_tls);
    cr_expect_eq(strstr(out, "forward-tls-upstream: yes") != NULL, wanted_tls);
    cr_expect_eq(strstr(out, "tls-cert-bundle:") != NULL, wanted_tls);
}

Test(forward, addresses)
{
    expect_ok("127.0.0.1", false);
    cr_expect(strstr(out, "forward-addr: \"127.0.0.1@53\"\n"));
    expect_ok(" 192.0.2.1@5353 ,\t2001:db8::1 , fe80::1%eth0@54,", false);
    cr_expect(strstr(out, "forward-addr: \"192.0.2.1@5353\"\n"));
    cr_expect(strstr(out, "forward-addr: \"2001:db8::1@53\"\n"));
    cr_expect(strstr(out, "forward-addr: \"fe80::1%eth0@54\"\n"));
}

Test(forward, over_tls)
{
    expect_ok("192.0.2.1@8853#dns.example.com, 2001:db8::1#a_b.example", true);
    cr_expect(strstr(out, "forward-addr: \"192.0.2.1@8853#dns.example.com\"\n"));
    cr_expect(strstr(out, "forward-addr: \"2001:db8::1@853#a_b.example\"\n"));
}

Test(forward, faults)
{
    static const char no_address[] = "an entry is not an IP address";
    static const char no_port[] = "a port is not a number from 1 to 65535";
    static const char no_name[] = "what follows # is not a host name";

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
    expect_fault("127.0.0.1, 127.0.0.2#a",
                 "either all entries have a #NAME (DNS over TLS) or none has");
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
    for (int i = 0; i < 600; i++)
        strcat(list, "192.0.2.1,");
    expect_fault(list, "the list is too long");
    for (size_t room = 0; room < 80; room++)
        cr_expect_not(forward_to_config("127.0.0.1", out, room, &tls, &fault), "%zu", room);
}
