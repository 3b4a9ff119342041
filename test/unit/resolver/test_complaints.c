/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/complaints.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>

#define ERROR "[1795728770] libunbound[19492:0] error: "
#define INFO "[1795728770] libunbound[19492:0] info: "

static FILE *stream;

static void open_it(void)
{
    stream = complaints_open();
    cr_assert_not_null(stream);
    cr_assert_geq(complaints_no_memory_fd(), 0);
}

static void close_it(void)
{
    complaints_close();
    cr_expect_eq(complaints_no_memory_fd(), -1);
}

TestSuite(complaints, .init = open_it, .fini = close_it);

static bool had_no_memory(const char *line)
{
    struct pollfd fd = {.fd = complaints_no_memory_fd(), .events = POLLIN};

    cr_assert_gt(fprintf(stream, "%s\n", line), 0);
    return poll(&fd, 1, 0) == 1;
}

Test(complaints, no_memory)
{
    static const char *const lines[] = {ERROR "malloc failure",
                                        ERROR "malloc failed",
                                        ERROR "out of memory for async answer",
                                        ERROR "Out of memory caching edns works",
                                        ERROR "tube read out of memory",
                                        ERROR "mesh_new_client: out of memory; SERVFAIL",
                                        ERROR "event_add failed. in cplf.",
                                        ERROR "comm_timer_set: evtimer_add failed."};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        cr_expect(had_no_memory(lines[i]), "%s", lines[i]);
        complaints_close();
        open_it();
    }
}

/* A name that anybody may have, and a line that nobody of libunbound has written, tell nothing. */
Test(complaints, not_of_names)
{
    static const char *const lines[] = {
        ERROR "SERVFAIL <malloc.example. TLSA IN>: out of memory",
        INFO "validation failure <malloc.example. TLSA IN>: malloc failure",
        INFO "resolving <x] error: malloc failure.example. TLSA IN>",
        ERROR "can't bind socket: Address already in use",
        "malloc failure",
        "error: malloc failure"};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_expect(!had_no_memory(lines[i]), "%s", lines[i]);
}

Test(complaints, first_and_servfail)
{
    char text[256];

    cr_expect(!had_no_memory(ERROR "SERVFAIL <a.example. TLSA IN>: no servers"));
    cr_expect(!had_no_memory(ERROR "the first"));
    cr_expect(!had_no_memory(ERROR "the second"));
    complaints_first(text, sizeof(text));
    cr_expect_str_eq(text, "the first");
    cr_expect(complaints_servfail("a.example.", text, sizeof(text)));
    cr_expect_str_eq(text, "no servers");
    cr_expect(!complaints_servfail("a.example.", text, sizeof(text)));
}
