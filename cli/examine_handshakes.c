/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "examine_handshakes.h"

#include "handshake.h"
#include "owner_name.h"
#include "plain_peer.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_OCTETS (DANCE_NAME_MAX + 32)

static const char breach_remedy[] =
    "do not rely on this file; if nothing in it explains that, it is a fault of dance's: see "
    "SECURITY.md";

/* A name that the first pattern of a list takes, below the suffix if it is a wildcard. */
static void name_of(char out[NAME_MAX_OCTETS], const char *list)
{
    const char *first = list != NULL ? list + strspn(list, ", \t") : "";
    int len = (int)strcspn(first, ", \t");

    if (len == 0 || (len == 1 && *first == '*'))
        (void)snprintf(out, NAME_MAX_OCTETS, "%s", PLAIN_PEER_MADE_UP);
    else if (strncmp(first, "*.", 2) == 0)
        (void)snprintf(out, NAME_MAX_OCTETS, "dance-check.%.*s", len - 2, first + 2);
    else
        (void)snprintf(out, NAME_MAX_OCTETS, "%.*s", len, first);
    if (dance_owner_name_fault(out, strlen(out)) != NULL)
        (void)snprintf(out, NAME_MAX_OCTETS, "%s", PLAIN_PEER_MADE_UP);
}

static const char *value(const struct examination *x, enum dance_section section, const char *key)
{
    const char *name = examination_section(x, section);

    return name != NULL ? conf_file_value(&x->file, name, key) : NULL;
}

static bool takes(const struct dance_patterns *list, const char *name)
{
    return list != NULL && dance_patterns_match(list, name, strlen(name));
}

/* Either the file leaves no room for a handshake, or there was none. */
static void say_no_verdict(struct examination *x, enum handshake_outcome outcome,
                           enum dance_section section, const char *whom, const char *why)
{
    examination_say(x, REPORT_WARNING, examination_section(x, section), NULL,
                    outcome == HANDSHAKE_FAILED
                        ? "see what ssl_conf of the init section leads to: protocols, groups, "
                          "signature algorithms, security level"
                        : "see why it takes so long, or what it says, and check again",
                    "a handshake with %s was tried, and came to no end: %s", whom, why);
}

/* Is this one refused? Then whom is put behind the others. false: others need not be tried. */
static bool try_stranger(struct examination *x, const struct trial_user *user,
                         const struct handshake *handshake, const char *whom, char *refused,
                         size_t size)
{
    char text[TRIAL_TEXT_MAX];
    size_t used = strlen(refused);
    enum handshake_outcome outcome = handshake_try(handshake, user, text);

    if (outcome == HANDSHAKE_REFUSED || outcome == HANDSHAKE_NOT_ALLOWED)
        (void)snprintf(refused + used, size - used, "%s%s", used > 0 ? ", " : "", whom);
    else if (outcome == HANDSHAKE_LET_IN)
        examination_say(x, REPORT_FAULT, examination_section(x, DANCE_SECTION_SERVER), "policy",
                        breach_remedy, "in a handshake that was tried %s was let in", whom);
    else
        say_no_verdict(x, outcome, DANCE_SECTION_SERVER, whom, text);
    return outcome != HANDSHAKE_NOT_TRIED;
}

static void say_refused(struct examination *x, const char *refused)
{
    if (*refused != '\0')
        examination_say(x, REPORT_GOOD, examination_section(x, DANCE_SECTION_SERVER), "policy",
                        NULL, "refused in a handshake that was tried: %s", refused);
}

static void try_server(struct examination *x, const struct trial_user *user)
{
    const struct dance_config *c = x->config;
    const struct handshake bare = {.x = x, .with = HANDSHAKE_BARE};
    const struct handshake unnamed = {.x = x, .with = HANDSHAKE_UNNAMED};
    const struct handshake named = {.x = x, .with = HANDSHAKE_NAMED, .name = PLAIN_PEER_MADE_UP};
    char refused[512] = "";

    if ((c->policy != DANCE_POLICY_REQUIRE
         || try_stranger(x, user, &bare, "a client without a certificate", refused,
                         sizeof(refused)))
        && (c->policy == DANCE_POLICY_MIXED
            || try_stranger(x, user, &unnamed, "a client with a certificate and no name", refused,
                            sizeof(refused)))
        && !takes(c->allow, PLAIN_PEER_MADE_UP))
        (void)try_stranger(x, user, &named, "a client whose name nobody allows", refused,
                           sizeof(refused));
    say_refused(x, refused);
}

/* A handshake failed: is it because of the key? A server that does not ask for it may have one. */
static void say_unsigned(struct examination *x, const struct trial_user *user,
                         const struct handshake *asking, const char *why)
{
    struct handshake plain = *asking;
    char unread[TRIAL_TEXT_MAX];

    plain.with = HANDSHAKE_SERVER;
    if (handshake_try(&plain, user, unread) == HANDSHAKE_UNTOLD)
        examination_say(x, REPORT_FAULT, examination_section(x, DANCE_SECTION_CLIENT),
                        "private_key", "see whether the key may sign, and without asking anybody",
                        "in a handshake that was tried the key does not sign: %s", why);
    else
        say_no_verdict(x, HANDSHAKE_FAILED, DANCE_SECTION_CLIENT,
                       "a server that asks for the identity", why);
}

