/*
 * loan.h: our credential in a slot of an application's SSL, and out of it again.
 *
 * libssl keeps one certificate and key for each type of key, one of which is the current one. What
 * the application has put in the others, and which is current, stays as it is.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_LOAN_H
#define DANCE_CLIENT_LOAN_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct dance_loan {
    X509 *leaf; /* what was lent; NULL: nothing */
    /* What was current: at most one of them, or it would have been presented. */
    X509 *certificate_before;
    EVP_PKEY *key_before;
};

/* A certificate with its key, in whichever slot: libssl presents no other. */
bool dance_loan_needless(SSL *ssl);

/* Lend; 1, or 0 where libssl takes it not. To be ended in either case. */
int dance_loan_make(SSL *ssl, struct dance_loan *loan, X509 *leaf, EVP_PKEY *key,
                    STACK_OF(X509) * chain);

/* Take it out of whichever slot it is in, whatever is current by now. */
void dance_loan_end(SSL *ssl, struct dance_loan *loan);

/* SSL_dup() copies the slots: the same loan on the copy. */
struct dance_loan dance_loan_of_copy(const struct dance_loan *loan);

/* The SSL is no more. */
void dance_loan_free(struct dance_loan *loan);

#endif
