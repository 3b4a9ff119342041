/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "status_print.h"

#include "json.h"

#include <string.h>

/* As JSON has them. */
static const char *const figures[DANCE_FIGURES] = {
    [DANCE_ANSWERED_SECURE] = "lookups_secure",
    [DANCE_ANSWERED_ABSENT] = "lookups_absent",
    [DANCE_ANSWERED_INSECURE] = "lookups_insecure",
    [DANCE_ANSWERED_BOGUS] = "lookups_bogus",
    [DANCE_ANSWERED_FAILED] = "lookups_failed",
    [DANCE_ANSWERED_BUSY] = "lookups_busy",
    [DANCE_ANSWERED_AT_ONCE] = "lookups_kept",
    [DANCE_ANSWERED_TOGETHER] = "lookups_joined",
    [DANCE_ANSWERED_LATE] = "lookups_late",
    [DANCE_REFUSED_OF_ALL] = "lookups_refused_of_all",
    [DANCE_REFUSED_OF_PROCESS] = "lookups_refused_of_process",
    [DANCE_REFUSED_OF_DOMAIN] = "lookups_refused_of_domain",
    [DANCE_DNS_LOOKUPS] = "dns_lookups",
    [DANCE_DNS_AHEAD] = "dns_lookups_ahead",
    [DANCE_DNS_GIVEN_UP] = "dns_lookups_given_up",
    [DANCE_WORKERS_STARTED] = "workers_started",
    [DANCE_FLUSHES] = "flushes",
    [DANCE_LOOKUPS_IN_FLIGHT] = "lookups_in_flight",
    [DANCE_NAMES_KEPT] = "names_kept",
    [DANCE_NAMES_HELD] = "names_held",
    [DANCE_CONVERSATIONS] = "conversations",
    [DANCE_PROCESSES] = "processes",
    [DANCE_CHANNELS] = "channels",
};

