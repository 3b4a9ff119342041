/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/loan.h"

#include "log.h"

#include <openssl/err.h>

/* The slot that has these is current again; both are in it, or one of them. */
static void make_current(SSL *ssl, X509 *certificate, EVP_PKEY *key)
{
    if (certificate != NULL && key != NULL)
        (void)SSL_select_current_cert(ssl, certificate);
    else if (certificate != NULL)
        (void)SSL_use_certificate(ssl, certificate);
    else if (key != NULL)
        (void)SSL_use_PrivateKey(ssl, key);
}

bool dance_loan_needless(SSL *ssl)
{
    X509 *certificate = SSL_get_certificate(ssl);
    EVP_PKEY *key = SSL_get_privatekey(ssl);

    if (certificate != NULL && key != NULL)
        return true;
    /* Goes to the first one that is whole; where there is none, nowhere. */
    if (SSL_set_current_cert(ssl, SSL_CERT_SET_FIRST) != 1)
        return false;
    make_current(ssl, certificate, key);
    return true;
}

int dance_loan_make(SSL *ssl, struct dance_loan *loan, X509 *leaf, EVP_PKEY *key,
                    STACK_OF(X509) * chain)
{
    /* Without one libssl would send the SSL_CTX's extra certificates behind our leaf. */
    STACK_OF(X509) *none = chain == NULL ? sk_X509_new_null() : NULL;
    int taken = 0;

    loan->certificate_before = SSL_get_certificate(ssl);
    if (loan->certificate_before != NULL)
        (void)X509_up_ref(loan->certificate_before);
    loan->key_before = SSL_get_privatekey(ssl);
    if (loan->key_before != NULL)
        (void)EVP_PKEY_up_ref(loan->key_before);
    if (X509_up_ref(leaf)) {
        loan->leaf = leaf;
        if (chain != NULL || none != NULL)
            taken = SSL_use_cert_and_key(ssl, leaf, key, chain != NULL ? chain : none, 1);
    }
    sk_X509_free(none);
    return taken == 1;
}

static bool is_in_a_slot(SSL *ssl, const X509 *leaf)
{
    for (long more = SSL_set_current_cert(ssl, SSL_CERT_SET_FIRST); more == 1;
         more = SSL_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
        if (SSL_get_certificate(ssl) == leaf)
            return true;
    }
    return false;
}

/* libssl empties all slots or none: so they are emptied, and those are filled again that are whole.
 */
static void empty_all_but(SSL *ssl, long first, const X509 *ours)
{
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) *chain = NULL;

    if (SSL_set_current_cert(ssl, first) != 1) {
        SSL_certs_clear(ssl);
        return;
    }
    leaf = SSL_get_certificate(ssl);
    key = SSL_get_privatekey(ssl);
    (void)SSL_get0_chain_certs(ssl, &chain);
    if (leaf != ours && X509_up_ref(leaf) && EVP_PKEY_up_ref(key)) {
        chain = chain != NULL ? X509_chain_up_ref(chain) : NULL;
        empty_all_but(ssl, SSL_CERT_SET_NEXT, ours);
        if (SSL_use_cert_and_key(ssl, leaf, key, chain, 1) != 1)
            dance_log(DANCE_LOG_ERROR,
                      "libssl does not take the application's certificate back: %s",
                      ERR_reason_error_string(ERR_peek_last_error()));
        X509_free(leaf);
        EVP_PKEY_free(key);
        sk_X509_pop_free(chain, X509_free);
    } else {
        empty_all_but(ssl, SSL_CERT_SET_NEXT, ours);
    }
}

void dance_loan_end(SSL *ssl, struct dance_loan *loan)
{
    X509 *certificate = SSL_get_certificate(ssl);
    EVP_PKEY *key = SSL_get_privatekey(ssl);

    if (loan->leaf == NULL) {
        dance_loan_free(loan);
        return;
    }
    if (certificate == loan->leaf) {
        certificate = loan->certificate_before;
        key = loan->key_before;
    }
    if (certificate != NULL)
        (void)X509_up_ref(certificate);
    if (key != NULL)
        (void)EVP_PKEY_up_ref(key);
    ERR_set_mark();
    if (is_in_a_slot(ssl, loan->leaf))
        empty_all_but(ssl, SSL_CERT_SET_FIRST, loan->leaf);
    make_current(ssl, certificate, key);
    ERR_pop_to_mark();
    X509_free(certificate);
    EVP_PKEY_free(key);
    dance_loan_free(loan);
}

struct dance_loan dance_loan_of_copy(const struct dance_loan *loan)
{
    struct dance_loan copy = *loan;

    if (copy.leaf != NULL)
        (void)X509_up_ref(copy.leaf);
    if (copy.certificate_before != NULL)
        (void)X509_up_ref(copy.certificate_before);
    if (copy.key_before != NULL)
        (void)EVP_PKEY_up_ref(copy.key_before);
    return copy;
}

void dance_loan_free(struct dance_loan *loan)
{
    X509_free(loan->leaf);
    X509_free(loan->certificate_before);
    EVP_PKEY_free(loan->key_before);
    *loan = (struct dance_loan){NULL, NULL, NULL};
}
