/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "examine_dns.h"

#include "client/load.h"
#include "flush.h"
#include "lookup/ask.h"
#include "owner_name.h"
#include "process.h"
#include "tlsa.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_MS 8000u /* less than TRIAL_SECONDS */
#define ZONES_MAX 4      /* that are asked for of a server's list */
#define SHOWN 4          /* octets of a digest */
#define RECORD_TEXT_MAX 32

static const char clock_remedy[] =
    "compare this machine's clock (date -u); look at the zone's signatures (delv, dnsviz.net), and "
    "see that the trust anchor is a current one";
static const char zone_remedy[] =
    "sign the zone with DNSSEC, and have its DS record in the zone above";
static const char resolver_remedy[] =
    "see that the resolver runs and reaches the DNS: dance lookup tells more; "
    "systemctl enable --now dance-resolver.socket";

/* The child tells one of these and, behind it, particulars. */
enum outcome {
    MATCHES = 'm',
    DIFFERS = 'd',
    OF_CA = 'c',
    SECURE = 's',
    ABSENT = 'a',
    INSECURE = 'i',
    BOGUS = 'b',
    FAILED = 'f'
};

struct question {
    const struct examination *x;
    const char *name;
    bool compare; /* with the client's key */
};

static void show(char out[RECORD_TEXT_MAX], const uint8_t *rdata, size_t len)
{
    int used = snprintf(out, RECORD_TEXT_MAX, "%u %u %u ", rdata[0], rdata[1], rdata[2]);

    for (size_t i = 3; i < len && i < 3 + SHOWN; i++)
        used += snprintf(out + used, RECORD_TEXT_MAX - (size_t)used, "%02x", rdata[i]);
    (void)snprintf(out + used, RECORD_TEXT_MAX - (size_t)used, "..");
}

/* Is this record of our key? mine: what it would have to be, where that can be said. */
static enum outcome compare_one(const struct dance_wire_record *record,
                                const struct dance_credential *own, char mine[RECORD_TEXT_MAX])
{
    struct dance_wire_record ours = {NULL, 0};
    struct tlsa_kind kind;
    enum outcome outcome = DIFFERS;

    if (record->len < 4 || record->rdata[0] > 3 || record->rdata[1] > 1 || record->rdata[2] > 2)
        return DIFFERS;
    /* Of a CA: whether it is one of ours a handshake shows. */
    if (record->rdata[0] == 0 || record->rdata[0] == 2)
        return OF_CA;
    kind = (struct tlsa_kind){record->rdata[0], record->rdata[1], record->rdata[2]};
    if (tlsa_make(&kind, own->key, own->leaf, &ours) == NULL) {
        if (ours.len == record->len && memcmp(ours.rdata, record->rdata, ours.len) == 0)
            outcome = MATCHES;
        show(mine, ours.rdata, ours.len);
    }
    tlsa_free(&ours);
    return outcome;
}

/* text: which usage it is of begins the particulars. */
static void compare(const struct dance_wire_answer *answer, const struct dance_credential *own,
                    char *text, size_t size)
{
    char published[RECORD_TEXT_MAX] = "";
    char mine[RECORD_TEXT_MAX] = "another one";
    const uint8_t *of_ca = NULL;

    for (size_t i = 0; i < answer->count; i++) {
        enum outcome outcome = compare_one(&answer->record[i], own, mine);

        if (outcome == MATCHES) {
            (void)snprintf(text, size, "%c%s", MATCHES, mine);
            return;
        }
        if (outcome == OF_CA && (of_ca == NULL || *of_ca == 0))
            of_ca = answer->record[i].rdata;
        if (outcome == DIFFERS && answer->record[i].len >= 3)
            show(published, answer->record[i].rdata, answer->record[i].len);
    }
    if (of_ca != NULL)
        (void)snprintf(text, size, "%c%u", OF_CA, *of_ca);
    else
        (void)snprintf(text, size, "%cit is published with %s, and your key is %s", DIFFERS,
                       published, mine);
}

static enum outcome outcome_of(enum dance_wire_status status)
{
    static const enum outcome outcomes[] = {
        [DANCE_WIRE_SECURE] = SECURE,     [DANCE_WIRE_ABSENT] = ABSENT,
        [DANCE_WIRE_INSECURE] = INSECURE, [DANCE_WIRE_BOGUS] = BOGUS,
        [DANCE_WIRE_FAILED] = FAILED,     [DANCE_WIRE_BUSY] = FAILED};

