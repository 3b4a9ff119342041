/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "pattern_file.h"

#include "patterns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int dance_pattern_file_open(const char *path)
{
    /* O_NONBLOCK: a FIFO in its place must not stop a handshake. */
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static void say(char why[DANCE_PATTERN_FILE_WHY_MAX], const char *what, const char *more)
{
    (void)snprintf(why, DANCE_PATTERN_FILE_WHY_MAX, "%s%s%s", what, *more != '\0' ? ": " : "",
                   more);
}

/* All of it; NULL with the reason. To be freed by free(). */
static char *slurp(int fd, size_t size, char why[DANCE_PATTERN_FILE_WHY_MAX])
{
    char *text = malloc(size + 1);
    size_t got = 0;

    if (text == NULL)
        say(why, "out of memory", "");
    while (text != NULL && got < size) {
        ssize_t n = pread(fd, text + got, size - got, (off_t)got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            say(why, "it cannot be read to its end", n < 0 ? strerror(errno) : "");
            free(text);
            return NULL;
        }
        got += (size_t)n;
    }
    return text;
}

int dance_pattern_file_read(int fd, struct dance_file_stamp *stamp,
                            char why[DANCE_PATTERN_FILE_WHY_MAX])
{
    struct dance_patterns_fault fault;
    struct dance_file_stamp after;
    struct stat st;
    char *text;
    int list = -1;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        say(why, "it is no file", "");
        return -1;
    }
    *stamp = dance_file_stamp_of(&st);
    if (st.st_size > (off_t)DANCE_PATTERNS_TEXT_MAX) {
        say(why, "it is longer than 64 MiB", "");
        return -1;
    }
    text = slurp(fd, (size_t)st.st_size, why);
    if (text == NULL)
        return -1;
    memset(&after, 0, sizeof(after));
    if (fstat(fd, &st) == 0)
        after = dance_file_stamp_of(&st);
    if (dance_file_stamp_differs(stamp, &after)) {
        say(why, "it changed while it was read", "");
    } else {
        list = dance_patterns_memfd(text, (size_t)stamp->size, DANCE_PATTERNS_FILE, &fault);
        if (list < 0)
            (void)snprintf(why, DANCE_PATTERN_FILE_WHY_MAX, "%s%s%.*s",
                           fault.text != NULL ? fault.text : "no memory for its list",
                           fault.at_len > 0 ? ": " : "",
                           (int)(fault.at_len > 64 ? 64 : fault.at_len), fault.at);
    }
    free(text);
    return list;
}
