/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "forward.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_MAX 320

static bool all_of(const char *text, size_t len, const char *allowed)
{
    return len > 0 && strspn(text, allowed) >= len;
}

/* One entry, syntax only: libunbound reads the address. */
static const char *entry_fault(const char *entry, bool *tls)
{
    static const char address[] = "0123456789abcdefABCDEF.:%";
    static const char digits[] = "0123456789";
    static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t len = strcspn(entry, "@#");
    const char *port = NULL;

    if (!all_of(entry, len, address))
        return "an entry is not an IP address";
    entry += len;
    if (*entry == '@') {
        port = ++entry;
        len = strcspn(entry, "#");
        if (!all_of(entry, len, digits) || len > 5)
            return "a port is not a number";
        entry += len;
    }
    *tls = *entry == '#';
    if (*tls)
        return all_of(entry + 1, strlen(entry + 1), names) ? NULL : "the name after # is not one";
    if (port != NULL && atoi(port) == 853)
        return "port 853 needs #NAME (write \\# in openssl.cnf, where # begins a comment)";
    return NULL;
}

int forward_to_config(const char *list, char *out, size_t size, const char **fault)
{
    bool any_tls = false;
    bool any_plain = false;
    size_t used = (size_t)snprintf(
        out, size, "server:\n do-not-query-localhost: no\nforward-zone:\n name: \".\"\n");

    *fault = NULL;
    while (*list != '\0' && *fault == NULL) {
        char entry[ENTRY_MAX];
        size_t len;
        bool tls = false;

        list += strspn(list, ", \t");
        len = strcspn(list, ", \t");
        if (len == 0)
            continue;
        if (len >= sizeof(entry)) {
            *fault = "an entry is too long";
            break;
        }
        memcpy(entry, list, len);
        entry[len] = '\0';
        list += len;
        *fault = entry_fault(entry, &tls);
        any_tls = any_tls || tls;
        any_plain = any_plain || !tls;
        if (used < size)
            used += (size_t)snprintf(out + used, size - used, " forward-addr: \"%s\"\n", entry);
    }
    if (*fault == NULL && !any_tls && !any_plain)
        *fault = "there is no address";
    if (*fault == NULL && any_tls && any_plain)
        *fault = "either all entries have a #NAME or none has";
    if (*fault == NULL && any_tls && used < size)
        used += (size_t)snprintf(out + used, size - used,
                                 " forward-tls-upstream: yes\nserver:\n tls-cert-bundle: "
                                 "\"/etc/ssl/certs/ca-certificates.crt\"\n");
    if (*fault == NULL && used >= size)
        *fault = "the list is too long";
    return *fault == NULL;
}
