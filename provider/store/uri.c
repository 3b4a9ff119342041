/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "store/uri.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SCHEME "dane:"
#define SCHEME_LEN (sizeof(SCHEME) - 1)
#define PORT_DIGITS 5
#define PREFIX_MAX (sizeof("_65535._sctp.") - 1)

/* What stands behind the '?'; port is NULL where it is not there. */
struct parameters {
    const char *port;
    size_t port_len;
    const char *proto;
    size_t proto_len;
};

static bool is(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(text, word, len) == 0;
}

static const char *port_fault(const char *port, size_t len)
{
    static const char fault[] = "port is not a number from 1 to 65535";
    unsigned long n = 0;

    if (len == 0 || len > PORT_DIGITS || *port == '0')
        return fault;
    for (size_t i = 0; i < len; i++) {
        if (port[i] < '0' || port[i] > '9')
            return fault;
        n = n * 10 + (unsigned long)(port[i] - '0');
    }
    return n <= 65535 ? NULL : fault;
}

static const char *proto_fault(const char *proto, size_t len)
{
    return is(proto, len, "tcp") || is(proto, len, "udp") || is(proto, len, "sctp")
               ? NULL
               : "proto is not tcp, udp or sctp";
}

/* Read "key=value&key=value". */
static const char *read_parameters(const char *text, struct parameters *p)
{
    bool proto_seen = false;

    for (;;) {
        size_t len = strcspn(text, "&");
        size_t key = strcspn(text, "=&");
        const char *value = text + key + 1;
        const char *fault;

        if (key == len)
            return "a parameter is not of the form key=value";
        if (is(text, key, "port")) {
            if (p->port != NULL)
                return "port is there twice";
            p->port = value;
            p->port_len = len - key - 1;
            fault = port_fault(p->port, p->port_len);
        } else if (is(text, key, "proto")) {
            if (proto_seen)
                return "proto is there twice";
            proto_seen = true;
            p->proto = value;
            p->proto_len = len - key - 1;
            fault = proto_fault(p->proto, p->proto_len);
        } else {
            fault = "it has a parameter other than port and proto";
        }
        if (fault != NULL)
            return fault;
        if (text[len] == '\0')
            return p->port != NULL ? NULL : "proto is there without port";
        text += len + 1;
    }
}

const char *dance_store_uri_owner(const char *uri, char owner[DANCE_NAME_MAX + 1])
{
    char whole[PREFIX_MAX + DANCE_NAME_MAX + 1];
    struct parameters p = {NULL, 0, "tcp", 3};
    const char *name;
    const char *fault;
    size_t name_len;
    int len;

    *owner = '\0';
    if (strnlen(uri, SCHEME_LEN) < SCHEME_LEN
        || !dance_owner_name_equal(uri, SCHEME_LEN, SCHEME, SCHEME_LEN))
        return "it does not begin with dane:";
    name = uri + SCHEME_LEN;
    if (strncmp(name, "//", 2) == 0)
        return "the name follows dane: at once, without //";
    name_len = strcspn(name, "?");
    fault = name[name_len] == '?' ? read_parameters(name + name_len + 1, &p) : NULL;
    if (fault != NULL)
        return fault;
    if (name_len > 1 && name[name_len - 1] == '.')
        name_len--;
    fault = dance_owner_name_fault(name, name_len);
    if (fault != NULL)
        return fault;
    if (p.port != NULL)
        len = snprintf(whole, sizeof(whole), "_%.*s._%.*s.%.*s", (int)p.port_len, p.port,
                       (int)p.proto_len, p.proto, (int)name_len, name);
    else
        len = snprintf(whole, sizeof(whole), "%.*s", (int)name_len, name);
    fault = dance_owner_name_fault(whole, (size_t)len);
    if (fault == NULL)
        dance_owner_name_lower(owner, whole, (size_t)len);
    return fault;
}
