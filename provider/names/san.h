/*
 * san.h: san_fallback, the name of a client that cannot send dane_clientid.
 *
 * Outside draft-ietf-dance-client-auth-13, which has the client always say its
 * name; earlier drafts took it from the certificate, where TLS 1.2 clients and
 * TLS stacks without custom extensions have it, too.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NAMES_SAN_H
#define DANCE_NAMES_SAN_H

#include "owner_name.h"

#include <openssl/x509.h>

/*
 * The owner name that leaf stands for, in lower case: its one dNSName, below
 * the service label if that is not NULL. However leaf spells it, it is one
 * client, who is looked up; whether it may spell it so is the affair of
 * certificate_names. NULL, or what is in the way, as a static text; out is then
 * empty. Pure; leaves the error queue as it was.
 */
const char *dance_san_name(const X509 *leaf, const char *label, char out[DANCE_NAME_MAX + 1]);

#endif
