/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/forward.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS ", \t"
#define WHITE " \t\r\n"
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
/* DNS over TLS has a port of its own, RFC 7858. */
#define PORT "53"
#define PORT_TLS "853"

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

static const char *add(struct forward *out, const char *address, const char *port, const char *name)
{
    char *entry;
    int n;

    if (out->count == FORWARD_MAX)
        return "there are more than 32 addresses";
    entry = out->entry[out->count];
    n = snprintf(entry, FORWARD_ENTRY_MAX, "%s@%s%s%s", address, port, name != NULL ? "#" : "",
                 name != NULL ? name : "");
    if (n < 0 || n >= FORWARD_ENTRY_MAX)
        return "an entry is too long";
    out->count++;
    return NULL;
}

/* Check an entry and add it. */
static const char *take_entry(struct forward *out, char *entry)
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
    if (out->count > 0 && out->tls != (name != NULL))
        return "either all entries have a #NAME (DNS over TLS) or none has";
    out->tls = name != NULL;
    return add(out, entry, port != NULL ? port : out->tls ? PORT_TLS : PORT, name);
}

const char *forward_read(const char *list, struct forward *out)
{
    const char *fault = NULL;

    out->count = 0;
    out->tls = false;
    while (fault == NULL && *(list += strspn(list, SEPARATORS)) != '\0') {
        char entry[FORWARD_ENTRY_MAX];
        size_t len = strcspn(list, SEPARATORS);

        if (len >= sizeof(entry))
            return "an entry is too long";
        memcpy(entry, list, len);
        entry[len] = '\0';
        list += len;
        fault = take_entry(out, entry);
    }
    if (fault == NULL && out->count == 0)
        fault = "there is no address";
    return fault;
}

/* The C library reads 127.1 and the like, too. */
static const char *system_address(char *text, char *buffer, socklen_t size)
{
    struct in_addr ip4;

    if (inet_aton(text, &ip4) != 0)
        return inet_ntop(AF_INET, &ip4, buffer, size);
    return is_address(text) ? text : NULL;
}

const char *forward_read_system(FILE *file, struct forward *out)
{
    char *line = NULL;
    size_t size = 0;

    out->count = 0;
    out->tls = false;
    while (out->count < FORWARD_MAX && getline(&line, &size, file) >= 0) {
        char buffer[INET_ADDRSTRLEN];
        char *rest = NULL;
        char *word = strtok_r(line, WHITE, &rest);
        const char *address = NULL;

        /* The keyword begins the line; the address is the next word. */
        if (word == line && strcmp(word, "nameserver") == 0
            && (word = strtok_r(NULL, WHITE, &rest)) != NULL)
            address = system_address(word, buffer, sizeof(buffer));
        if (address != NULL)
            (void)add(out, address, PORT, NULL);
    }
    free(line);
    return out->count > 0 ? NULL : "there is no nameserver in it";
}
