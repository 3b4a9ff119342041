/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/chain_extension.h"

#include "client/extension.h"
#include "client/kept_chain.h"
#include "client/unsent.h"
#include "log.h"
#include "process.h"
#include "server/connection.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

void dance_client_parse_chain_request(SSL *ssl, size_t len)
{
    struct dance_connection *c = dance_connection_find(ssl);

    /* With anything in it it is somebody else's use of the number. */
    if (c != NULL)
        c->chain_taken = len == 0;
}

int dance_client_add_chain(SSL *ssl, const unsigned char **out, size_t *out_len, X509 *leaf,
                           size_t entry, int *alert)
{
    const struct dance_connection *c = entry == 0 ? dance_connection_find(ssl) : NULL;
    struct dance_chain *chain;

    (void)alert;
    if (c == NULL || !c->chain_taken || !dance_client_says_name(ssl, leaf))
        return 0;
    chain = dance_chain_get();
    /* Without memory for it the name goes alone, and leaves no error behind. */
    ERR_set_mark();
    *out = chain != NULL ? OPENSSL_memdup(chain->octets, chain->len) : NULL;
    ERR_pop_to_mark();
    *out_len = *out != NULL ? chain->len : 0;
    dance_log(DANCE_LOG_DEBUG,
              *out != NULL ? "sent the DNSSEC chain of %s to %s, %zu octets"
                           : "have no DNSSEC chain of %s for %s",
              dance_config()->identity, dance_client_server(ssl), *out_len);
    dance_chain_free(chain);
    return *out != NULL;
}
