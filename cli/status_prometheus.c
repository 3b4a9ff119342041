/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "status_print.h"

#include <string.h>

/* Each figure has one; those of one metric follow each other. */
static const struct row {
    const char *metric;
    const char *label; /* as status="secure"; or NULL */
    const char *help;
} rows[DANCE_FIGURES] = {
#define LOOKUPS "dance_lookups_total"
#define LOOKUPS_HELP "Lookups that applications asked for, by what they were told."
    [DANCE_ANSWERED_SECURE] = {LOOKUPS, "status=\"secure\"", LOOKUPS_HELP},
    [DANCE_ANSWERED_ABSENT] = {LOOKUPS, "status=\"absent\"", LOOKUPS_HELP},
    [DANCE_ANSWERED_INSECURE] = {LOOKUPS, "status=\"insecure\"", LOOKUPS_HELP},
    [DANCE_ANSWERED_BOGUS] = {LOOKUPS, "status=\"bogus\"", LOOKUPS_HELP},
    [DANCE_ANSWERED_FAILED] = {LOOKUPS, "status=\"failed\"", LOOKUPS_HELP},
    [DANCE_ANSWERED_BUSY] = {LOOKUPS, "status=\"busy\"", LOOKUPS_HELP},
    [DANCE_ANSWERED_AT_ONCE] = {"dance_lookups_kept_total", NULL,
                                "Of the lookups, those answered from what was kept."},
    [DANCE_ANSWERED_TOGETHER] = {"dance_lookups_joined_total", NULL,
                                 "Of the lookups, those that found theirs under way."},
    [DANCE_ANSWERED_LATE] = {"dance_lookups_late_total", NULL,
                             "Of the lookups, those that the DNS did not answer in time."},
#define REFUSED "dance_lookups_refused_total"
#define REFUSED_HELP "Of the lookups, those refused as too many, by the bound that was reached."
    [DANCE_REFUSED_OF_ALL] = {REFUSED, "bound=\"all\"", REFUSED_HELP},
    [DANCE_REFUSED_OF_PROCESS] = {REFUSED, "bound=\"process\"", REFUSED_HELP},
    [DANCE_REFUSED_OF_DOMAIN] = {REFUSED, "bound=\"domain\"", REFUSED_HELP},
    [DANCE_DNS_LOOKUPS] = {"dance_dns_lookups_total", NULL,
                           "Lookups in the DNS that came to an end."},
    [DANCE_DNS_AHEAD] = {"dance_dns_lookups_ahead_total", NULL,
                         "Lookups in the DNS begun before anybody asked."},
    [DANCE_DNS_GIVEN_UP] = {"dance_dns_lookups_given_up_total", NULL,
                            "Lookups in the DNS that never ended and were given up."},
    [DANCE_WORKERS_STARTED] = {"dance_workers_started_total", NULL, "How often a worker began."},
    [DANCE_FLUSHES] = {"dance_flushes_total", NULL,
                       "How often all that was known was to be forgotten."},
    [DANCE_LOOKUPS_IN_FLIGHT] = {"dance_lookups_in_flight", NULL, "Lookups under way now."},
    [DANCE_NAMES_KEPT] = {"dance_names_kept", NULL, "Names of which an answer is kept now."},
    [DANCE_NAMES_HELD] = {"dance_names_held", NULL,
                          "Names that are looked up ahead because they are on a list."},
    [DANCE_CONVERSATIONS] = {"dance_conversations", NULL,
                             "Conversations with processes of applications."},
    [DANCE_PROCESSES] = {"dance_processes", NULL, "Processes of applications with conversations."},
    [DANCE_CHANNELS] = {"dance_channels", NULL, "Control channels of applications."},
};

static void head(FILE *out, const char *metric, const char *help, bool counter)
{
    (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric,
                  counter ? "counter" : "gauge");
}

/* The value of a label, between its quotes. */
static void escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            (void)fputs("\\n", out);
        else if (*text == '"' || *text == '\\')
            (void)fprintf(out, "\\%c", *text);
        else
            (void)fputc(*text, out);
    }
}

