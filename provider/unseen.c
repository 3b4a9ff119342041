/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "unseen.h"

#include "log.h"
#include "openssl/binding.h"
#include "process.h"
#include "roles.h"
#include "server/records.h"

#include <stdatomic.h>

#define INACTIVE "inactive for an SSL_CTX, nobody is authenticated by DANE there: "

/* An SSL_CTX went by. */
static atomic_bool any_seen;

/* One that a server can use was made when there was no server section. */
static atomic_bool unserved;

bool dance_unseen_note(const SSL_CTX *ctx, const struct dance_config *config)
{
    static atomic_flag reported = ATOMIC_FLAG_INIT;
    const SSL_METHOD *method = SSL_CTX_get_ssl_method(ctx);

    atomic_store(&any_seen, true);
    if (dance_binding_owns(method)) {
        if (!config->present[DANCE_SECTION_SERVER] && dance_roles_possible(method).server)
            atomic_store(&unserved, true);
        return true;
    }
    if (!atomic_flag_test_and_set(&reported))
        dance_log(DANCE_LOG_ERROR, INACTIVE "it is of another libssl than dance.so is linked with");
    dance_process_inactive(config);
    return false;
}

bool dance_unseen_went_unserved(void)
{
    return atomic_load(&unserved);
}

/*
 * From OpenSSL 3.2 on an SSL that is being made does not know its SSL_CTX: there it is noticed if
 * we have seen none at all, or when the SSL is freed.
 */
void dance_unseen_report(SSL *ssl)
{
    static atomic_flag reported = ATOMIC_FLAG_INIT;
    const struct dance_config *config = dance_config();
    const SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
    struct dance_roles roles = {false, false};

    if (dance_records_own(ctx))
        return;
    if (ctx == NULL) {
        if (atomic_load(&any_seen))
            return;
        roles = (struct dance_roles){config->present[DANCE_SECTION_CLIENT],
                                     config->present[DANCE_SECTION_SERVER]};
    } else if (dance_binding_owns(SSL_CTX_get_ssl_method(ctx))
               && !SSL_CTX_has_client_custom_ext(ctx, config->extension_type)) {
        roles = dance_roles_configured(SSL_CTX_get_ssl_method(ctx), config);
    }
    if ((roles.client || roles.server) && !atomic_flag_test_and_set(&reported))
        dance_log(DANCE_LOG_ERROR, INACTIVE "dance did not see it being made");
}
