/*
 * tables.c: the tables of the code, as the documentation has them: a line for
 * each key, option and reason, its fields separated by tabs (scripts/tables.py).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "keys.h"
#include "options.h"
#include "reasons.h"

#include <stdio.h>

/* "-": there is none. */
static const char *shown(const char *text)
{
    return text != NULL ? text : "-";
}

static void print_keys(void)
{
    static const char *const sections[DANCE_SECTIONS] = {"module", "client", "server", "dns"};

    for (size_t i = 0; i < dance_config_keys_count; i++) {
        const struct dance_config_key *k = &dance_config_keys[i];

        (void)printf("key\t%s\t%s\t%s\t%s\t%s\n", sections[k->section], k->name, shown(k->fallback),
                     k->allowed, k->meaning);
    }
}

static void print_options(void)
{
    const struct options_entry *e;

    for (size_t i = 0; (e = options_at(i)) != NULL; i++) {
        char usual[16] = "-";

        if (e->kind == OPTIONS_NUMBER)
            (void)snprintf(usual, sizeof(usual), "%u", e->usual);
        (void)printf("option\t%s\t%s\t%s\n", e->name, shown(e->value),
                     e->usual_text != NULL ? e->usual_text : usual);
    }
}

static void print_reasons(void)
{
#define PRINT_REASON(name, text) (void)printf("reason\t%s\t%s\n", #name, text);
    DANCE_REASONS(PRINT_REASON)
#undef PRINT_REASON
}

int main(void)
{
    print_keys();
    print_options();
    print_reasons();
    return fflush(stdout) != 0 || ferror(stdout);
}
