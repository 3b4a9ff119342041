/* Whose lookups are in flight. Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/domains.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect(const char *name, const char *domain)
{
    cr_expect_str_eq(name + domain_offset(name, strlen(name)), domain, "%s", name);
}

Test(domains, offset)
{
    expect("a.b.c.example.com", "example.com");
    expect("sensor7._device.example.com", "example.com");
    expect("example.com", "example.com");
    expect("com", "com");
    expect("", "");
    expect("a.b.example.co.uk", "example.co.uk");
    expect("example.co.uk", "example.co.uk");
    expect("co.uk", "co.uk");
    expect("a.example.uk", "example.uk");
    expect("x.y.bbc.uk", "y.bbc.uk");
    expect("a.b.info", "b.info");
}

Test(domains, count)
{
    struct domain *a = domain_join("x.example.com", 13);
    struct domain *b = domain_join("y.z.example.com", 15);
    struct domain *c = domain_join("x.example.net", 13);

    cr_assert_not_null(a);
    cr_expect_eq(a, b);
    cr_expect_neq(a, c);
    cr_expect_eq(domain_lookups("any.example.com", 15), 2);
    cr_expect_eq(domain_lookups("example.net", 11), 1);
    cr_expect_eq(domain_lookups("xexample.net", 12), 0);
    domain_leave(a);
    cr_expect_eq(domain_lookups("example.com", 11), 1);
    domain_leave(b);
    domain_leave(c);
    cr_expect_eq(domain_lookups("example.com", 11), 0);
}
