/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "last_resort.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT "a line\n"

/* What is at descriptor 2 from now on; each test has a process of its own. */
static void put_at_2(int fd)
{
    cr_assert_geq(fd, 0);
    cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static size_t waiting_in(int fd)
{
    char octets[64];
    ssize_t got;

    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    got = read(fd, octets, sizeof(octets));
    return got > 0 ? (size_t)got : 0;
}

/* A file that nobody else has, and its size after the line. */
static off_t said_to_file(int flags, int noted_after)
{
    char name[] = "/tmp/dance-last-resort-XXXXXX";
    int fd = mkstemp(name);
    struct stat st = {0};

    cr_assert_geq(fd, 0);
    if (!noted_after)
        dance_last_resort_note();
    put_at_2(open(name, O_WRONLY | O_CLOEXEC | flags));
    if (noted_after)
        dance_last_resort_note();
    dance_last_resort_say(TEXT);
    cr_assert_eq(fstat(fd, &st), 0);
    (void)unlink(name);
    return st.st_size;
}

Test(last_resort, what_was_there_at_first)
{
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    put_at_2(ends[1]);
    dance_last_resort_note();
    dance_last_resort_say(TEXT);
    cr_assert_eq(waiting_in(ends[0]), sizeof(TEXT) - 1);
}

Test(last_resort, the_first_time_counts)
{
    int ends[2];

    dance_last_resort_note();
    cr_assert_eq(pipe(ends), 0);
    put_at_2(ends[1]);
    dance_last_resort_note();
    dance_last_resort_say(TEXT);
    cr_assert_eq(waiting_in(ends[0]), 0);
}

Test(last_resort, a_database_is_left_alone)
{
    cr_assert_eq(said_to_file(0, 0), 0);
}

Test(last_resort, a_log_is_written)
{
    cr_assert_eq(said_to_file(O_APPEND, 0), sizeof(TEXT) - 1);
}

Test(last_resort, a_file_that_was_there_at_first)
{
    cr_assert_eq(said_to_file(0, 1), sizeof(TEXT) - 1);
}

Test(last_resort, a_full_pipe_is_not_waited_for)
{
    int ends[2];
    static const char filling[4096];

    cr_assert_eq(pipe(ends), 0);
    (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], filling, sizeof(filling)) > 0)
        continue;
    (void)fcntl(ends[1], F_SETFL, 0);
    put_at_2(ends[1]);
    dance_last_resort_note();
    dance_last_resort_say(TEXT);
}

Test(last_resort, a_pipe_without_a_reader_does_not_end_the_process)
{
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    put_at_2(ends[1]);
    dance_last_resort_note();
    (void)close(ends[0]);
    dance_last_resort_say(TEXT);
}

Test(last_resort, a_local_socket_as_the_journal_is)
{
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    put_at_2(ends[1]);
    dance_last_resort_note();
    dance_last_resort_say(TEXT);
    cr_assert_eq(waiting_in(ends[0]), sizeof(TEXT) - 1);
    (void)close(ends[0]);
    dance_last_resort_say(TEXT);
}

/* As inetd starts a server: the client is at descriptor 2. */
Test(last_resort, a_client_is_not_told)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&address, len), 0);
    put_at_2(accept(listener, NULL, NULL));
    dance_last_resort_note();
    dance_last_resort_say(TEXT);
    cr_assert_eq(waiting_in(client), 0);
}