/* One line of a user's; label: another one, or NULL. */
static void sample(FILE *out, const char *metric, const struct dance_wire_status_of_user *u,
                   const char *label, uint64_t value)
{
    char name[STATUS_USER_MAX];

    status_user_name(name, u->uid);
    (void)fprintf(out, "%s{user=\"", metric);
    escaped(out, name);
    (void)fprintf(out, "\"%s%s} %llu\n", label != NULL ? "," : "", label != NULL ? label : "",
                  (unsigned long long)value);
}

static void print_figures(const struct status *status, FILE *out)
{
    for (size_t first = 0, end; first < DANCE_FIGURES; first = end) {
        for (end = first + 1; end < DANCE_FIGURES; end++) {
            if (strcmp(rows[end].metric, rows[first].metric) != 0)
                break;
        }
        head(out, rows[first].metric, rows[first].help, first < DANCE_FIGURE_LEVELS);
        for (size_t u = 0; u < status->count; u++) {
            for (size_t i = first; i < end; i++)
                sample(out, rows[i].metric, &status->user[u], rows[i].label,
                       status->user[u].figure[i]);
        }
    }
}

static void print_clients_of(const struct dance_wire_status_of_user *u, FILE *out)
{
    static const char *const outcomes[] = {
        [DANCE_CLIENT_REFUSED] = "refused", [DANCE_CLIENT_FORGIVEN] = "let-on"};
    char code[STATUS_CODE_MAX];
    char label[128];

    sample(out, "dance_clients_total", u, "outcome=\"accepted\"",
           u->clients[DANCE_CLIENT_ACCEPTED][0]);
    for (unsigned o = DANCE_CLIENT_REFUSED; o <= DANCE_CLIENT_FORGIVEN; o++) {
        for (unsigned r = 0; r < DANCE_COUNTED_REASONS; r++) {
            if (u->clients[o][r] == 0)
                continue;
            status_reason(code, r);
            (void)snprintf(label, sizeof(label), "outcome=\"%s\",reason=\"%s\"", outcomes[o], code);
            sample(out, "dance_clients_total", u, label, u->clients[o][r]);
        }
    }
}

static void print_users(const struct status *status, FILE *out)
{
    head(out, "dance_clients_total", "TLS clients, by what became of them and why.", true);
    for (size_t i = 0; i < status->count; i++)
        print_clients_of(&status->user[i], out);
    head(out, "dance_log_lines_lost_total", "Lines of applications that could not be logged.",
         true);
    for (size_t i = 0; i < status->count; i++)
        sample(out, "dance_log_lines_lost_total", &status->user[i], NULL,
               status->user[i].clients[DANCE_LINE_LOST][0]);
    head(out, "dance_worker_up", "Whether the user has a worker that is not stuck.", false);
    for (size_t i = 0; i < status->count; i++)
        sample(out, "dance_worker_up", &status->user[i], NULL,
               status->user[i].state != DANCE_WORKER_NONE
                   && status->user[i].state != DANCE_WORKER_STUCK);
    head(out, "dance_dns_ready", "Whether that worker could set up DNS.", false);
    for (size_t i = 0; i < status->count; i++)
        sample(out, "dance_dns_ready", &status->user[i], NULL,
               status->user[i].state == DANCE_WORKER_READY);
}

static void one(FILE *out, const char *metric, const char *help, unsigned long long value)
{
    head(out, metric, help, false);
    (void)fprintf(out, "%s %llu\n", metric, value);
}

void status_print_prometheus(const struct status *status, FILE *out)
{
    one(out, "dance_resolver_good", "Whether the resolver answers and can look names up.",
        status->why[0] == '\0');
    if (!status->told)
        return;
    head(out, "dance_resolver_info", "The resolver's version.", false);
    (void)fputs("dance_resolver_info{version=\"", out);
    escaped(out, status->head.version);
    (void)fputs("\"} 1\n", out);
    one(out, "dance_resolver_uptime_seconds", "For how long it has been running.",
        status->head.seconds);
    one(out, "dance_resolver_workers", "Workers of all users.", status->head.workers);
    one(out, "dance_resolver_channels", "Control channels of all users.", status->head.channels);
    print_users(status, out);
    print_figures(status, out);
}
