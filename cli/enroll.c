/*
 * enroll.c: dance enroll, a client from nothing: key, record, configuration.
 *
 * Two files are made, NAME.key (unless there is a key) and NAME.cnf, or neither.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "client/load.h"
#include "client_conf.h"
#include "commands.h"
#include "json.h"
#include "key_file.h"
#include "name.h"
#include "new_file.h"
#include "tlsa.h"
#include "update.h"
#include "zone_text.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY, OUT, USAGE, TTL, UPDATE, TSIG, JSON };

static const struct command_option options[] = {
    [KEY] = {"key", "FILE|URI", "a private key that there is; without it one is made"},
    [OUT] = {"out", "DIR", "where NAME.key and NAME.cnf are made (here)"},
    [USAGE] = {"usage", "1|3", "certificate usage: PKIX-EE or DANE-EE (3)"},
    [TTL] = {"ttl", "SECONDS", "how long resolvers may keep the record (3600)"},
    [UPDATE] = {"update", "SERVER", "publish it by dynamic update; NAME, ADDRESS or ADDRESS@PORT"},
    [TSIG] = {"tsig", "KEYFILE", "sign the update with this key (nsupdate -k)"},
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

/* What is made; texts are freed by free_client(). */
struct client {
    char name[DANCE_NAME_MAX + 1];
    unsigned ttl;
    unsigned usage;
    EVP_PKEY *key;
    char key_path[PATH_MAX]; /* of the key that is made, or the absolute path or URI of --key */
    char conf_path[PATH_MAX];
    struct dance_wire_record record;
    char *conf;
    char *zone;
    char *update;
};

static void free_client(struct client *client)
{
    EVP_PKEY_free(client->key);
    tlsa_free(&client->record);
    OPENSSL_free(client->conf);
    OPENSSL_free(client->zone);
    OPENSSL_free(client->update);
}

static enum command_status read_call(const struct command_call *call, struct client *client)
{
    const char *server = call->option[UPDATE];
    const char *fault = server != NULL ? update_server_fault(server) : NULL;

    if (name_read(call, client->name) != COMMAND_GOOD
        || command_number(call, USAGE, 1, 3, 3, &client->usage) != COMMAND_GOOD
        || command_number(call, TTL, 0, ZONE_TTL_MAX, ZONE_TTL_USUAL, &client->ttl) != COMMAND_GOOD)
        return COMMAND_USAGE;
    if (client->usage == 2)
        return command_misused(call->command, "--usage: 2 is for the key of a CA; 'dance record "
                                              "--cert' makes its record");
    if (fault != NULL)
        return command_misused(call->command, "--update: '%s': %s", server, fault);
    if (call->option[TSIG] != NULL && server == NULL)
        return command_misused(call->command, "--tsig is for --update");
    return COMMAND_GOOD;
}

/* Where the files will be. */
static enum command_status choose_paths(const struct command_call *call, struct client *client)
{
    const char *folder = call->option[OUT] != NULL ? call->option[OUT] : ".";
    const char *key = call->option[KEY];
    char absolute[PATH_MAX];
    int len;

    if (realpath(folder, absolute) == NULL)
        return command_failed(call->command, "%s: %s", folder, strerror(errno));
    len = snprintf(client->conf_path, PATH_MAX, "%s/%s.cnf", absolute, client->name);
    if (len < 0 || len >= PATH_MAX)
        return command_failed(call->command, "%s: %s", folder, strerror(ENAMETOOLONG));
    if (key == NULL) {
        (void)snprintf(client->key_path, PATH_MAX, "%.*s.key", len - 4, client->conf_path);
    } else if (strlen(key) >= PATH_MAX) {
        return command_failed(call->command, "--key: %s", strerror(ENAMETOOLONG));
    } else if (realpath(key, client->key_path) == NULL) {
        (void)snprintf(client->key_path, PATH_MAX, "%s", key);
    }
    return COMMAND_GOOD;
}

/* dance_config_get of a client section with this identity and key. */
static const char *get(void *from, const char *parameter)
{
    const struct client *client = from;

    if (strcmp(parameter, "log") == 0)
        return "none";
    if (strcmp(parameter, "client.identity") == 0)
        return client->name;
    return strcmp(parameter, "client.private_key") == 0 ? client->key_path : NULL;
}

/* Read the key as the module will. */
static enum command_status load_key(const struct command_call *call, struct client *client)
{
    struct dance_config *config = dance_config_read(get, client);
    struct dance_credential *loaded;
    enum command_status status = COMMAND_GOOD;
    char why[512] = "out of memory";
    const char *fault;

