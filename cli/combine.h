/*
 * combine.h: the openssl.cnf of an application, with dance and with everything
 * that another one says.
 *
 * The other file is included, so that what its owner changes later counts. What
 * it does besides providers is repeated behind them, because OpenSSL stops at the
 * first line of an init section that fails.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_COMBINE_H
#define DANCE_CLI_COMBINE_H

#include "conf_file.h"

struct combination {
    const char *theirs;  /* the other file's absolute path; NULL: there is none */
    const char *comment; /* the first line, without "# " */
    const char *policy;
    const char *allow; /* NULL: no server */
    const char *resolver;
    const char *identity; /* NULL: no client */
    const char *private_key;
    /*
     * dance before their providers, in a section of its own: where one of them makes OpenSSL stop,
     * dance is there. Without: as the last line of their section.
     */
    bool first;
    bool diagnostics; /* what fails in the file keeps the application from starting */
};

/*
 * Its text, to be freed with OPENSSL_free(); NULL with why. theirs: the other file as it was read;
 * its conf is NULL where there is none. Every value of theirs is in the text's effective view.
 */
char *conf_combine(const struct combination *wanted, const struct conf_file *theirs, char *why,
                   size_t why_size);

#endif
