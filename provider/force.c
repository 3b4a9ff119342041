/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "force.h"

#include "join.h"
#include "log.h"
#include "policy.h"
#include "process.h"
#include "reasons.h"
#include "unseen.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* Guards everything here but the reading of "now". */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct dance_force told[DANCE_CONFIGURATIONS_MAX];
static size_t told_count;
static _Atomic(const struct dance_force *) now;

/* The configuration that refuses everybody, and why; once it is in force it stays. */
static struct dance_config closed;
static char closed_fault[640];

bool dance_config_says_something(const struct dance_config *config)
{
    return config->present[DANCE_SECTION_CLIENT] || config->present[DANCE_SECTION_SERVER]
           || config->present[DANCE_SECTION_DNS] || config->fault[DANCE_SECTION_MODULE] != NULL;
}

const struct dance_force *dance_force_now(void)
{
    return atomic_load(&now);
}

static void describe(struct dance_force *force, const struct dance_config *config)
{
    static const char *const policies[] = {"mixed", "dane", "require"};
    const char *fault = NULL;

    for (int s = 0; s < DANCE_SECTIONS && fault == NULL; s++)
        fault = config->fault[s];
    force->good = fault == NULL;
    if (fault != NULL)
        (void)snprintf(force->text, sizeof(force->text),
                       "dance " DANCE_VERSION "; configuration has a fault: %s", fault);
    else
        (void)snprintf(force->text, sizeof(force->text),
                       "dance " DANCE_VERSION "; configuration is good; client: %s; server: %s",
                       config->identity != NULL ? config->identity : "none",
                       config->present[DANCE_SECTION_SERVER] ? policies[config->policy] : "none");
}

/* The arrays have room for every configuration that can follow another, see process.h. */
static void publish(const struct dance_config *config)
{
    struct dance_force *force = &told[told_count];

    if (told_count == DANCE_CONFIGURATIONS_MAX)
        return;
    if (told_count++ == 0)
        dance_log_configure(config->log_target, config->log_file, config->log_level);
    describe(force, config);
    dance_process_configure(config);
    atomic_store(&now, force);
}

static void say(const struct dance_config *config, const char *text)
{
    bool lend = dance_config() == NULL;

    if (lend)
        dance_log_configure(config->log_target, config->log_file, config->log_level);
    dance_log(DANCE_LOG_ERROR, "%s", text);
    if (lend)
        dance_log_close();
}

void dance_force_say(const struct dance_config *config, const char *text)
{
    (void)pthread_mutex_lock(&lock);
    say(config, text);
    (void)pthread_mutex_unlock(&lock);
}

/* Refuse everybody from now on; a role as a client stays what it is. */
static void close_all(const char *fault)
{
    if (closed.present[DANCE_SECTION_SERVER])
        return;
    (void)snprintf(closed_fault, sizeof(closed_fault), "%s", fault);
    if (dance_config() != NULL)
        closed = *dance_config();
    dance_config_close(&closed, closed_fault);
    publish(&closed);
}

void dance_force_server_fault(const char *fault)
{
    static struct dance_config faulty;
    static char text[640];

    (void)pthread_mutex_lock(&lock);
    if (dance_config_fault(dance_config(), DANCE_SECTION_SERVER) != NULL) {
        /* Closed already. */
    } else if (faulty.present[DANCE_SECTION_SERVER]) {
        /* Another section joined since, and others may still read the first of these. */
        close_all(fault);
    } else {
        (void)snprintf(text, sizeof(text), "%s", fault);
        faulty = *dance_config();
        faulty.fault[DANCE_SECTION_SERVER] = text;
        publish(&faulty);
    }
    (void)pthread_mutex_unlock(&lock);
}

static void raise_faults(const struct dance_config *config)
{
    for (int s = 0; s < DANCE_SECTIONS; s++) {
        if (config->fault[s] != NULL)
            dance_raise(DANCE_R_CONFIGURATION, config->fault[s]);
    }
}

/* Others are said when the first SSL_CTX is made, which may have been. */
static void say_faults(const struct dance_config *config)
{
    char line[900];

    for (int s = 0; s < DANCE_SECTIONS; s++) {
        if (config->fault[s] == NULL)
            continue;
        (void)snprintf(line, sizeof(line), "%s: %s", dance_reason_text(DANCE_R_CONFIGURATION),
                       config->fault[s]);
        say(config, line);
    }
}

/* What cannot be in force, because of text. config: NULL when there was no memory to read it. */
static void leave_out(const struct dance_config *config, const char *text)
{
    bool another = dance_config() != NULL;
    char line[512];

    (void)snprintf(line, sizeof(line), "%s configuration is not in force: %s",
                   another ? "another" : "the", text);
    /* Said when the first SSL_CTX is made, which may have been. */
    if (another)
        dance_log(DANCE_LOG_ERROR, "%s", line);
    dance_raise(DANCE_R_CONFIGURATION, line);
    if (config == NULL || (dance_policy_rules(config).level == DANCE_REQUIRE))
        close_all(line);
}

/* It is in force, or text says why not. Who returns true keeps config. */
static bool add(struct dance_config *config, char *text, size_t size)
{
    struct dance_config *joined;
    const char *key;

    if (dance_config() == NULL) {
        publish(config);
        return true;
    }
    switch (dance_config_compare(dance_config(), config, &key)) {
    case DANCE_CONFIG_SAME:
        break;
    case DANCE_CONFIG_MORE:
        if (closed.present[DANCE_SECTION_SERVER]) {
            (void)snprintf(text, size, "everybody is refused since an earlier fault");
            break;
        }
        joined = dance_config_join(dance_config(), config);
        if (joined == NULL) {
            (void)snprintf(text, size, "out of memory when it was read");
            break;
        }
        publish(joined);
        say_faults(config);
        if (config->present[DANCE_SECTION_SERVER] && dance_unseen_went_unserved())
            say(config, "inactive for an SSL_CTX, nobody is authenticated by DANE there: "
                        "it was made before the server section was loaded");
        break;
    case DANCE_CONFIG_OTHER:
        (void)snprintf(text, size, "it says %s otherwise than the one before", key);
        break;
    }
    return false;
}

/* Nothing can be missing where it says what is in force. */
static bool is_repetition(const struct dance_config *config)
{
    const char *key;

    return config != NULL && dance_config() != NULL
           && dance_config_compare(dance_config(), config, &key) == DANCE_CONFIG_SAME;
}

void dance_force_take_up(struct dance_config *config, bool incomplete, char *text, size_t size)
{
    static bool reasons_loaded;
    bool kept = false;

    *text = '\0';
    (void)pthread_mutex_lock(&lock);
    if (!reasons_loaded) {
        dance_reasons_load();
        reasons_loaded = true;
    }
    if (incomplete && !is_repetition(config)) {
        dance_config_free(config);
        config = NULL;
    }
    if (config == NULL) {
        (void)snprintf(text, size, "out of memory when it was read");
    } else if (dance_config_says_something(config)) {
        raise_faults(config);
        kept = add(config, text, size);
    }
    if (*text != '\0')
        leave_out(config, text);
    if (!kept)
        dance_config_free(config);
    (void)pthread_mutex_unlock(&lock);
}
