/*
 * config.h: a configuration is read, as openssl.cnf gives it.
 *
 * Reading never fails: what is wrong with a section stands in its fault text,
 * and whoever uses the section closes because of it (see policy.h). A value is
 * never replaced by a default because it is bad, and a key in the wrong section
 * is a fault, and so is one that only the resolver could heed where somebody
 * else started that. Nothing is opened here.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CONFIG_H
#define DANCE_CONFIG_H

#include "keys.h"

/* The value of the parameter "key" or "section.key", or NULL where it is not set. */
typedef const char *dance_config_get(void *from, const char *parameter);

/* Read everything; NULL only when out of memory. To be freed by dance_config_free(). */
struct dance_config *dance_config_read(dance_config_get *get, void *from);
void dance_config_free(struct dance_config *config);

/*
 * Make of c, which may be all zeros, one that refuses everybody because of this fault. Takes no
 * memory; c is not to be freed.
 */
void dance_config_close(struct dance_config *c, char *fault);

/* A parameter that was set, as it was written. */
struct dance_given {
    struct dance_given *next;
    char *value;
    char name[];
};

/* This parameter of the configuration; NULL where it was not set. */
const struct dance_given *dance_config_given(const struct dance_config *config,
                                             const char *parameter);

/*
 * The first parameter that was set and that a resolver behind a socket never sees, whose own
 * options say it; NULL where there is none.
 */
const char *dance_config_of_service(const struct dance_config *config);

/* The fault that closes this section: its own or the module's; NULL when it is good. */
const char *dance_config_fault(const struct dance_config *config, enum dance_section section);

#endif
