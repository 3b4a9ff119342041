/*
 * examine_dns.h: what depends on the moment: the resolver, the DNS and the system log.
 *
 * A client's own records are looked up and compared with its key; for a server,
 * whether the zones of those whom it lets in are signed as far as its anchor. The
 * resolver that the file means is asked, by the code of the module.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_EXAMINE_DNS_H
#define DANCE_CLI_EXAMINE_DNS_H

#include "examination.h"
#include "trial.h"

/* After examine_files(), with a file that has no fault. */
void examine_dns(struct examination *x, const struct trial_user *user);

/* After examine_sections(): can what is logged to syslog be said, as user? */
void examine_syslog(struct examination *x, const struct trial_user *user);

#endif