/* false: others need not be tried. */
static bool try_asking(struct examination *x, const struct trial_user *user,
                       const struct handshake *asking)
{
    const char *section = examination_section(x, DANCE_SECTION_CLIENT);
    char text[TRIAL_TEXT_MAX];
    enum handshake_outcome outcome = handshake_try(asking, user, text);

    if (outcome == HANDSHAKE_TOLD)
        examination_say(x, REPORT_GOOD, section, "identity", NULL,
                        "in a handshake that was tried %s is told the identity, and the key signs",
                        asking->server_name);
    else if (outcome == HANDSHAKE_OLD)
        examination_say(
            x, REPORT_FAULT, x->init, "ssl_conf", "let what ssl_conf leads to allow TLS 1.3",
            "a handshake that was tried is %s, and an identity is told in TLS 1.3 only", text);
    else if (outcome == HANDSHAKE_UNTOLD)
        examination_say(x, REPORT_FAULT, section, "private_key",
                        "correct what it says; the log of the application has more with log_level "
                        "= debug",
                        "in a handshake that was tried %s is not told the identity: %s",
                        asking->server_name, text);
    else if (outcome == HANDSHAKE_FAILED)
        say_unsigned(x, user, asking, text);
    else
        say_no_verdict(x, outcome, DANCE_SECTION_CLIENT, "a server that asks for the identity",
                       text);
    return outcome == HANDSHAKE_TOLD;
}

static void try_client(struct examination *x, const struct trial_user *user)
{
    const struct dance_config *c = x->config;
    char name[NAME_MAX_OCTETS];
    char text[TRIAL_TEXT_MAX];
    struct handshake asking = {.x = x, .with = HANDSHAKE_ASKING, .server_name = name};

    name_of(name, value(x, DANCE_SECTION_CLIENT, "servers"));
    if (!try_asking(x, user, &asking))
        return;
    asking.server_name = PLAIN_PEER_MADE_UP;
    if (c->servers != NULL && !takes(c->servers, PLAIN_PEER_MADE_UP)
        && handshake_try(&asking, user, text) == HANDSHAKE_TOLD)
        examination_say(x, REPORT_FAULT, examination_section(x, DANCE_SECTION_CLIENT), "servers",
                        breach_remedy,
                        "in a handshake that was tried %s is told the identity, which servers does "
                        "not name",
                        PLAIN_PEER_MADE_UP);
}

void examine_handshakes(struct examination *x, const struct trial_user *user)
{
    if (x->config->present[DANCE_SECTION_SERVER])
        try_server(x, user);
    if (x->config->identity != NULL && x->config->private_key != NULL)
        try_client(x, user);
}

/* The client of the file, whose record the DNS has. */
static void try_ours(struct examination *x, const struct trial_user *user)
{
    const char *section = examination_section(x, DANCE_SECTION_SERVER);
    const char *identity = x->config->identity;
    char name[NAME_MAX_OCTETS];
    char text[TRIAL_TEXT_MAX];
    const struct handshake ours = {
        .x = x, .with = HANDSHAKE_OURS, .server_name = name, .lookups = true};
    enum handshake_outcome outcome;

    name_of(name, value(x, DANCE_SECTION_CLIENT, "servers"));
    outcome = handshake_try(&ours, user, text);
    if (outcome == HANDSHAKE_LET_IN)
        examination_say(x, REPORT_GOOD, section, "allow", NULL,
                        "let in, in a handshake that was tried: the client of this file, %s",
                        identity);
    else if (outcome == HANDSHAKE_REFUSED)
        examination_say(x, REPORT_FAULT, section, NULL, "correct what it says",
                        "a handshake of the file's client with its server was tried: %s", text);
    else if (outcome != HANDSHAKE_NOT_ALLOWED)
        say_no_verdict(x, outcome, DANCE_SECTION_SERVER, "the client of this file", text);
}

void examine_validated(struct examination *x, const struct trial_user *user)
{
    const struct dance_config *c = x->config;
    char name[NAME_MAX_OCTETS];
    char whom[NAME_MAX_OCTETS + 64];
    char refused[512] = "";
    const struct handshake named = {.x = x, .with = HANDSHAKE_NAMED, .name = name, .lookups = true};

    if (!c->present[DANCE_SECTION_SERVER])
        return;
    name_of(name, value(x, DANCE_SECTION_SERVER, "allow"));
    (void)snprintf(whom, sizeof(whom), "a client that says %s, with a key of nobody's", name);
    if (!try_stranger(x, user, &named, whom, refused, sizeof(refused)))
        return;
    say_refused(x, refused);
    if (x->published)
        try_ours(x, user);
}
