/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "flush.h"

#include "resolvers.h"
#include "service.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* A conversation ends with the worker that it is with: then all is forgotten. */
static bool wait_for_its_end(int conversation)
{
    struct pollfd ended = {.fd = conversation, .events = POLLRDHUP};

    return poll(&ended, 1, DANCE_SERVICE_MS) == 1;
}

static bool tell_service(const char *path)
{
    int channel = dance_service_reach(path, false);
    int conversation;
    bool told;

    if (channel < 0)
        return false;
    conversation = dance_service_converse(channel);
    told = conversation >= 0 && dance_service_say(channel, DANCE_WIRE_FORGET, -1)
           && wait_for_its_end(conversation);
    if (conversation >= 0)
        (void)close(conversation);
    (void)close(channel);
    return told;
}

static bool tell(pid_t pid, bool own)
{
    (void)own;
    return kill(pid, SIGHUP) == 0;
}

struct dance_flushed dance_flush(const char *path)
{
    return (struct dance_flushed){.service = tell_service(path),
                                  .others = dance_resolvers_count(tell)};
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
