/*
 * tlsa.h: give TLSA records to libssl, which matches them (RFC 6698, RFC 7671).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TLSA_H
#define DANCE_TLSA_H

#include "dance_wire.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * Enable DANE on a server's SSL with a record that nothing can match, so that
 * the peer fails in libssl itself whatever callbacks the application has. To
 * do so again is harmless. DANE that the application enabled stays, with the
 * record added. 1, or 0 when libssl refuses. Leaves the error queue as it was.
 */
int dance_tlsa_arm(SSL *ssl);

/*
 * Make name the reference identity of usages 0 to 2: a dNSName, without
 * wildcards and without falling back on the CN (draft section 5). 1, or 0 when
 * out of memory.
 */
int dance_tlsa_reference(X509_VERIFY_PARAM *param, const char *name);

/*
 * Arm ssl and give it the records whose usage is in the bits of usages; name
 * becomes the reference identity of its verifications from now on. The number of records
 * that libssl took (0: none is usable), or -1 when libssl fails. Leaves the
 * error queue as it was.
 */
int dance_tlsa_give(SSL *ssl, const char *name, const struct dance_wire_answer *answer,
                    unsigned usages);

/* The record that the peer matched, as "3 1 1"; empty when there is none. */
void dance_tlsa_matched(SSL *ssl, char *out, size_t size);

#endif
