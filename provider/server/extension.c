/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/extension.h"

#include "files/allow.h"
#include "names/clientid.h"
#include "openssl/compat.h"
#include "process.h"
#include "server/claim.h"
#include "server/enforce.h"
#include "server/gate.h"
#include "server/report.h"

/* End the handshake for how the extension was sent. */
static int abort_with(SSL *ssl, struct dance_connection *c, enum dance_reason reason,
                      const char *detail)
{
    (void)dance_connection_step(ssl, c, DANCE_BROKEN);
    dance_connection_fail(c, reason, "%s", detail);
    return dance_report_refuse(ssl, c);
}

int dance_server_add_request(SSL *ssl, const unsigned char **out, size_t *out_len, int *alert)
{
    if (!dance_rules()->active)
        return 0;
    *alert = SSL_AD_INTERNAL_ERROR;
    dance_gate_stand_before(ssl);
    /*
     * The client will name itself: a list that is to be had by then is asked for now. This may be
     * the only handshake of its process.
     */
    dance_allow_file_free(dance_allow_file_get());
    if (!dance_enforce_request(ssl))
        return -1;
    *out = dance_clientid_empty;
    *out_len = sizeof(dance_clientid_empty);
    return 1;
}

int dance_server_parse_certificate(SSL *ssl, const unsigned char *data, size_t len, X509 *leaf,
                                   size_t entry, int *alert)
{
    struct dance_connection *c;
    const unsigned char *name;
    const char *fault;
    size_t name_len;

    if (!dance_rules()->active)
        return 1;
    c = dance_connection_get(ssl);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (c == NULL)
        return 0;
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    if (entry > 0) {
        /* Said again beside an issuer's certificate: no matter. */
        if (c->state.stage == DANCE_RECORDS || c->state.stage == DANCE_DENIED)
            return 1;
        return abort_with(ssl, c, DANCE_R_EXTENSION_MISPLACED, "");
    }
    if (!dance_clientid_decode(data, len, &name, &name_len)) {
        *alert = SSL_AD_DECODE_ERROR;
        return abort_with(ssl, c, DANCE_R_EXTENSION_MALFORMED, "");
    }
    if (name_len == 0)
        return abort_with(ssl, c, DANCE_R_NAME_EMPTY, "");
    fault = dance_owner_name_fault((const char *)name, name_len);
    if (fault != NULL)
        return abort_with(ssl, c, DANCE_R_NAME_MALFORMED, fault);
    return dance_claim(ssl, c, (const char *)name, name_len, leaf) || dance_report_refuse(ssl, c);
}

int dance_server_add_ticket(SSL *ssl, int *alert)
{
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    return !dance_rules()->active || dance_enforce_end(ssl) ? 0 : -1;
}