    fault = config != NULL ? dance_config_fault(config, DANCE_SECTION_CLIENT) : why;
    loaded = config != NULL && fault == NULL ? dance_load(config, why, sizeof(why)) : NULL;
    if (loaded != NULL)
        client->key = loaded->key;
    else
        status = command_failed(call->command, "%s", fault != NULL ? fault : why);
    dance_load_free(loaded, true);
    dance_config_free(config);
    ERR_clear_error();
    return status;
}

static enum command_status make_texts(const struct command_call *call, struct client *client)
{
    const struct tlsa_kind kind = {(uint8_t)client->usage, 1, 1};
    const char *why = tlsa_make(&kind, client->key, NULL, &client->record);

    if (why != NULL)
        return command_failed(call->command, "the key has no record: %s", why);
    client->conf = client_conf(client->name, client->key_path, &why);
    if (client->conf == NULL)
        return command_failed(call->command, "%s", why);
    client->zone = zone_text(client->name, client->ttl, &client->record);
    client->update = update_text(call->option[UPDATE], client->name, client->ttl, &client->record);
    return client->zone != NULL && client->update != NULL
               ? COMMAND_GOOD
               : command_failed(call->command, "out of memory");
}

static enum command_status write_files(const struct command_call *call, const struct client *client)
{
    bool makes_key = call->option[KEY] == NULL;
    /* A URI may have a PIN in it. */
    mode_t mode = makes_key || *client->key_path == '/' ? 0644 : 0600;
    char why[PATH_MAX + 256];

    if (makes_key && !key_file_write(client->key_path, client->key, NULL, why, sizeof(why)))
        return command_failed(call->command, "%s", why);
    if (new_file_write(client->conf_path, mode, client->conf, strlen(client->conf), why,
                       sizeof(why)))
        return COMMAND_GOOD;
    if (makes_key)
        (void)unlink(client->key_path);
    return command_failed(call->command, "%s", why);
}

static void print_json(const struct command_call *call, const struct client *client, bool published)
{
    struct json json = {.out = stdout};

    json_object(&json, NULL);
    json_string(&json, "name", client->name);
    json_number(&json, "ttl", client->ttl);
    json_string(&json, "key", call->option[KEY] == NULL ? client->key_path : NULL);
    json_string(&json, "config", client->conf_path);
    zone_text_json(&json, "record", client->name, client->ttl, &client->record);
    json_string(&json, "nsupdate", client->update);
    json_bool(&json, "published", published);
    json_string(&json, "openssl_cnf", client->conf);
    json_object_end(&json);
    json_end(&json);
}

static void print_text(const struct command_call *call, const struct client *client, bool published)
{
    if (call->option[KEY] == NULL)
        (void)printf("# The key, which is nobody's business but the application's (chown it to "
                     "its user):\n# %s\n\n",
                     client->key_path);
    if (published)
        (void)printf("# The record, which %s has taken:\n%s\n\n", call->option[UPDATE],
                     client->zone);
    else
        (void)printf("# The record, for a zone that is signed with DNSSEC:\n%s\n\n"
                     "# The same as input of nsupdate:\n%s\n",
                     client->zone, client->update);
    (void)printf("# The client's openssl.cnf; start the application with\n"
                 "# OPENSSL_CONF=%s\n%s%s",
                 client->conf_path,
                 client->usage == 1 ? "# with a line 'certificate = FILE' more: usage 1 wants one "
                                      "of a CA that the server trusts\n"
                                    : "",
                 client->conf);
}

static enum command_status enroll(const struct command_call *call, struct client *client)
{
    bool published = false;
    enum command_status status = choose_paths(call, client);
    char why[256];

    if (status == COMMAND_GOOD && call->option[KEY] != NULL)
        status = load_key(call, client);
    else if (status == COMMAND_GOOD && (client->key = EVP_EC_gen("P-256")) == NULL)
        status = command_failed(call->command, "OpenSSL makes no P-256 key here");
    if (status == COMMAND_GOOD)
        status = make_texts(call, client);
    if (status == COMMAND_GOOD)
        status = write_files(call, client);
    if (status != COMMAND_GOOD)
        return status;
    if (call->option[UPDATE] != NULL) {
        published = update_send(client->update, call->option[TSIG], why, sizeof(why));
        if (!published)
            status = command_failed(call->command,
                                    "the record is not published: %s. The files are made all the "
                                    "same; publish the record below in another way",
                                    why);
    }
    if (call->option[JSON] != NULL)
        print_json(call, client, published);
    else
        print_text(call, client, published);
    return status;
}

static enum command_status run(const struct command_call *call)
{
    struct client client = {.key = NULL};
    enum command_status status = read_call(call, &client);

    if (status == COMMAND_GOOD)
        status = enroll(call, &client);
    free_client(&client);
    return status;
}

const struct command command_enroll = {
    .name = "enroll",
    .usage = "NAME",
    .meaning = "Make a client: its key, its TLSA record and its openssl.cnf",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
