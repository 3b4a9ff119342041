/*
 * key_file.h: files of private keys are made and read.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_KEY_FILE_H
#define DANCE_CLI_KEY_FILE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/*
 * Write the key as PEM (PKCS#8, no passphrase) into a file that is new, by new_file.h, of mode 0600
 * or (model not NULL) with the mode, owner and group of another file. false with why.
 */
bool key_file_write(const char *path, EVP_PKEY *key, const struct stat *model, char *why,
                    size_t why_size);

/*
 * The first private key in a file, to be freed by EVP_PKEY_free(). Nobody is asked for a
 * passphrase. NULL with why.
 */
EVP_PKEY *key_file_read(const char *path, char *why, size_t why_size);

/* Is there a certificate in a file? */
bool key_file_has_certificate(const char *path);

/*
 * A new key of the same kind: algorithm, and curve or size. To be freed by EVP_PKEY_free(); NULL:
 * OpenSSL makes none here.
 */
EVP_PKEY *key_like(EVP_PKEY *key);

#endif
