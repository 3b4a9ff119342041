/*
 * hook.h: how dance reaches every SSL_CTX.
 *
 * libcrypto calls whoever registered an SSL_CTX ex_data index each time an
 * SSL_CTX is made. There the custom extension and the callbacks of the roles
 * that are configured are put in place; an application that sets its own
 * callbacks afterwards replaces ours, which the design takes into account.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_HOOK_H
#define DANCE_HOOK_H

/*
 * Reach every SSL_CTX that is made from now on; once per process, after
 * dance_process_configure(). 1, or 0 when libcrypto refuses.
 */
int dance_hook_install(void);

#endif
