/*
 * plain_peer.h: the other side of a handshake that is tried, without the module.
 *
 * A process that has loaded no configuration speaks TLS over a descriptor, and dane_clientid as it
 * is told to, with a key and certificate that are made for it. For a process of its own, which
 * ends with it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_PLAIN_PEER_H
#define DANCE_CLI_PLAIN_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* What is sent by whom, once both are through with the handshake. */
#define PLAIN_PEER_SAYS_MAX 300

/* A server's word of what it was sent; the name follows behind PLAIN_PEER_NAME. */
enum plain_peer_word {
    PLAIN_PEER_NOTHING = '0',
    PLAIN_PEER_CERTIFICATE = 'c',
    PLAIN_PEER_NAME = 'n'
};

/* The name of those who say none. */
#define PLAIN_PEER_MADE_UP "dance-check.invalid"

/* The server that a client asks for; NULL: none in particular. */
bool plain_ask_for(SSL *ssl, const char *server_name);

/* Who comes to a server. */
struct plain_visitor {
    bool certificate;
    const char *name;        /* that it says; NULL: it says none */
    const char *server_name; /* NULL: none */
    unsigned extension_type;
};

/* Be a client of whoever is at fd; then send one octet, and wait for the end. */
void plain_visit(int fd, const struct plain_visitor *visitor);

/*
 * Be a server for whoever is at fd that asks for a certificate, with the empty ClientName if asks;
 * then send what it was sent in words, and wait for the end.
 */
void plain_host(int fd, unsigned extension_type, bool asks);

#endif
