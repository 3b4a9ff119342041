/*
 * quiet.h: nobody is asked for a passphrase or PIN.
 *
 * A question at the terminal of somebody else's process would be a stall. That
 * none is asked is said where a key is opened; but there are providers that then
 * ask by themselves, with OpenSSL's default user interface (pkcs11-provider
 * does). So that has no terminal for a thread that reads our key.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_QUIET_H
#define DANCE_CLIENT_QUIET_H

/* From here to dance_quiet_end() no question comes from this thread. Not nested. */
void dance_quiet_begin(void);
void dance_quiet_end(void);

#endif
