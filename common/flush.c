/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "flush.h"

#include "dance_wire.h"
#include "fd_message.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RESOLVER "dance-resolver"
#define PATIENCE_MS 10000

static int reach(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static bool say(int channel, enum dance_wire_type type, int fd)
{
    uint8_t message[DANCE_WIRE_HEADER];

    return dance_send_fd(channel, message, dance_wire_encode_bare(type, message, sizeof(message)),
                         fd);
}

/* A conversation ends with the worker that it is with: then all is forgotten. */
static bool wait_for_its_end(int conversation)
{
    struct pollfd ended = {.fd = conversation, .events = POLLRDHUP};

    return poll(&ended, 1, PATIENCE_MS) == 1;
}

static bool tell_service(const char *path)
{
    int channel = reach(path);
    int pair[2] = {-1, -1};
    bool told = false;

    if (channel < 0)
        return false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
        told = say(channel, DANCE_WIRE_CONVERSATION, pair[1]);
        (void)close(pair[1]);
        told = told && say(channel, DANCE_WIRE_FORGET, -1) && wait_for_its_end(pair[0]);
        (void)close(pair[0]);
    }
    (void)close(channel);
    return told;
}

/* The process of this number has our name. */
static bool is_resolver(const char *number)
{
    char text[64];
    FILE *comm;
    bool is = false;

    (void)snprintf(text, sizeof(text), "/proc/%.20s/comm", number);
    comm = fopen(text, "re");
    if (comm == NULL)
        return false;
    if (fgets(text, sizeof(text), comm) != NULL)
        is = strcmp(text, RESOLVER "\n") == 0;
    (void)fclose(comm);
    return is;
}

/* Those of applications have no path to reach them by. */
static unsigned tell_others(void)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    unsigned told = 0;

    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        long pid = strtol(entry->d_name, NULL, 10);

        if (pid > 1 && pid != (long)getpid() && is_resolver(entry->d_name))
            told += kill((pid_t)pid, SIGHUP) == 0;
    }
    if (processes != NULL)
        (void)closedir(processes);
    return told;
}

struct dance_flushed dance_flush(const char *path)
{
    return (struct dance_flushed){.service = tell_service(path), .others = tell_others()};
}

bool dance_flush_say(struct dance_flushed flushed, const char *program, const char *path)
{
    if (flushed.service || flushed.others > 0)
        return true;
    (void)fprintf(stderr,
                  "%s: nobody listens at %s, and there is no other resolver that "
                  "this user may signal\n",
                  program, path);
    return false;
}
