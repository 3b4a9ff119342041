/*
 * record.c: dance record, the TLSA record of a key or certificate that there is.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "client/load.h"
#include "client/quiet.h"
#include "commands.h"
#include "json.h"
#include "name.h"
#include "tlsa.h"
#include "update.h"
#include "zone_text.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

enum { KEY, CERT, USAGE, SELECTOR, MATCHING, TTL, JSON };

static const struct command_option options[] = {
    [KEY] = {"key", "FILE|URI", "the private or public key"},
    [CERT] = {"cert", "FILE|URI", "the certificate (the first one there)"},
    [USAGE] = {"usage", "0-3", "certificate usage (3, DANE-EE)"},
    [SELECTOR] = {"selector", "0|1", "of the certificate or of its public key (1)"},
    [MATCHING] = {"matching", "0-2", "all of it, SHA2-256 or SHA2-512 (1)"},
    [TTL] = {"ttl", "SECONDS", "how long resolvers may keep it (3600)"},
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

/* What the record is about. */
struct subject {
    EVP_PKEY *key;
    STACK_OF(X509) * certificates;
};

static void free_subject(struct subject *subject)
{
    EVP_PKEY_free(subject->key);
    sk_X509_pop_free(subject->certificates, X509_free);
}

static const X509 *certificate_of(const struct subject *subject)
{
    return subject->certificates != NULL ? sk_X509_value(subject->certificates, 0) : NULL;
}

static enum command_status unreadable(const struct command_call *call, size_t option,
                                      const char *what)
{
    char text[256] = "";
    unsigned long error = ERR_peek_last_error();

    if (error != 0)
        ERR_error_string_n(error, text, sizeof(text));
    ERR_clear_error();
    /* Not the value: there may be a PIN in it. */
    return command_failed(call->command, "--%s: %s%s%s", call->command->options[option].name, what,
                          error != 0 ? ": " : "", text);
}

static enum command_status load(const struct command_call *call, struct subject *subject)
{
    const char *key = call->option[KEY];
    const char *certificate = call->option[CERT];

    if (key != NULL && !dance_load_objects(key, &subject->key, true, NULL))
        return unreadable(call, KEY, "no key without a passphrase can be read from it");
    if (certificate == NULL)
        return COMMAND_GOOD;
    subject->certificates = sk_X509_new_null();
    if (subject->certificates == NULL
        || !dance_load_objects(certificate, NULL, false, subject->certificates))
        return unreadable(call, CERT, "no certificate can be read from it");
    if (key != NULL && EVP_PKEY_eq(X509_get0_pubkey(certificate_of(subject)), subject->key) != 1) {
        ERR_clear_error();
        return command_failed(call->command, "the certificate is not for this key; name one of "
                                             "the two, or those that belong together");
    }
    return COMMAND_GOOD;
}

static enum command_status print(const struct command_call *call, const char *name, uint32_t ttl,
                                 const struct dance_wire_record *record)
{
    char *zone = zone_text(name, ttl, record);
    char *update = update_text(NULL, name, ttl, record);
    struct json json = {.out = stdout};
    bool good = zone != NULL && update != NULL;

    if (good && call->option[JSON] != NULL) {
        json_object(&json, NULL);
        json_string(&json, "name", name);
        json_number(&json, "ttl", ttl);
        zone_text_json(&json, "record", name, ttl, record);
        json_string(&json, "nsupdate", update);
        json_object_end(&json);
        json_end(&json);
    } else if (good) {
        (void)puts(zone);
    }
    OPENSSL_free(zone);
    OPENSSL_free(update);
    return good ? COMMAND_GOOD : command_failed(call->command, "out of memory");
}

/* The numbers of the command line. */
static enum command_status read_numbers(const struct command_call *call, struct tlsa_kind *kind,
                                        unsigned *ttl)
{
    unsigned usage, selector, matching;

    if (command_number(call, USAGE, 0, 3, 3, &usage) != COMMAND_GOOD
        || command_number(call, SELECTOR, 0, 1, 1, &selector) != COMMAND_GOOD
        || command_number(call, MATCHING, 0, 2, 1, &matching) != COMMAND_GOOD
        || command_number(call, TTL, 0, ZONE_TTL_MAX, ZONE_TTL_USUAL, ttl) != COMMAND_GOOD)
        return COMMAND_USAGE;
    *kind = (struct tlsa_kind){(uint8_t)usage, (uint8_t)selector, (uint8_t)matching};
    return COMMAND_GOOD;
}

static enum command_status run(const struct command_call *call)
{
    char name[DANCE_NAME_MAX + 1];
    struct subject subject = {NULL, NULL};
    struct dance_wire_record record = {NULL, 0};
    struct tlsa_kind kind;
    unsigned ttl;
    const char *fault = NULL;
    enum command_status status;

    if (name_read(call, name) != COMMAND_GOOD || read_numbers(call, &kind, &ttl) != COMMAND_GOOD)
        return COMMAND_USAGE;
    if (call->option[KEY] == NULL && call->option[CERT] == NULL)
        return command_misused(call->command, "of what? --key or --cert is needed");
    dance_quiet_begin();
    status = load(call, &subject);
    if (status == COMMAND_GOOD)
        fault = tlsa_make(&kind, subject.key, certificate_of(&subject), &record);
    dance_quiet_end();
    if (fault != NULL)
        status = command_failed(call->command, "there is no such record: %s", fault);
    if (status == COMMAND_GOOD)
        status = print(call, name, ttl, &record);
    free_subject(&subject);
    tlsa_free(&record);
    return status;
}

const struct command command_record = {
    .name = "record",
    .usage = "NAME",
    .meaning = "Print the TLSA record of a key or certificate",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
