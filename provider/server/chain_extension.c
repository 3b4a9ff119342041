/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/chain_extension.h"

#include "process.h"
#include "server/connection.h"
#include "server/report.h"

int dance_server_offer_chain(const unsigned char **out, size_t *out_len)
{
    static const unsigned char nothing[1];

    if (!dance_rules()->active || dance_config()->server_chain == DANCE_CHAIN_OFF)
        return 0;
    *out = nothing;
    *out_len = 0;
    return 1;
}

int dance_server_parse_chain(SSL *ssl, const unsigned char *data, size_t len, size_t entry,
                             int *alert)
{
    struct dance_connection *c = dance_connection_find(ssl);

    /* Nobody asked for it, or it is not where it belongs: then it is none. */
    if (!dance_rules()->active || dance_config()->server_chain == DANCE_CHAIN_OFF || c == NULL
        || entry > 0 || (c->state.stage != DANCE_ASKED && c->state.stage != DANCE_ASKED_AGAIN))
        return 1;
    if (dance_connection_take_chain(c, data, len))
        return 1;
    *alert = SSL_AD_INTERNAL_ERROR;
    (void)dance_connection_step(ssl, c, DANCE_BROKEN);
    dance_connection_fail(c, DANCE_R_MEMORY, "%s", "");
    return dance_report_refuse(ssl, c);
}
