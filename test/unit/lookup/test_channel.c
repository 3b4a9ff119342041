/* The control channel, with this program at its other end.
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/channel.h"

#include "../pairs.h"
#include "process.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LONG_MS 60000

static char why[512];
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void unlink_socket(void)
{
    (void)unlink(address.sun_path);
}

TestSuite(channel, .fini = unlink_socket);

/* A socket that listens where the configuration says. */
static int listen_as_resolver(void)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/dance-test-channel-%ld.sock",
                   (long)getpid());
    unlink_socket();
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    dance_process_configure(
        CONFIG(GOOD_SERVER, {"dns.resolver", address.sun_path}, {"log", "none"}));
    return fd;
}

static int take_channel(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    cr_assert_geq(fd, 0);
    return fd;
}

/* The next conversation's other end; -1 when there is none. */
static int take_conversation(int control)
{
    uint8_t octets[64];
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(int))];
    } ancillary;
    struct iovec part = {octets, sizeof(octets)};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = ancillary.octets,
                         .msg_controllen = sizeof(ancillary.octets)};
    ssize_t len = recvmsg(control, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int fd = -1;

    if (len < 0)
        return -1;
    cr_assert_eq(dance_wire_type(octets, (size_t)len), DANCE_WIRE_CONVERSATION);
    memcpy(&fd, CMSG_DATA(&ancillary.header), sizeof(fd));
    return fd;
}

static bool is_at_end(int fd)
{
    char octet;

    return recv(fd, &octet, 1, MSG_DONTWAIT) == 0;
}

static struct dance_kept_fd take(bool fresh, long long wait_ms)
{
    return dance_conversation_take(fresh, dance_now_ms() + wait_ms, why, sizeof(why));
}

/* Conversations that nobody has taken yet, until there is no room for another one. */
static size_t fill(void)
{
    size_t count = 0;

    while (take(true, 0).fd >= 0)
        count++;
    cr_assert_not_null(strstr(why, "it takes no conversation"), "%s", why);
    return count;
}

struct draining {
    int control;
    size_t count;
};

static void *drain(void *arg)
{
    const struct draining *draining = arg;
    size_t taken = 0;

    while (taken < draining->count) {
        struct pollfd one = {draining->control, POLLIN, 0};
        int fd;

        (void)poll(&one, 1, LONG_MS);
        fd = take_conversation(draining->control);
        if (fd >= 0) {
            taken++;
            (void)close(fd);
        }
    }
    return NULL;
}

Test(channel, a_conversation_waits_for_room)
{
    int listener = listen_as_resolver();
    struct draining draining;
    pthread_t thread;

    cr_assert_geq(take(false, 0).fd, 0);
    draining.control = take_channel(listener);
    draining.count = 1 + fill() + 1;
    cr_assert_gt(draining.count, 2);
    cr_assert_lt(take(true, 50).fd, 0);
    cr_assert_eq(pthread_create(&thread, NULL, drain, &draining), 0);
    cr_assert_geq(take(true, LONG_MS).fd, 0, "%s", why);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(channel, a_resolver_that_accepts_nobody_now_is_waited_for)
{
    int listener = listen_as_resolver();
    int others[64];
    size_t count = 0;
    pthread_t thread;
    struct draining draining = {-1, 1};

    do
        others[count] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    while (connect(others[count], (const struct sockaddr *)&address, sizeof(address)) == 0
           && ++count < 64);
    cr_assert_lt(count, 64);
    for (int i = 0; i < 10; i++)
        cr_assert_lt(take(false, 0).fd, 0);
    cr_assert_lt(take(false, 30).fd, 0);
    for (size_t i = 0; i < count; i++)
        (void)close(take_channel(listener));
    cr_assert_geq(take(false, LONG_MS).fd, 0, "%s", why);
    draining.control = take_channel(listener);
    cr_assert_eq(pthread_create(&thread, NULL, drain, &draining), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(channel, a_socket_that_was_not_there_to_be_seen_is_not_told_of_an_anchor)
{
    int listener = listen_as_resolver();
    char path[sizeof(address.sun_path) + 8];

    (void)snprintf(path, sizeof(path), "%s.later", address.sun_path);
    dance_process_configure(
        CONFIG(GOOD_SERVER, {"dns.resolver", path}, {"dns.trust_anchor", "/a"}, {"log", "none"}));
    cr_assert_lt(take(false, 0).fd, 0);
    cr_assert_not_null(strstr(why, "No such file"), "%s", why);
    cr_assert_eq(rename(address.sun_path, path), 0);
    cr_assert_lt(take(false, 0).fd, 0);
    cr_assert_not_null(strstr(why, "dns.trust_anchor"), "%s", why);
    (void)unlink(path);
    (void)close(listener);
}

Test(channel, a_dead_conversation_is_replaced_over_the_same_channel)
{
    int listener = listen_as_resolver();
    struct dance_kept_fd first = take(false, 0);
    int control = take_channel(listener);
    int worker = take_conversation(control);
    struct dance_kept_fd second;

    cr_assert_geq(worker, 0);
    (void)close(worker);
    cr_assert(is_at_end(first.fd));
    dance_kept_fd_close(&first);
    second = take(true, 0);
    cr_assert_geq(second.fd, 0, "%s", why);
    worker = take_conversation(control);
    cr_assert_geq(worker, 0);
    cr_assert_not(is_at_end(second.fd));
    cr_assert_eq(take_conversation(control), -1);
}

Test(channel, a_dead_channel_is_made_again)
{
    int listener = listen_as_resolver();

    cr_assert_geq(take(false, 0).fd, 0);
    (void)close(take_channel(listener));
    cr_assert_geq(take(true, 0).fd, 0, "%s", why);
    cr_assert_geq(take_conversation(take_channel(listener)), 0);
}
