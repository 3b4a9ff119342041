/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "roles.h"

#include "openssl/compat.h"

/* TLS or DTLS, and of no version in particular. */
static bool is_plain(const SSL_METHOD *method)
{
    return method == TLS_method() || method == TLS_server_method() || method == TLS_client_method()
           || method == DTLS_method() || method == DTLS_server_method()
           || method == DTLS_client_method();
}

static bool is_client_only(const SSL_METHOD *method)
{
    return method == TLS_client_method() || method == DTLS_client_method()
           || (!is_plain(method) && dance_is_quic_client(method));
}

static bool is_server_only(const SSL_METHOD *method)
{
    return method == TLS_server_method() || method == DTLS_server_method();
}

struct dance_roles dance_roles_possible(const SSL_METHOD *method)
{
    return (struct dance_roles){!is_server_only(method), !is_client_only(method)};
}

struct dance_roles dance_roles_configured(const SSL_METHOD *method,
                                          const struct dance_config *config)
{
    struct dance_roles roles = dance_roles_possible(method);

    roles.client = roles.client && config->present[DANCE_SECTION_CLIENT];
    roles.server = roles.server && config->present[DANCE_SECTION_SERVER];
    return roles;
}
