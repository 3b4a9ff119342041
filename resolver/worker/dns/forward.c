/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/forward.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS ", \t"
#define ENTRY_MAX 320
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Text under construction; room turns 0 when it does not fit. */
struct text {
    char *at;
    size_t room;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->at, t->room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= t->room) {
        t->room = 0;
        return;
    }
    t->at += n;
    t->room -= (size_t)n;
}

static bool made_of(const char *text, const char *allowed)
{
    return *text != '\0' && text[strspn(text, allowed)] == '\0';
}

static bool is_address(char *text)
{
    unsigned char octets[sizeof(struct in6_addr)];
    char *scope = strchr(text, '%');
    bool ok;

    if (inet_pton(AF_INET, text, octets) == 1)
        return true;
    if (scope != NULL) {
        if (!made_of(scope + 1, LETTERS DIGITS ".-_") || strlen(scope + 1) >= IF_NAMESIZE)
            return false;
        *scope = '\0';
    }
    ok = inet_pton(AF_INET6, text, octets) == 1;
    if (scope != NULL)
        *scope = '%';
    return ok;
}

/* Check an entry and add it. */
static const char *take_entry(struct text *t, char *entry, bool *tls)
{
    char *name = strchr(entry, '#');
    char *port = NULL;

    if (name != NULL)
        *name++ = '\0';
    port = strchr(entry, '@');
    if (port != NULL)
        *port++ = '\0';
    if (!is_address(entry))
        return "an entry is not an IP address";
    if (port != NULL
        && (!made_of(port, DIGITS) || strlen(port) > 5 || strtol(port, NULL, 10) < 1
            || strtol(port, NULL, 10) > 65535))
        return "a port is not a number from 1 to 65535";
    if (name != NULL && (!made_of(name, LETTERS DIGITS ".-_") || strlen(name) > 254))
        return "what follows # is not a host name";
    if (name == NULL && port != NULL && strtol(port, NULL, 10) == 853)
        return "port 853 needs #NAME (write \\# in openssl.cnf, where # begins a comment)";
    *tls = name != NULL;
    /* DNS over TLS has a port of its own, RFC 7858. */
    add(t, " forward-addr: \"%s@%s%s%s\"\n", entry,
        port != NULL ? port
        : *tls       ? "853"
                     : "53",
        *tls ? "#" : "", *tls ? name : "");
    return NULL;
}

int forward_to_config(const char *list, char *out, size_t size, bool *tls, const char **fault)
{
    struct text t = {out, size};
    bool plain = false;

    *fault = NULL;
    *tls = false;
    /* The operator chose these addresses; loopback is as good as any. */
    add(&t, "server:\n do-not-query-localhost: no\nforward-zone:\n name: \".\"\n");
    while (*fault == NULL && *(list += strspn(list, SEPARATORS)) != '\0') {
        char entry[ENTRY_MAX];
        size_t len = strcspn(list, SEPARATORS);
        bool entry_tls = false;

        if (len >= sizeof(entry)) {
            *fault = "an entry is too long";
            break;
        }
        memcpy(entry, list, len);
        entry[len] = '\0';
        list += len;
        *fault = take_entry(&t, entry, &entry_tls);
        *tls = *tls || entry_tls;
        plain = plain || !entry_tls;
    }
    if (*fault != NULL)
        return 0;
    if (!*tls && !plain)
        *fault = "there is no address";
    else if (*tls && plain)
        *fault = "either all entries have a #NAME (DNS over TLS) or none has";
    if (*tls)
        add(&t, " forward-tls-upstream: yes\nserver:\n"
                " tls-cert-bundle: \"/etc/ssl/certs/ca-certificates.crt\"\n");
    if (*fault == NULL && t.room == 0)
        *fault = "the list is too long";
    return *fault == NULL;
}
