/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "examine_files.h"

#include "chain.h"
#include "client/chain_file.h"
#include "client/load.h"
#include "names/certificate.h"
#include "owner_name.h"
#include "pattern_file.h"
#include "worker/dns/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_TEXT_MAX 4096

/* A regular file, opened for reading; -1 with the reason. */
static int open_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0) {
        (void)snprintf(text, size, "it cannot be opened: %s", strerror(errno));
    } else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)snprintf(text, size, "it is no file");
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static bool try_file(const void *from, char *text, size_t size)
{
    int fd = open_file(from, text, size);

    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

/* By the resolver's own reading. */
static bool try_anchor(const void *from, char *text, size_t size)
{
    const char *fault = NULL;

    if (!try_file(from, text, size))
        return false;
    if (anchors_read(from, &fault) && anchors_first() != NULL)
        return true;
    (void)snprintf(text, size, "%s", fault != NULL ? fault : "none of its records counts");
    return false;
}

static bool try_patterns(const void *from, char *text, size_t size)
{
    char why[DANCE_PATTERN_FILE_WHY_MAX] = "";
    struct dance_file_stamp stamp;
    int fd = dance_pattern_file_open(from);

    if (fd < 0) {
        (void)snprintf(text, size, "it cannot be opened: %s", strerror(errno));
        return false;
    }
    if (dance_pattern_file_read(fd, &stamp, why) >= 0)
        return true;
    (void)snprintf(text, size, "%s", why);
    return false;
}

/* The chain in a file, and when its signatures hold; 0 with the reason. */
static size_t read_chain(const char *path, uint8_t octets[DANCE_CHAIN_MAX], int64_t *from,
                         int64_t *until, char *text, size_t size)
{
    char why[DANCE_CHAIN_FILE_WHY_MAX];
    struct dance_file_stamp stamp;
    size_t len = dance_chain_file_read(path, octets, &stamp, why);

    if (len > 0 && dance_chain_window(octets, len, (int64_t)time(NULL), from, until))
        return len;
    (void)snprintf(text, size, "%s", len > 0 ? "it is no DNSSEC chain" : why);
    return 0;
}

static bool try_chain(const void *from, char *text, size_t size)
{
    uint8_t octets[DANCE_CHAIN_MAX];
    int64_t begins, ends;

    return read_chain(from, octets, &begins, &ends, text, size) > 0;
}

/* A name in wire format, as it is written; the root's is the empty one. */
static void write_name(char out[DANCE_NAME_MAX + 1], const uint8_t *wire, size_t len)
{
    size_t at = 0;

    for (size_t i = 0; i < len && wire[i] != 0 && at + wire[i] + 1 < DANCE_NAME_MAX;
         i += wire[i] + 1u) {
        if (at > 0)
            out[at++] = '.';
        memcpy(out + at, wire + i + 1, wire[i]);
        at += wire[i];
    }
    out[at] = '\0';
}

/* Some record of the chain is of this name. */
static bool is_of(const uint8_t *octets, size_t len, const char *name)
{
    struct dance_chain_reader reader;
    struct dance_chain_record record;
    char owner[DANCE_NAME_MAX + 1];

    dance_chain_read(&reader, octets, len);
    while (dance_chain_next(&reader, &record)) {
        write_name(owner, record.owner, record.owner_len);
        if (dance_owner_name_equal(owner, strlen(owner), name, strlen(name)))
            return true;
    }
    return false;
}

/* It is the identity's, and may be sent now; how long it may, in text. */
static bool use_chain(const void *from, char *text, size_t size)
{
    const struct dance_config *c = from;
    uint8_t octets[DANCE_CHAIN_MAX];
    int64_t begins = 0, ends = 0, now = (int64_t)time(NULL);
    size_t len = read_chain(c->chain_file, octets, &begins, &ends, text, size);

    if (len == 0)
        return false;
    if (!is_of(octets, len, c->identity)) {
        (void)snprintf(text, size, "it has no record of %s", c->identity);
        return false;
    }
    if (now < begins || now > ends) {
        (void)snprintf(text, size,
                       now > ends ? "its signatures have ended" : "its signatures do not hold yet");
        return false;
    }
    (void)snprintf(text, size, "%lld", (long long)(ends - now) / 3600);
    return true;
}

/* The file is opened for appending, or made. Nothing is made here. */
static bool try_log(const void *from, char *text, size_t size)
{
    char path[PATH_TEXT_MAX];
    const char *folder;
    int fd = open(from, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd >= 0) {
        (void)close(fd);
        return true;
    }
    if (errno != ENOENT) {
        (void)snprintf(text, size, "it cannot be written: %s", strerror(errno));
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s", (const char *)from);
    folder = dirname(path);
    if (access(folder, W_OK | X_OK) == 0)
        return true;
    (void)snprintf(text, size, "it cannot be made in %s: %s", folder, strerror(errno));
    return false;
}

/* A file, not the URI of a store. */
static bool is_file(const char *value)
{
    return value[strcspn(value, ":/")] != ':';
}

/* It is read; text: what in its certificate names somebody else. */
static bool try_credential(const void *from, char *text, size_t size)
{
    const struct examination *x = from;
    char owner[DANCE_NAME_MAX + 1];
    struct dance_credential *loaded;
    const char *other;

    examination_load(x);
    loaded = dance_load(x->config, text, size);
    if (loaded == NULL)
        return false;
    dance_owner_name_lower(owner, x->config->identity, strlen(x->config->identity));
    other = dance_cert_names_fault(loaded->leaf, owner, strlen(owner));
    (void)snprintf(text, size, "%s", other != NULL ? other : "");
    dance_load_free(loaded, false);
    return true;
}

/* Of the trial's user, as it is to be read: "the user x". */
static const char *user_text(const struct trial_user *user, char *out, size_t size)
{
    if (user != NULL)
        (void)snprintf(out, size, "the user %s", user->name);
    else
        (void)snprintf(out, size, "the user as whom the application starts");
    return out;
}

/* A file that a section names, or that a default does. */
struct named {
    enum dance_section section;
    const char *key;
    const char *path; /* NULL: none */
    trial_run *run;
    const char *remedy; /* beside that the user must be let read or write it */
};

/* Say what is wrong with it. */
static bool check_named(struct examination *x, const struct trial_user *user,
                        const struct named *named)
{
    const char *in = examination_section(x, named->section);
    char whom[128];
    char remedy[512];
    char text[TRIAL_TEXT_MAX];

    if (named->path == NULL || trial(named->run, named->path, user, text))
        return true;
    (void)snprintf(remedy, sizeof(remedy), "%s; it must be accessible to %s", named->remedy,
                   user_text(user, whom, sizeof(whom)));
    examination_say(x, REPORT_FAULT, in != NULL ? in : x->file.module,
                    in != NULL ? named->key : NULL, remedy, "%s = %s: %s", named->key, named->path,
                    text);
    return false;
}

/* What stands in a text of dance_load(): which of the two keys it is about. */
static const char *key_of(const char *text)
{
    return strncmp(text, "client.certificate", strlen("client.certificate")) == 0 ? "certificate"
                                                                                  : "private_key";
}

static const char *path_of(const char *value)
{
    return value != NULL && is_file(value) ? value : NULL;
}

static void check_client(struct examination *x, const struct trial_user *user)
{
    const struct dance_config *c = x->config;
    const char *in = examination_section(x, DANCE_SECTION_CLIENT);
    const struct named key = {DANCE_SECTION_CLIENT, "private_key", path_of(c->private_key),
                              try_file, "correct the path, or make a key with dance enroll"};
    const struct named certificate = {DANCE_SECTION_CLIENT, "certificate", path_of(c->certificate),
                                      try_file,
                                      "correct the path, or leave the key certificate out"};
    char text[TRIAL_TEXT_MAX];
    bool opened = check_named(x, user, &key);
    bool good;

    if (!check_named(x, user, &certificate) || !opened)
        return;
    good = trial(try_credential, x, user, text);
    if (good && *text != '\0')
        examination_say(
            x, REPORT_WARNING, in, "certificate",
            "take a certificate that names the identity alone, unless every server that "
            "it goes to has certificate_names = any or records of the PKIX usages",
            "the certificate names somebody else than identity (%s), so servers refuse "
            "it",
            text);
    else if (good)
        examination_say(x, REPORT_GOOD, in, "private_key", NULL, "the key can be read%s",
                        c->certificate != NULL ? ", and the certificate is for it" : "");
    else
        examination_say(x, REPORT_FAULT, in, key_of(text),
                        strcmp(key_of(text), "certificate") == 0
                            ? "name the certificate that belongs to the key, or leave the key "
                              "certificate out"
                            : "name a private key without a passphrase, in PEM or DER",
                        "%s", text);
}

static void check_chain(struct examination *x, const struct trial_user *user)
{
    const struct dance_config *c = x->config;
    const char *in = examination_section(x, DANCE_SECTION_CLIENT);
    const struct named chain = {DANCE_SECTION_CLIENT, "chain", c->chain_file, try_chain,
                                "make it with dance chain"};
    char text[TRIAL_TEXT_MAX];

    if (c->chain_file == NULL || !check_named(x, user, &chain))
        return;
    if (trial(use_chain, c, user, text))
        examination_say(x, REPORT_GOOD, in, "chain", NULL,
                        "the chain is the identity's, and holds for %s hours", text);
    else
        examination_say(x, REPORT_WARNING, in, "chain", "make it anew with dance chain",
                        "chain = %s: %s, so it is of no use", c->chain_file, text);
}

bool examine_readable(struct examination *x, const struct trial_user *user)
{
    char whom[128];
    char remedy[256];
    char text[TRIAL_TEXT_MAX];

    if (trial(try_file, x->path, user, text))
        return true;
    (void)snprintf(remedy, sizeof(remedy), "it must be accessible to %s",
                   user_text(user, whom, sizeof(whom)));
    examination_say(x, REPORT_FAULT, NULL, NULL, remedy, "%s", text);
    return false;
}

/* What whoever resolves in this application reads; a service behind a socket has its own. */
static void check_resolver(struct examination *x, const struct trial_user *user)
{
    const struct dance_config *c = x->config;
    const struct named anchor = {DANCE_SECTION_DNS, "trust_anchor", c->trust_anchor, try_anchor,
                                 "install the package dns-root-data, or name a file with DS or "
                                 "DNSKEY records"};
    const struct named unbound = {DANCE_SECTION_DNS, "unbound_config", c->unbound_config, try_file,
                                  "correct the path, or leave the key out"};
    struct stat st;

    if (strcmp(c->resolver, "auto") != 0 && (stat(c->resolver, &st) != 0 || !S_ISREG(st.st_mode)))
        return;
    (void)check_named(x, user, &anchor);
    (void)check_named(x, user, &unbound);
}

void examine_files(struct examination *x, const struct trial_user *user)
{
    const struct dance_config *c = x->config;
    const struct named log = {DANCE_SECTION_MODULE, "log",
                              c->log_target == DANCE_LOG_FILE ? c->log_file : NULL, try_log,
                              "correct the path, or make the folder"};
    const struct named allow = {DANCE_SECTION_SERVER, "allow_file", c->allow_file, try_patterns,
                                "correct the path or the file, which has a pattern a line"};

    if (c->fault[DANCE_SECTION_MODULE] == NULL)
        (void)check_named(x, user, &log);
    if (c->present[DANCE_SECTION_CLIENT] && c->fault[DANCE_SECTION_CLIENT] == NULL) {
        check_client(x, user);
        check_chain(x, user);
    }
    if (c->present[DANCE_SECTION_SERVER] && c->fault[DANCE_SECTION_SERVER] == NULL)
        (void)check_named(x, user, &allow);
    if ((c->present[DANCE_SECTION_SERVER] || c->present[DANCE_SECTION_DNS]
         || c->client_chain == DANCE_CHAIN_COLLECTED)
        && c->fault[DANCE_SECTION_DNS] == NULL)
        check_resolver(x, user);
}
