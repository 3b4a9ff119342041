/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/peer.h"

#include "openssl/compat.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int socket_of(const SSL *ssl)
{
    BIO *bio = SSL_get_rbio(ssl);
    int fd = SSL_get_rfd(ssl);

    if (fd >= 0 || bio == NULL)
        return fd;
    /*
     * A kind of the application's own may know its socket (PostgreSQL's). One that does not know
     * the question answers it by some small number.
     */
    fd = (int)BIO_get_fd(bio, NULL);
    return fd > STDERR_FILENO ? fd : -1;
}

void dance_peer_describe(const SSL *ssl, char out[DANCE_PEER_MAX])
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        struct sockaddr_storage storage;
    } peer = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = sizeof(peer);
    char text[INET6_ADDRSTRLEN] = "";
    int fd = dance_is_quic(ssl) ? -1 : socket_of(ssl);

    out[0] = '\0';
    if (fd < 0 || getpeername(fd, &peer.any, &len) != 0)
        return;
    if (peer.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&peer.six.sin6_addr)) {
        /* On a socket for both; whoever filters looks for the address as it is on the wire. */
        (void)inet_ntop(AF_INET, &peer.six.sin6_addr.s6_addr[12], text, sizeof(text));
        (void)snprintf(out, DANCE_PEER_MAX, "%s:%u", text, ntohs(peer.six.sin6_port));
    } else if (peer.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &peer.six.sin6_addr, text, sizeof(text));
        (void)snprintf(out, DANCE_PEER_MAX, "[%s]:%u", text, ntohs(peer.six.sin6_port));
    } else if (peer.any.sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &peer.four.sin_addr, text, sizeof(text));
        (void)snprintf(out, DANCE_PEER_MAX, "%s:%u", text, ntohs(peer.four.sin_port));
    }
}
