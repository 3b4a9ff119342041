/*
 * fuzz_wire_status.c: what is counted, and how the resolver is, from hostile octets: the resolver
 * reads the one, dance status the others.
 *
 * What is accepted must encode to something that is accepted, and is the same.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dance_wire_status.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[DANCE_WIRE_STATUS_OF_USER_MAX];
    struct dance_wire_counts counts;
    struct dance_wire_status_head head;
    struct dance_wire_status_head same;
    static struct dance_wire_status_of_user user;
    static struct dance_wire_status_of_user second;
    size_t len;

    if (dance_wire_decode_counts(data, size, &counts)) {
        must(dance_wire_encode_counts(&counts, again, DANCE_WIRE_COUNTS_SIZE) == size);
        must(memcmp(again, data, size) == 0);
    }
    if (dance_wire_decode_status(data, size, &head)) {
        len = dance_wire_encode_status(&head, again, DANCE_WIRE_STATUS_SIZE);
        must(dance_wire_decode_status(again, len, &same));
        must(strcmp(head.version, same.version) == 0 && head.follow == same.follow);
    }
    if (dance_wire_decode_status_of_user(data, size, &user)) {
        len = dance_wire_encode_status_of_user(&user, again, sizeof(again));
        must(dance_wire_decode_status_of_user(again, len, &second));
        must(memcmp(user.clients, second.clients, sizeof(user.clients)) == 0);
        must(memcmp(user.figure, second.figure, sizeof(user.figure)) == 0);
        must(strcmp(user.fault, second.fault) == 0);
    }
    return 0;
}
