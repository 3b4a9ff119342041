/*
 * status_print.h: how a resolver is, in words, in JSON, and for a program that collects metrics.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_STATUS_PRINT_H
#define DANCE_CLI_STATUS_PRINT_H

#include "status_ask.h"

#include <stdio.h>

void status_print_text(const struct status *status, FILE *out);
void status_print_json(const struct status *status, FILE *out);

/* Prometheus' text format 0.0.4. */
void status_print_prometheus(const struct status *status, FILE *out);

#endif
