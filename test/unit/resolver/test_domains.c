/* Whose turn it is. Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/domains.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void open_domains(void)
{
    cr_assert(domains_open(2));
}
TestSuite(domains, .init = open_domains, .fini = domains_close);

static void expect(const char *name, const char *domain)
{
    cr_expect_str_eq(name + domain_offset(name, strlen(name)), domain, "%s", name);
}

Test(domains, offset)
{
    expect("a.b.c.example.com", "example.com");
    expect("sensor7._device.example.com", "example.com");
    expect("_device.example.com", "example.com");
    expect("example.com", "example.com");
    /* a suffix itself, or one label */
    expect("com", "com");
    expect("co.uk", "co.uk");
    expect("localhost", "localhost");
    expect("a.b.example.co.uk", "example.co.uk");
    expect("example.co.uk", "example.co.uk");
    expect("a.example.uk", "example.uk");
    /* short labels below a country are no registry's */
    expect("x.y.xyz.io", "xyz.io");
    expect("x.y.bbc.uk", "bbc.uk");
    /* registries' rules with and without a parent that is one, wildcards and exceptions */
    expect("x.y.co.za", "y.co.za");
    expect("x.y.pvt.k12.ma.us", "y.pvt.k12.ma.us");
    expect("x.y.z.kobe.jp", "y.z.kobe.jp");
    expect("x.y.city.kobe.jp", "city.kobe.jp");
    /* what owners list for themselves counts nothing */
    expect("a.b.github.io", "github.io");
    expect("a.dyndns.org", "dyndns.org");
    /* no such top level: its last label */
    expect("a.b.c.internal", "c.internal");
    expect("a.a.a.a.a.a.a.a.a.a.a.example.com", "example.com");
}

static struct domain *of(const char *name, bool known)
{
    return domain_of(name, strlen(name), known, 0);
}

Test(domains, one_for_an_owner_and_one_for_his_known_names)
{
    struct domain *a = of("x.example.com", false);

    cr_assert_not_null(a);
    cr_expect_eq(of("y.z.example.com", false), a);
    cr_expect_neq(of("x.example.net", false), a);
    cr_expect_neq(of("x.example.com", true), a);
}

/* How many lookups begin, all for somebody who asked. */
static unsigned fill(struct domain *d, long long now)
{
    unsigned n = 0;

    for (; domain_has_room(d, now); n++)
        domain_begin(d, false, now);
    return n;
}

static void empty(struct domain *d, long long now)
{
    while (d->lookups > 0)
        domain_end(d, false, now);
}

Test(domains, window)
{
    struct domain *d = of("example.com", false);
    struct domain *known = of("example.com", true);

    cr_expect_eq(fill(d, 0), DOMAINS_NEW);
    empty(d, 0);
    domain_said(d, DOMAIN_ANSWERED, 0);
    cr_expect_eq(fill(d, 0), DOMAINS_BEGIN);
    empty(d, 0);
    for (unsigned i = 0; i < 1000; i++)
        domain_said(d, DOMAIN_ANSWERED, 0);
    cr_expect_eq(fill(d, 0), DOMAINS_AT_MOST);
    empty(d, 0);
    /* silent: until it answers, or for a minute */
    domain_said(d, DOMAIN_SILENT, 0);
    cr_expect_eq(fill(d, 0), DOMAINS_SUSPECT);
    cr_expect(domain_suspect(d, DOMAINS_LATELY_MS - 1));
    empty(d, 0);
    domain_said(d, DOMAIN_ANSWERED, 1000);
    cr_expect_not(domain_suspect(d, 1000));
    cr_expect_eq(fill(d, 1000), DOMAINS_BEGIN);
    empty(d, 1000);
    /* bogus: for a minute, whatever it answers meanwhile */
    domain_said(d, DOMAIN_BOGUS, 1000);
    for (unsigned i = 0; i < 1000; i++)
        domain_said(d, DOMAIN_ANSWERED, 2000);
    cr_expect_eq(fill(d, 1000 + DOMAINS_LATELY_MS - 1), DOMAINS_SUSPECT);
    empty(d, 2000);
    cr_expect_eq(fill(d, 1000 + DOMAINS_LATELY_MS), DOMAINS_NEW);
    /* its known names are as they were, and are suspect for what they do themselves alone */
    cr_expect_not(domain_suspect(known, 2000));
    domain_said(known, DOMAIN_SILENT, 2000);
    cr_expect_not(domain_suspect(known, 2000));
    domain_said(known, DOMAIN_BOGUS, 2000);
    cr_expect(domain_suspect(known, 2000));
    for (unsigned i = 0; i < 1000; i++)
        domain_begin(known, false, 2000);
    cr_expect(domain_has_room(known, 2000));
}

