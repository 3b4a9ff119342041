/*
 * loaded.h: a configuration is loaded as an application would load it.
 *
 * OpenSSL goes on without a word where it cannot do what a configuration says. So
 * it is loaded in a process of its own (trial.h), and looked at what has become of it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_LOADED_H
#define DANCE_CLI_LOADED_H

#include "trial.h"

/*
 * In a process that has loaded a configuration: is the module there, and is its configuration good?
 * text: what it says of itself; empty where it is not there.
 */
bool loaded_says(char *text, size_t size);

/* In such a process: an algorithm that TLS needs is there. */
bool loaded_has_algorithms(void);

/*
 * Is dance in force with the file at path, and does an application have algorithms? If not, the
 * reason is in why.
 */
bool loaded_in_force(const char *path, char why[TRIAL_TEXT_MAX]);

/*
 * Can an application make an SSL_CTX, with what the section ssl_conf says for all of them (NULL:
 * nothing)? Without dance, which has its own part in that.
 */
bool loaded_makes_contexts(const char *path, const char *ssl_conf, char why[TRIAL_TEXT_MAX]);

/* Does OpenSSL come to the end of the file, passing nothing over? If not, why says where it stops.
 */
bool loaded_cleanly(const char *path, char why[TRIAL_TEXT_MAX]);

#endif
