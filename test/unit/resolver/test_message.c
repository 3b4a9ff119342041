/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/peers/message.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ours;
static int theirs;
static struct message m;

static void open_pair(void)
{
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    ours = pair[0];
    theirs = pair[1];
}

static void send_with_fds(const void *data, size_t len, size_t n)
{
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(int) * 253)];
    } ancillary = {.octets = {0}};
    uint8_t copy[8];
    struct iovec part = {copy, len};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = ancillary.octets,
                         .msg_controllen = CMSG_SPACE(sizeof(int) * n)};

    memcpy(copy, data, len);
    ancillary.header.cmsg_level = SOL_SOCKET;
    ancillary.header.cmsg_type = SCM_RIGHTS;
    ancillary.header.cmsg_len = CMSG_LEN(sizeof(int) * n);
    for (size_t i = 0; i < n; i++)
        memcpy(CMSG_DATA(&ancillary.header) + i * sizeof(int), &theirs, sizeof(int));
    cr_assert_eq(sendmsg(theirs, &msg, 0), (ssize_t)len);
}

static int descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(folder) != NULL)
        n++;
    (void)closedir(folder);
    return n;
}

Test(message, plain, .init = open_pair)
{
    cr_assert_eq(message_receive(ours, &m), MESSAGE_NONE);
    cr_assert_eq(send(theirs, "abc", 3, 0), 3);
    cr_assert_eq(message_receive(ours, &m), MESSAGE_HERE);
    cr_assert_eq(m.len, 3);
    cr_assert_eq(m.fd_count, 0);
    cr_assert_eq(message_receive(ours, &m), MESSAGE_NONE);
    (void)close(theirs);
    cr_assert_eq(message_receive(ours, &m), MESSAGE_END);
    (void)close(ours);
    cr_assert_eq(message_receive(ours, &m), MESSAGE_END);
}

Test(message, empty_is_not_the_end, .init = open_pair)
{
    cr_assert_eq(send(theirs, "", 0, 0), 0);
    cr_assert_eq(message_receive(ours, &m), MESSAGE_HERE);
    cr_assert_eq(m.len, 0);
    cr_assert_eq(message_receive(ours, &m), MESSAGE_NONE);
}

Test(message, too_long, .init = open_pair)
{
    static char big[60000];

    cr_assert_eq(send(theirs, big, sizeof(big), 0), (ssize_t)sizeof(big));
    cr_assert_eq(message_receive(ours, &m), MESSAGE_HERE);
    cr_assert_eq(m.len, 0);
}

Test(message, with_descriptor, .init = open_pair)
{
    send_with_fds("abc", 3, 1);
    cr_assert_eq(message_receive(ours, &m), MESSAGE_HERE);
    cr_assert_eq(m.len, 3);
    cr_assert_eq(m.fd_count, 1);
    cr_assert(fcntl(m.fds[0], F_GETFD) & FD_CLOEXEC);
    message_close_fds(&m);
    cr_assert_eq(m.fd_count, 0);
}

Test(message, no_descriptor_is_kept, .init = open_pair)
{
    static const size_t numbers[] = {1, 2, 4, 5, 6, 7, 64, 253};
    int before = descriptors();

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (size_t len = 0; len < 2; len++) {
            send_with_fds("x", len, numbers[i]);
            cr_assert_eq(message_receive(ours, &m), MESSAGE_HERE);
            cr_assert_leq(m.fd_count, MESSAGE_FDS_MAX);
            message_close_fds(&m);
            cr_assert_eq(descriptors(), before, "%zu descriptors", numbers[i]);
        }
    }
}
