/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".service"

/* See doc/operators.md. A name that ends in '*' is the beginning of one. */
static const struct {
    const char *unit;
    const char *hint;
} hints[] = {
    {"postfix*", "Postfix gives its daemons no environment: write tls_config_file = %s in main.cf"},
    {"dovecot", "Dovecot passes it on only where told: add OPENSSL_CONF=%s to import_environment"},
    {"postgresql*", "Debian's PostgreSQL takes it from /etc/postgresql/VERSION/main/environment: "
                    "write OPENSSL_CONF = '%s' there"},
    {"apache2", "Debian's Apache takes it from /etc/apache2/envvars: write export OPENSSL_CONF=%s "
                "there"},
    {"sendmail", "sendmail is setgid, where OpenSSL ignores OPENSSL_CONF: write "
                 "BindReadOnlyPaths=%s:/etc/ssl/openssl.cnf in its unit"},
};

static bool is_name(const char *name)
{
    return *name != '\0' && *name != '.' && *name != '-'
           && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@-")
                  == strlen(name);
}

const char *unit_read(struct unit *unit, const char *name, const char *root)
{
    size_t len = strlen(name);
    int n;

    if (len > strlen(SUFFIX) && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0)
        len -= strlen(SUFFIX);
    if (!is_name(name) || len >= UNIT_NAME_MAX)
        return "that is no name of a service";
    (void)snprintf(unit->name, sizeof(unit->name), "%.*s", (int)len, name);
    (void)snprintf(unit->conf, sizeof(unit->conf), "/etc/dance/%s.cnf", unit->name);
    root = root != NULL ? root : "";
    n = snprintf(unit->conf_file, sizeof(unit->conf_file), "%s%s", root, unit->conf);
    if (n < 0 || (size_t)n >= sizeof(unit->conf_file))
        return "the path is too long";
    n = snprintf(unit->folder, sizeof(unit->folder), "%s/etc/systemd/system/%s" SUFFIX ".d", root,
                 unit->name);
    if (n < 0 || (size_t)n >= sizeof(unit->folder))
        return "the path is too long";
    n = snprintf(unit->drop_in, sizeof(unit->drop_in), "%s/dance.conf", unit->folder);
    return n < 0 || (size_t)n >= sizeof(unit->drop_in) ? "the path is too long" : NULL;
}

const char *unit_hint(const struct unit *unit)
{
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        size_t len = strcspn(hints[i].unit, "*");

        if (strncmp(unit->name, hints[i].unit, len) == 0
            && (hints[i].unit[len] == '*' || unit->name[len] == '\0'))
            return hints[i].hint;
    }
    return NULL;
}

bool unit_make_folder(const char *path, char *why, size_t why_size)
{
    char part[PATH_MAX];

    for (const char *end = path + 1; end[-1] != '\0'; end++) {
        if (*end != '/' && *end != '\0')
            continue;
        (void)snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
        if (mkdir(part, 0755) != 0 && errno != EEXIST) {
            (void)snprintf(why, why_size, "%s: %s", part, strerror(errno));
            return false;
        }
    }
    return true;
}

int unit_is_ours(const char *path)
{
    static const char mark[] = "# " UNIT_MARK;
    char begin[sizeof(mark)] = "";
    FILE *in = fopen(path, "re");
    size_t n;

    if (in == NULL)
        return errno == ENOENT ? -1 : 0;
    n = fread(begin, 1, sizeof(mark) - 1, in);
    (void)fclose(in);
    return n == sizeof(mark) - 1 && memcmp(begin, mark, n) == 0;
}