    return outcomes[status];
}

/* A client's file mostly says nothing of the DNS: then the machine's resolver, if there is one. */
static bool configure(struct dance_config *config)
{
    struct stat st;

    if (!config->present[DANCE_SECTION_DNS] && stat(DANCE_SOCKET_DEFAULT, &st) == 0) {
        OPENSSL_free(config->resolver);
        config->resolver = OPENSSL_strdup(DANCE_SOCKET_DEFAULT);
    }
    /* From the root, with nothing known yet, a lookup takes longer than a handshake should wait. */
    config->timeout_ms = TIMEOUT_MS;
    /* Made by whoever calls the command, it may be a file that the application cannot write. */
    config->log_target = DANCE_LOG_NONE;
    if (config->resolver != NULL)
        dance_process_configure(config);
    return config->resolver != NULL;
}

static bool ask(const void *from, char *text, size_t size)
{
    const struct question *question = from;
    struct dance_config *config = question->x->config;
    struct dance_lookup *lookup = dance_lookup_new();
    struct dance_credential *own = NULL;
    char lower[DANCE_NAME_MAX + 1];
    size_t len = strlen(question->name);
    enum outcome outcome = FAILED;
    char why[256] = "";

    if (lookup == NULL || !configure(config))
        return false;
    if (question->compare) {
        examination_load(question->x);
        own = dance_load(config, why, sizeof(why));
        if (own == NULL) {
            (void)snprintf(text, size, "%s", why);
            return false;
        }
    }
    dance_owner_name_lower(lower, question->name, len);
    if (dance_lookup_run(lookup, lower, len, false) == 1)
        outcome = outcome_of(lookup->answer.status);
    if (outcome == SECURE && own != NULL)
        compare(&lookup->answer, own, text, size);
    else
        (void)snprintf(text, size, "%c%s", outcome, lookup->why);
    dance_load_free(own, false);
    dance_lookup_free(lookup);
    return true;
}

/* *why: the particulars, inside text. */
static enum outcome run(struct examination *x, const struct trial_user *user, const char *name,
                        bool compare_too, char text[TRIAL_TEXT_MAX], const char **why)
{
    struct question question = {x, name, compare_too};
    bool asked = trial(ask, &question, user, text);

    *why = asked && text[0] != '\0' ? text + 1 : text;
    return asked && text[0] != '\0' ? (enum outcome)text[0] : FAILED;
}

/* Without a dot at its end, a name in a zone file gets the zone's name once more. */
static bool find_doubled(struct examination *x, const struct trial_user *user, const char *section)
{
    const char *identity = x->config->identity;

    for (const char *zone = strchr(identity, '.'); zone != NULL && strchr(zone + 1, '.') != NULL;
         zone = strchr(zone + 1, '.')) {
        char name[2 * DANCE_NAME_MAX + 2];
        char text[TRIAL_TEXT_MAX];
        const char *why;

        (void)snprintf(name, sizeof(name), "%s%s", identity, zone);
        if (dance_owner_name_fault(name, strlen(name)) != NULL
            || run(x, user, name, false, text, &why) != SECURE)
            continue;
        examination_say(
            x, REPORT_FAULT, section, "identity",
            "write the name in the zone file with a dot at its end, or without the zone",
            "the record is at %s: the zone's name is in it twice", name);
        return true;
    }
    return false;
}

static void ask_for_client(struct examination *x, const struct trial_user *user)
{
    const char *section = examination_section(x, DANCE_SECTION_CLIENT);
    const char *identity = x->config->identity;
    char text[TRIAL_TEXT_MAX];
    const char *why;

    switch (run(x, user, identity, true, text, &why)) {
    case MATCHES:
        x->published = *why == '3';
        examination_say(x, REPORT_GOOD, section, "identity", NULL,
                        "%s has a TLSA record of this key (%s)", identity, why);
        break;
    case OF_CA:
        x->published = *why == '2';
        examination_say(x, REPORT_GOOD, section, "identity", NULL, "%s has a TLSA record of a CA",
                        identity);
        break;
    case DIFFERS:
        examination_say(x, REPORT_FAULT, section, "identity",
                        "publish the new record (dance record prints it), or use the old key",
                        "%s: %s; servers refuse it", identity, why);
        break;
    case INSECURE:
        examination_say(x, REPORT_FAULT, section, "identity", zone_remedy,
                        "%s is in no zone that is signed as far as the anchor: %s", identity, why);
        break;
    case BOGUS:
        examination_say(x, REPORT_FAULT, section, "identity", clock_remedy,
                        "%s does not validate: %s", identity, why);
        break;
    case ABSENT:
        if (!find_doubled(x, user, section))
            examination_say(x, REPORT_FAULT, section, "identity",
                            "publish it (dance record prints it); servers may believe for half a "
                            "minute after that that there is none",
                            "%s has no TLSA record: %s", identity, why);
        break;
    case SECURE:
    case FAILED:
        examination_say(x, REPORT_FAULT, section, "identity", resolver_remedy,
                        "%s could not be looked up: %s", identity, why);
    }
}

