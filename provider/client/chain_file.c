/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/chain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static size_t slurp(int fd, uint8_t octets[DANCE_CHAIN_MAX], struct dance_file_stamp *stamp,
                    const char **why)
{
    struct dance_file_stamp after;
    struct stat st;
    size_t got = 0, size;

    *why = "it is no file";
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return 0;
    *stamp = dance_file_stamp_of(&st);
    *why = "it is no DNSSEC chain: those have up to 16384 octets";
    if (st.st_size <= 0 || st.st_size > (off_t)DANCE_CHAIN_MAX)
        return 0;
    size = (size_t)st.st_size;
    *why = "it cannot be read to its end";
    while (got < size) {
        ssize_t n = pread(fd, octets + got, size - got, (off_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        got += (size_t)n;
    }
    if (fstat(fd, &st) != 0)
        return 0;
    after = dance_file_stamp_of(&st);
    *why = "it changes while it is read";
    return dance_file_stamp_differs(stamp, &after) ? 0 : size;
}

size_t dance_chain_file_read(const char *path, uint8_t octets[DANCE_CHAIN_MAX],
                             struct dance_file_stamp *stamp, char why[DANCE_CHAIN_FILE_WHY_MAX])
{
    /* O_NONBLOCK: a FIFO in its place must not stop a handshake. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *fault = NULL;
    size_t len;

    if (fd < 0) {
        (void)snprintf(why, DANCE_CHAIN_FILE_WHY_MAX, "it cannot be read: %s", strerror(errno));
        return 0;
    }
    len = slurp(fd, octets, stamp, &fault);
    (void)close(fd);
    if (len == 0)
        (void)snprintf(why, DANCE_CHAIN_FILE_WHY_MAX, "%s", fault);
    return len;
}
