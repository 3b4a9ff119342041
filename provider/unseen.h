/*
 * unseen.h: SSL_CTXs that are as without dance, though it is loaded.
 *
 * Nothing can be done any more about an SSL_CTX that dance did not see being
 * made, or not in time, or that is of another libssl. But it must not pass in
 * silence: each of these is said once. (Those whose making can still be
 * prevented are in reach.h.)
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_UNSEEN_H
#define DANCE_UNSEEN_H

#include "config.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * An SSL_CTX of the application's is seen being made, under this configuration. False: it is of
 * another libssl, which has been said, and must be left alone.
 */
bool dance_unseen_note(const SSL_CTX *ctx, const struct dance_config *config);

/* Was one for servers made when there was no server section? */
bool dance_unseen_went_unserved(void);

/* An SSL is made or freed: its SSL_CTX may be one that was not seen. Only reads. */
void dance_unseen_report(SSL *ssl);

#endif
