/*
 * peer.h: from where a client came.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_PEER_H
#define DANCE_SERVER_PEER_H

#include <openssl/ssl.h>

#define DANCE_PEER_MAX 64u

/*
 * Address and port of who is at the other end of the socket that ssl reads from, as 192.0.2.7:4711
 * or [2001:db8::7]:4711. Empty where that is no connected socket of IP: an application that moves
 * the octets by itself, QUIC, mostly DTLS, or a client that has gone already.
 */
void dance_peer_describe(const SSL *ssl, char out[DANCE_PEER_MAX]);

#endif