static void print_duration(FILE *out, uint32_t seconds)
{
    unsigned s = seconds;

    if (s >= 86400)
        (void)fprintf(out, "%u d %u h", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        (void)fprintf(out, "%u h %u min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        (void)fprintf(out, "%u min %u s", s / 60, s % 60);
    else
        (void)fprintf(out, "%u s", s);
}

static uint64_t total(const struct dance_wire_status_of_user *u, enum dance_outcome outcome)
{
    uint64_t sum = 0;

    for (size_t r = 0; r < DANCE_COUNTED_REASONS; r++)
        sum += u->clients[outcome][r];
    return sum;
}

/* ", N refused (n reason, ...)" */
static void print_outcome(FILE *out, const struct dance_wire_status_of_user *u,
                          enum dance_outcome outcome, const char *words)
{
    const char *before = " (";
    char code[STATUS_CODE_MAX];

    (void)fprintf(out, ", %llu %s", (unsigned long long)total(u, outcome), words);
    for (unsigned r = 0; r < DANCE_COUNTED_REASONS; r++) {
        if (u->clients[outcome][r] == 0)
            continue;
        status_reason(code, r);
        (void)fprintf(out, "%s%llu %s", before, (unsigned long long)u->clients[outcome][r], code);
        before = ", ";
    }
    (void)fputs(*before == ',' ? ")" : "", out);
}

static void print_worker(FILE *out, const struct dance_wire_status_of_user *u)
{
    static const char *const words[] = {
        [DANCE_WORKER_NONE] = "no worker now",
        [DANCE_WORKER_BEGINS] = "a worker that begins",
        [DANCE_WORKER_READY] = "a worker, DNS is set up",
        [DANCE_WORKER_BROKEN] = "a worker, DNS cannot be set up",
        [DANCE_WORKER_STUCK] = "a worker that is stuck and will be replaced",
    };
    char name[STATUS_USER_MAX];

    status_user_name(name, u->uid);
    (void)fprintf(out, "user %s: %s", name, words[u->state]);
    if (u->state != DANCE_WORKER_NONE) {
        (void)fputs(", running for ", out);
        print_duration(out, u->seconds);
    }
    (void)fprintf(out, "%s%s\n", u->fault[0] != '\0' ? ": " : "", u->fault);
}

static void print_user(FILE *out, const struct dance_wire_status_of_user *u)
{
    unsigned long long n[DANCE_FIGURES];
    unsigned long long asked = 0;

    for (size_t i = 0; i < DANCE_FIGURES; i++) {
        n[i] = u->figure[i];
        asked += i <= DANCE_ANSWERED_BUSY ? n[i] : 0;
    }
    print_worker(out, u);
    (void)fprintf(out, "  clients: %llu accepted",
                  (unsigned long long)u->clients[DANCE_CLIENT_ACCEPTED][0]);
    print_outcome(out, u, DANCE_CLIENT_REFUSED, "refused");
    print_outcome(out, u, DANCE_CLIENT_FORGIVEN, "let on by the application");
    (void)fprintf(
        out,
        "\n  lookups: %llu answered: %llu secure, %llu absent, %llu insecure, %llu bogus, "
        "%llu failed, %llu busy\n",
        asked, n[DANCE_ANSWERED_SECURE], n[DANCE_ANSWERED_ABSENT], n[DANCE_ANSWERED_INSECURE],
        n[DANCE_ANSWERED_BOGUS], n[DANCE_ANSWERED_FAILED], n[DANCE_ANSWERED_BUSY]);
    (void)fprintf(out,
                  "           %llu from what was kept, %llu with one under way, %llu too late; "
                  "refused as too many: %llu in all, %llu of a process, %llu of a domain\n",
                  n[DANCE_ANSWERED_AT_ONCE], n[DANCE_ANSWERED_TOGETHER], n[DANCE_ANSWERED_LATE],
                  n[DANCE_REFUSED_OF_ALL], n[DANCE_REFUSED_OF_PROCESS], n[DANCE_REFUSED_OF_DOMAIN]);
    (void)fprintf(out,
                  "  DNS:     %llu lookups ended, %llu begun ahead, %llu given up, %llu in flight; "
                  "%llu names kept, %llu held\n",
                  n[DANCE_DNS_LOOKUPS], n[DANCE_DNS_AHEAD], n[DANCE_DNS_GIVEN_UP],
                  n[DANCE_LOOKUPS_IN_FLIGHT], n[DANCE_NAMES_KEPT], n[DANCE_NAMES_HELD]);
    (void)fprintf(out,
                  "  used by: %llu processes, %llu conversations, %llu control channels; %llu "
                  "workers started, flushed %llu times\n",
                  n[DANCE_PROCESSES], n[DANCE_CONVERSATIONS], n[DANCE_CHANNELS],
                  n[DANCE_WORKERS_STARTED], n[DANCE_FLUSHES]);
    if (u->clients[DANCE_LINE_LOST][0] > 0)
        (void)fprintf(out, "  log:     %llu lines of applications are lost\n",
                      (unsigned long long)u->clients[DANCE_LINE_LOST][0]);
}

void status_print_text(const struct status *status, FILE *out)
{
    if (status->told) {
        (void)fprintf(out, "%s: dance %s, running for ", status->path, status->head.version);
        print_duration(out, status->head.seconds);
        (void)fprintf(out, ", workers: %u, control channels: %u\n", status->head.workers,
                      status->head.channels);
    }
    for (size_t i = 0; i < status->count; i++)
        print_user(out, &status->user[i]);
    if (status->told && status->head.users > status->count)
        (void)fprintf(out, "and %u users more\n", status->head.users - (unsigned)status->count);
    if (status->others > 0)
        (void)fprintf(out,
                      "resolvers that applications have started for themselves (resolver = auto): "
                      "%u; 'kill -USR1 PID' has one of them log its counters\n",
                      status->others);
}

static void json_reasons(struct json *json, const char *key,
                         const struct dance_wire_status_of_user *u, enum dance_outcome outcome)
{
    char code[STATUS_CODE_MAX];

    json_object(json, key);
    for (unsigned r = 0; r < DANCE_COUNTED_REASONS; r++) {
        if (u->clients[outcome][r] == 0)
            continue;
        status_reason(code, r);
        json_number(json, code, u->clients[outcome][r]);
    }
    json_object_end(json);
}

static void json_user(struct json *json, const struct dance_wire_status_of_user *u)
{
    char name[STATUS_USER_MAX];

    status_user_name(name, u->uid);
    json_object(json, NULL);
    json_string(json, "user", name);
    json_number(json, "uid", u->uid);
    json_string(json, "worker", status_worker(u));
    json_number(json, "seconds", u->seconds);
    json_string(json, "fault", u->fault);
    json_number(json, "accepted", u->clients[DANCE_CLIENT_ACCEPTED][0]);
    json_reasons(json, "refused", u, DANCE_CLIENT_REFUSED);
    json_reasons(json, "let_on", u, DANCE_CLIENT_FORGIVEN);
    json_number(json, "lines_lost", u->clients[DANCE_LINE_LOST][0]);
    for (size_t i = 0; i < DANCE_FIGURES; i++)
        json_number(json, figures[i], u->figure[i]);
    json_object_end(json);
}

void status_print_json(const struct status *status, FILE *out)
{
    struct json json = {.out = out};

    json_object(&json, NULL);
    json_string(&json, "socket", status->path);
    if (status->told) {
        json_string(&json, "version", status->head.version);
        json_number(&json, "seconds", status->head.seconds);
        json_number(&json, "workers", status->head.workers);
        json_number(&json, "channels", status->head.channels);
        json_number(&json, "known_users", status->head.users);
    }
    json_array(&json, "users");
    for (size_t i = 0; i < status->count; i++)
        json_user(&json, &status->user[i]);
    json_array_end(&json);
    json_number(&json, "others", status->others);
    json_string(&json, "reason", status->why);
    json_string(&json, "status", status->why[0] == '\0' ? "good" : "fault");
    json_object_end(&json);
    json_end(&json);
}
