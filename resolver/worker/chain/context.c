/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/context.h"

#include "worker/chain/text.h"
#include "worker/dns/anchor.h"
#include "worker/dns/settings.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define CLASS_IN 1

/* libunbound reads these, and the zones, from memory; they are open until it has. */
struct files {
    int fd[RECORDS_ZONES_MAX + 2];
    const uint8_t *apex[RECORDS_ZONES_MAX + 2];
    size_t count;
};

static struct text scratch;
/* The next chain's, and the last one's. */
static struct ub_ctx *ready;
static struct ub_ctx *used;
static const uint8_t root[] = {0};

/*
 * No network: do-ip4 and do-ip6. Small: a chain has few records. What makes a record count, and for
 * how long, is as settings.c has it; val-log-level makes libunbound say why.
 */
static const char settings[] =
    "server:\n"
    " module-config: \"validator iterator\"\n qname-minimisation: no\n do-ip4: no\n do-ip6: no\n"
    " do-daemonize: no\n outgoing-range: 1\n num-queries-per-thread: 16\n"
    " outgoing-num-tcp: 0\n incoming-num-tcp: 0\n"
    " msg-cache-size: 64k\n msg-cache-slabs: 1\n rrset-cache-size: 128k\n rrset-cache-slabs: 1\n"
    " infra-cache-numhosts: 16\n infra-cache-slabs: 1\n key-cache-size: 64k\n key-cache-slabs: 1\n"
    " neg-cache-size: 16k\n"
    " val-sig-skew-min: 0\n val-sig-skew-max: 0\n harden-dnssec-stripped: yes\n"
    " aggressive-nsec: no\n val-log-level: 2\n" SETTINGS_UNBLOCKED;

/* The text in a file in memory, a zone's or the configuration; its number, or -1. */
static int keep(struct files *files, const uint8_t *apex)
{
    int fd = scratch.full || files->count == sizeof(files->fd) / sizeof(files->fd[0])
                 ? -1
                 : memfd_create("dance-chain", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    files->apex[files->count] = apex;
    files->fd[files->count++] = fd;
    return write(fd, scratch.octets, scratch.len) == (ssize_t)scratch.len ? fd : -1;
}

static void close_all(struct files *files)
{
    for (size_t i = 0; i < files->count; i++)
        (void)close(files->fd[i]);
}

static bool has_root(const struct records *records)
{
    for (size_t z = 0; z < records->zones; z++) {
        if (records->zone[z].apex_len == 1 && !records->zone[z].unneeded)
            return true;
    }
    return false;
}

/* The zones as files; where the chain has no root there is an empty one, or its servers would be
 * looked for. */
static bool write_zones(const struct records *records, struct files *files)
{
    static const struct records empty = {.zone = {{.apex = root, .apex_len = 1}}, .zones = 1};

    for (size_t z = 0; z < records->zones; z++) {
        if (records->zone[z].unneeded)
            continue;
        text_clear(&scratch);
        text_add_zone(&scratch, records, z);
        if (keep(files, records->zone[z].apex) < 0)
            return false;
    }
    text_clear(&scratch);
    text_add_zone(&scratch, &empty, 0);
    return has_root(records) || keep(files, root) >= 0;
}

/* What is in scratch, to a context. */
static int configure(struct ub_ctx *context, struct files *files)
{
    char path[64];
    int fd = keep(files, NULL);

    if (fd < 0)
        return UB_NOMEM;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return ub_ctx_config(context, path);
}

static int add_zones(struct ub_ctx *context, const struct records *records, struct files *files)
{
    if (!write_zones(records, files))
        return UB_NOMEM;
    text_clear(&scratch);
    for (size_t i = 0; i < files->count; i++) {
        text_add(&scratch, "auth-zone:\n name: \"");
        text_add_name(&scratch, files->apex[i]);
        text_add(&scratch,
                 "\"\n zonefile: \"/proc/self/fd/%d\"\n for-upstream: yes\n"
                 " for-downstream: no\n fallback-enabled: no\n",
                 files->fd[i]);
    }
    return configure(context, files);
}

static int add_anchors(struct ub_ctx *context, const struct context_anchors *anchors)
{
    int error = 0;

    for (const struct anchor *a = anchors_first(); a != NULL && error == 0; a = a->next)
        error = ub_ctx_add_ta(context, a->record);
    for (size_t i = 0; i < anchors->count && error == 0; i++)
        error = ub_ctx_add_ta(context, anchors->record[i]);
    return error;
}

bool context_prepare(void)
{
    struct files files = {.count = 0};

    ub_ctx_delete(used);
    used = NULL;
    if (ready != NULL)
        return true;
    ready = ub_ctx_create();
    if (ready == NULL)
        return false;
    /* What libunbound has to say is in its result. */
    (void)ub_ctx_debugout(ready, NULL);
    text_clear(&scratch);
    text_add(&scratch, "%s", settings);
    if (configure(ready, &files) != 0) {
        ub_ctx_delete(ready);
        ready = NULL;
    }
    close_all(&files);
    return ready != NULL;
}

int context_resolve(const struct records *records, const struct context_anchors *anchors,
                    const char *name, int type, struct ub_result **result)
{
    struct files files = {.count = 0};
    int error = UB_NOMEM;

    *result = NULL;
    if (!context_prepare())
        return error;
    used = ready;
    ready = NULL;
    error = add_zones(used, records, &files);
    if (error == 0)
        error = add_anchors(used, anchors);
    if (error == 0)
        error = ub_resolve(used, name, type, CLASS_IN, result);
    close_all(&files);
    return error;
}

void context_close(void)
{
    ub_ctx_delete(used);
    ub_ctx_delete(ready);
    used = ready = NULL;
}
