/*
 * uri.h: what a dane: URI asks for. Pure functions.
 *
 *   dane:NAME                       the TLSA records at NAME
 *   dane:NAME?port=443&proto=tcp    those of a server, at _443._tcp.NAME (RFC 6698, section 3);
 *                                   proto is tcp (the default), udp or sctp
 *
 * The scheme's letter case does not count; NAME is a domain name as in
 * owner_name.h, a trailing dot is allowed. Nothing is percent-decoded, because
 * no acceptable name needs it. Whatever else stands in a URI is a fault, so
 * that a slip never asks for something else than was meant.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_STORE_URI_H
#define DANCE_STORE_URI_H

#include "owner_name.h"

/*
 * Write the owner name of uri, checked and in lower case, to owner. NULL, or
 * what is wrong with uri in an operator's words (static); owner is then empty.
 */
const char *dance_store_uri_owner(const char *uri, char owner[DANCE_NAME_MAX + 1]);

#endif
