/*
 * chain_command.c: dance chain, the DNSSEC chain of a client's TLSA record.
 *
 * It is collected by dance-resolver and written into a file (the key chain = /a/file), or into a
 * certificate, which any TLS stack can send.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "asking.h"
#include "chain_text.h"
#include "commands.h"
#include "json.h"
#include "key_file.h"
#include "lookup/collect.h"
#include "lookup/waiting.h"
#include "names/carried_chain.h"
#include "new_file.h"
#include "now.h"
#include "process.h"
#include "tlsa.h"

#include "client/load.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TYPE_TLSA 52
/* A worker of the resolver's that makes way for another one ends what it was asked. */
#define ATTEMPTS 4

enum { OUT, CERTIFICATE, KEY, SOCKET, CONFIG, TIMEOUT, JSON };

static const struct command_option options[] = {
    [OUT] = {"out", "FILE", "write it there, in place of what there is"},
    [CERTIFICATE] = {"certificate", "FILE",
                     "write a certificate for the key there, with the chain"},
    [KEY] = {"key", "FILE", "the private key of --certificate, which the record must name"},
    ASKING_OPTIONS(SOCKET, CONFIG, TIMEOUT),
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

struct outcome {
    const char *name;
    const char *status;
    char why[512];
    uint8_t *message; /* of the resolver; NULL: it sent none */
    struct dance_wire_collected collected;
    int64_t from, until; /* when the signatures hold */
};

/* 1: the answer came; 0: never, with why; -1: the worker ended. */
static int ask_once(struct outcome *o, long long deadline)
{
    char why[256] = "";
    struct dance_kept_fd asked = dance_collect_send(o->name, strlen(o->name), why, sizeof(why));
    enum dance_collect_state state = DANCE_COLLECT_WAITS;

    (void)snprintf(o->why, sizeof(o->why), "%s", why);
    if (asked.fd < 0)
        return 0;
    while (state == DANCE_COLLECT_WAITS) {
        if (dance_wait_readable(asked, deadline) == DANCE_WAITED_LATE) {
            dance_kept_fd_close(&asked);
            (void)snprintf(o->why, sizeof(o->why), "the chain was not collected within %u s",
                           dance_config()->timeout_ms / 1000);
            return 0;
        }
        state = dance_collect_look(&asked, &o->message, &o->collected, o->why, sizeof(o->why));
    }
    return state == DANCE_COLLECT_CAME ? 1 : -1;
}

/* Have it collected. */
static void collect(struct outcome *o)
{
    long long deadline = dance_now_ms() + dance_config()->timeout_ms;
    int came = -1;

    o->status = "failed";
    for (int i = 0; came < 0 && i < ATTEMPTS; i++)
        came = ask_once(o, deadline);
    if (came <= 0)
        return;
    o->status = asking_status_name(o->collected.status);
    (void)snprintf(o->why, sizeof(o->why), "%.*s", (int)o->collected.reason_len,
                   o->collected.reason);
    if (o->collected.status != DANCE_WIRE_SECURE
        || dance_chain_window(o->collected.chain, o->collected.chain_len, (int64_t)time(NULL),
                              &o->from, &o->until))
        return;
    o->status = "failed";
    (void)snprintf(o->why, sizeof(o->why), "what the resolver sent is no chain");
}

static bool is_good(const struct outcome *o)
{
    return strcmp(o->status, "secure") == 0;
}

static unsigned count_records(const struct outcome *o)
{
    struct dance_chain_reader reader;
    struct dance_chain_record record;
    unsigned count = 0;

    dance_chain_read(&reader, o->collected.chain, o->collected.chain_len);
    while (dance_chain_next(&reader, &record))
        count++;
    return count;
}

static void print_records(const struct outcome *o, struct json *json)
{
    struct dance_chain_reader reader;
    struct dance_chain_record record;

    dance_chain_read(&reader, o->collected.chain, o->collected.chain_len);
    while (dance_chain_next(&reader, &record)) {
        char *line = chain_text_record(&record);

        if (json != NULL)
            json_string(json, NULL, line);
        else
            (void)puts(line != NULL ? line : "; out of memory");
        OPENSSL_free(line);
    }
}

/* A zone file with the records unless they stand in a file now, and the rest as comments in it. */
static void print_text(const struct command_call *call, const struct outcome *o)
{
    char from[CHAIN_TEXT_TIME];
    char until[CHAIN_TEXT_TIME];

    (void)printf("; %s: %s%s%s\n", o->name, o->status, *o->why != '\0' ? ": " : "", o->why);
    if (is_good(o))
        (void)printf("; %zu octets, %u records, whose signatures hold from %s until %s\n"
                     "; to be collected again in %lu s\n",
                     o->collected.chain_len, count_records(o), chain_text_time(o->from, from),
                     chain_text_time(o->until, until), (unsigned long)o->collected.ttl);
    (void)printf("; %s %s\n", o->message != NULL ? "collected by" : "asked was",
                 asking_resolver_name());
    if (!is_good(o))
        return;
    if (call->option[OUT] != NULL)
        (void)printf("; written to %s\n", call->option[OUT]);
    if (call->option[CERTIFICATE] != NULL)
        (void)printf("; carried by the certificate in %s\n", call->option[CERTIFICATE]);
    if (call->option[OUT] == NULL && call->option[CERTIFICATE] == NULL)
        print_records(o, NULL);
}

static void print_json(const struct command_call *call, const struct outcome *o)
{
    struct json json = {.out = stdout};
    char from[CHAIN_TEXT_TIME];
    char until[CHAIN_TEXT_TIME];

    json_object(&json, NULL);
    json_string(&json, "name", o->name);
    json_string(&json, "status", o->status);
    json_string(&json, "reason", o->why);
    json_number(&json, "octets", is_good(o) ? o->collected.chain_len : 0);
    json_string(&json, "from", is_good(o) ? chain_text_time(o->from, from) : NULL);
    json_string(&json, "until", is_good(o) ? chain_text_time(o->until, until) : NULL);
    json_number(&json, "again", o->collected.ttl);
    json_string(&json, "resolver", dance_config()->resolver);
    json_string(&json, "file", is_good(o) ? call->option[OUT] : NULL);
    json_string(&json, "certificate", is_good(o) ? call->option[CERTIFICATE] : NULL);
    json_array(&json, "records");
    if (is_good(o))
        print_records(o, &json);
    json_array_end(&json);
    json_object_end(&json);
    json_end(&json);
}

/* Does a record of the chain name the key? */
static bool names_key(const struct outcome *o, EVP_PKEY *key)
{
    struct dance_chain_reader reader;
    struct dance_chain_record record;

    dance_chain_read(&reader, o->collected.chain, o->collected.chain_len);
    while (dance_chain_next(&reader, &record)) {
        const struct dance_wire_record tlsa = {record.rdata, record.rdata_len};

        if (record.type == TYPE_TLSA && record.rdata_len >= 3 && tlsa_fits(&tlsa, key))
            return true;
    }
    return false;
}

/* The certificate as PEM, in *out, to be freed by BIO_free(). NULL: out of memory. */
static BIO *make_certificate(const struct outcome *o, EVP_PKEY *key)
{
    X509_EXTENSION *carried = dance_carried_chain_make(o->collected.chain, o->collected.chain_len);
    X509 *x = carried != NULL ? dance_credential_self_signed(key, o->name, carried) : NULL;
    BIO *pem = BIO_new(BIO_s_mem());

    if (x == NULL || pem == NULL || PEM_write_bio_X509(pem, x) != 1) {
        BIO_free(pem);
        pem = NULL;
    }
    X509_EXTENSION_free(carried);
    X509_free(x);
    ERR_clear_error();
    return pem;
}

/* A file with a key in it is not ours to write over. false with why. */
static bool put(const char *path, const void *data, size_t len, char *why, size_t why_size)
{
    EVP_PKEY *key = NULL;
    struct stat st;

    /* What is no file is left anyway, and might not end. */
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
        key = key_file_read(path, why, why_size);
    if (key == NULL)
        return new_file_replace(path, 0644, data, len, why, why_size);
    EVP_PKEY_free(key);
    (void)snprintf(why, why_size, "%s: there is a private key in it; it is left as it is", path);
    return false;
}

static enum command_status write_certificate(const struct command_call *call,
                                             const struct outcome *o)
{
    enum command_status status = COMMAND_FAULT;
    char why[1024] = "";
    EVP_PKEY *key = key_file_read(call->option[KEY], why, sizeof(why));
    BIO *pem = NULL;
    char *data = NULL;
    long len = 0;

    if (key == NULL)
        return command_failed(call->command, "%s", why);
    if (!names_key(o, key))
        (void)snprintf(why, sizeof(why),
                       "no record of the chain (usage 3 or 1, selector 1) names "
                       "the key of --key");
    else if ((pem = make_certificate(o, key)) == NULL || (len = BIO_get_mem_data(pem, &data)) <= 0)
        (void)snprintf(why, sizeof(why), "no certificate can be made with this key");
    else if (put(call->option[CERTIFICATE], data, (size_t)len, why, sizeof(why)))
        status = COMMAND_GOOD;
    BIO_free(pem);
    EVP_PKEY_free(key);
    return status == COMMAND_GOOD ? status : command_failed(call->command, "%s", why);
}

static enum command_status write_files(const struct command_call *call, const struct outcome *o)
{
    const char *out = call->option[OUT];
    char why[1024];

    if (call->option[CERTIFICATE] != NULL && write_certificate(call, o) != COMMAND_GOOD)
        return COMMAND_FAULT;
    if (out != NULL && !put(out, o->collected.chain, o->collected.chain_len, why, sizeof(why)))
        return command_failed(call->command, "%s", why);
    return COMMAND_GOOD;
}

static enum command_status check_files(const struct command_call *call)
{
    const char *const *option = call->option;

    if ((option[CERTIFICATE] != NULL) != (option[KEY] != NULL))
        return command_misused(call->command, "--certificate and --key go together");
    if (option[OUT] != NULL && option[CERTIFICATE] != NULL
        && strcmp(option[OUT], option[CERTIFICATE]) == 0)
        return command_misused(call->command, "--out and --certificate are the same file");
    return COMMAND_GOOD;
}

static enum command_status run(const struct command_call *call)
{
    char lower[DANCE_NAME_MAX + 1];
    const struct asking asking = {.socket = call->option[SOCKET],
                                  .config = call->option[CONFIG],
                                  .timeout = call->option[TIMEOUT]};
    struct outcome outcome = {.name = lower};
    enum command_status status = check_files(call);

    if (status == COMMAND_GOOD)
        status = asking_of_name(call, &asking, lower);
    if (status != COMMAND_GOOD)
        return status;
    collect(&outcome);
    status = is_good(&outcome) ? write_files(call, &outcome) : COMMAND_FAULT;
    /* That nothing could be written was said already. */
    if (status == COMMAND_GOOD || !is_good(&outcome))
        (call->option[JSON] != NULL ? print_json : print_text)(call, &outcome);
    OPENSSL_free(outcome.message);
    return status;
}

const struct command command_chain = {
    .name = "chain",
    .usage = "NAME",
    .meaning = "Collect the DNSSEC chain of a client's TLSA records, for servers that ask nobody",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
