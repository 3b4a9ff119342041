/*
 * comment.h: what a comment of openssl.cnf took from a value.
 *
 * '#' begins a comment there, also in the middle of a word. Of
 * "forward = 192.0.2.53#dns.example.net" libcrypto gives us "192.0.2.53", and
 * queries that were meant for TLS would go out in the clear. Only the file
 * tells the two apart, so its lines are looked at for this, and for nothing
 * else: what they mean is libcrypto's to say.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_COMMENT_H
#define DANCE_COMMENT_H

#include <stdbool.h>

/*
 * Does the file at path, or one that it includes, give key this value in front
 * of a '#' that stands directly behind something? false where the file cannot
 * be read, and for a line with a variable in it, whose value is not known.
 */
bool dance_comment_took(const char *path, const char *key, const char *value);

#endif