/* Take what is due: whose it is. */
static const struct domain *take(struct domain *a, struct domain *b, unsigned room, long long now)
{
    struct deadline *due = domains_next(room, now);

    if (due == NULL)
        return NULL;
    for (size_t i = 1; i <= a->due.count; i++) {
        if (a->due.heap[i] == due) {
            domain_remove(a, due, now);
            domain_begin(a, true, now);
            return a;
        }
    }
    domain_remove(b, due, now);
    domain_begin(b, true, now);
    return b;
}

Test(domains, turns)
{
    struct domain *a = of("example.com", true);
    struct domain *b = of("example.net", true);
    struct deadline due[8] = {{0}};

    cr_expect_eq(domains_wait_ms(10, 0), -1);
    for (int i = 0; i < 6; i++)
        cr_assert(domain_add(a, &due[i], 100 + i, 0));
    cr_assert(domain_add(b, &due[6], 200, 0));
    cr_assert(domain_add(b, &due[7], 300, 0));
    cr_expect_eq(domains_wait_ms(10, 0), 100);
    cr_expect_null(domains_next(10, 99));
    /* one after the other; in a domain the first that was due, and two at a time */
    cr_expect_eq(domains_next(10, 300), &due[0]);
    cr_expect_eq(take(a, b, 10, 300), b);
    cr_expect_eq(take(a, b, 10, 300), a);
    cr_expect_eq(take(a, b, 10, 300), b);
    cr_expect_eq(take(a, b, 10, 300), a);
    cr_expect_null(take(a, b, 10, 300));
    cr_expect_eq(domains_wait_ms(10, 300), -1, "not before a lookup has ended");
    domain_end(a, true, 300);
    cr_expect_eq(domains_wait_ms(3, 300), -1, "three are in flight");
    cr_expect_eq(domains_wait_ms(4, 300), 0);
    cr_expect_eq(take(a, b, 4, 300), a);
    cr_expect_null(take(a, b, 10, 300));
}

/* Those that answer well have a line and room of their own. */
Test(domains, two_lines)
{
    struct domain *a = of("example.com", false);
    struct domain *b = of("example.net", false);
    struct deadline due[4] = {{0}};

    domain_said(b, DOMAIN_ANSWERED, 0);
    for (int i = 0; i < 2; i++) {
        cr_assert(domain_add(a, &due[i], 0, 0));
        cr_assert(domain_add(b, &due[2 + i], 0, 0));
    }
    cr_expect_not_null(take(a, b, 1, 0));
    cr_expect_not_null(take(a, b, 1, 0));
    cr_expect_eq(a->background, 1);
    cr_expect_eq(b->background, 1);
    cr_expect_null(take(a, b, 1, 0));
    domain_end(b, true, 0);
    cr_expect_eq(take(a, b, 1, 0), b);
    /* whoever fails leaves the line to others at once */
    domain_said(b, DOMAIN_BOGUS, 0);
    domain_said(a, DOMAIN_ANSWERED, 0);
    domain_put(a, 0);
    cr_expect_null(take(a, b, 1, 0));
    cr_expect_eq(take(a, b, 2, 0), a);
}

/* Domains that nobody uses are forgotten when there are many. */
Test(domains, bounded)
{
    char name[32];
    struct domain *used = of("used.com", false);
    struct deadline due = {0};

    cr_assert(domain_add(used, &due, 0, 0));
    domain_said(of("first.com", false), DOMAIN_BOGUS, 0);
    for (int i = 0; i < 40000; i++) {
        snprintf(name, sizeof(name), "n%d.com", i);
        cr_assert_not_null(of(name, false));
    }
    cr_expect_not(domain_suspect(of("first.com", false), 0));
    cr_expect_eq(of("used.com", false), used);
}
