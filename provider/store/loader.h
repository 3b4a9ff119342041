/*
 * loader.h: the dane: store (OSSL_OP_STORE, provider-storemgmt(7)).
 *
 * Opening a dane: URI checks it and the dns section, and makes the channel to
 * the resolver, so that the lookup works after chroot, setuid and fork. The
 * lookup is made when the first object is loaded, once for each opened store.
 * What is not validated TLSA data is an error with its reason on the queue,
 * never an empty store. What is given out is decided in store_choice.h.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_STORE_LOADER_H
#define DANCE_STORE_LOADER_H

#include <openssl/core.h>

/*
 * For query_operation(OSSL_OP_STORE). Only where the core's libcrypto is the
 * one we are linked with, and after dance_reasons_load().
 */
extern const OSSL_ALGORITHM dance_store_algorithms[];

#endif
