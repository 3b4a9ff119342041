/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/unsent.h"

#include "log.h"
#include "process.h"

const char *dance_client_server(const SSL *ssl)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    return name != NULL ? name : "a server without a name";
}

void dance_unsent(const SSL *ssl, enum dance_unsent why)
{
    static const struct {
        enum dance_log_level level; /* what the operator did not decide himself is told him */
        const char *text;
    } words[] = {
        [DANCE_UNSENT_SERVER] = {DANCE_LOG_DEBUG, "client.servers does not name it"},
        [DANCE_UNSENT_APPLICATION] = {DANCE_LOG_DEBUG,
                                      "the application has a certificate of its own, with another "
                                      "key"},
        [DANCE_UNSENT_KEY] = {DANCE_LOG_INFO,
                              "libssl does not use its key there (curve or type of the key, "
                              "signature algorithms of either side, security level)"},
    };

    dance_log(words[why].level, "did not send the identity %s to %s: %s", dance_config()->identity,
              dance_client_server(ssl), words[why].text);
}