/* Something below the zone of this pattern. */
static void ask_for_zone(struct examination *x, const struct trial_user *user, const char *pattern)
{
    const char *section = examination_section(x, DANCE_SECTION_SERVER);
    bool any = strcmp(pattern, "*") == 0;
    char name[DANCE_NAME_MAX + 32];
    char text[TRIAL_TEXT_MAX];
    const char *why;

    (void)snprintf(name, sizeof(name), "dance-check.%s",
                   any ? "invalid" : pattern + (strncmp(pattern, "*.", 2) == 0 ? 2 : 0));
    if (dance_owner_name_fault(name, strlen(name)) != NULL)
        return;
    switch (run(x, user, name, false, text, &why)) {
    case INSECURE:
        examination_say(
            x, REPORT_FAULT, section, "allow", zone_remedy,
            "%s is in no zone that is signed as far as the anchor, so nobody there is let "
            "in: %s",
            name, why);
        break;
    case BOGUS:
        examination_say(x, REPORT_FAULT, section, "allow", clock_remedy,
                        "%s does not validate, so nobody there is let in: %s", name, why);
        break;
    case SECURE:
    case ABSENT:
        examination_say(x, REPORT_GOOD, section, "allow", NULL,
                        "the resolver answers for %s, validated",
                        any ? "the root" : name + strlen("dance-check."));
        break;
    case MATCHES:
    case DIFFERS:
    case OF_CA:
    case FAILED:
        examination_say(x, REPORT_FAULT, section, "allow", resolver_remedy,
                        "%s could not be looked up, so nobody there is let in: %s", name, why);
    }
}

static void ask_for_server(struct examination *x, const struct trial_user *user)
{
    const char *section = examination_section(x, DANCE_SECTION_SERVER);
    const char *allow = section != NULL ? conf_file_value(&x->file, section, "allow") : NULL;

    for (int i = 0; allow != NULL && *allow != '\0' && i < ZONES_MAX; i++) {
        char pattern[DANCE_NAME_MAX + 8];
        size_t len;

        allow += strspn(allow, ", \t");
        len = strcspn(allow, ", \t");
        if (len == 0 || len >= sizeof(pattern))
            break;
        (void)snprintf(pattern, sizeof(pattern), "%.*s", (int)len, allow);
        ask_for_zone(x, user, pattern);
        allow += len;
    }
}

void examine_dns(struct examination *x, const struct trial_user *user)
{
    const struct dance_config *c = x->config;

    if (c->identity != NULL && c->private_key != NULL)
        ask_for_client(x, user);
    /* With chain = only it has no DNS to ask. */
    if (c->present[DANCE_SECTION_SERVER] && c->server_chain != DANCE_CHAIN_ONLY)
        ask_for_server(x, user);
}

static bool connects(int type, int *error)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    *error = errno;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

static bool reach_syslog(const void *from, char *text, size_t size)
{
    int error = 0;

    (void)from;
    if (connects(SOCK_DGRAM, &error) || (error == EPROTOTYPE && connects(SOCK_STREAM, &error)))
        return true;
    (void)snprintf(text, size, "%s", strerror(error));
    return false;
}

void examine_syslog(struct examination *x, const struct trial_user *user)
{
    char text[TRIAL_TEXT_MAX];

    if (x->config->log_target == DANCE_LOG_SYSLOG && !trial(reach_syslog, NULL, user, text))
        examination_say(x, REPORT_FAULT, x->file.module, "log",
                        "start a system log (systemd-journald, rsyslog), or write log = /a/file",
                        "the system log cannot be reached at /dev/log: %s; nothing would be logged",
                        text);
}
