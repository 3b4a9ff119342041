/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "uid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OVERFLOW_USUAL 65534
#define MAP_WHOLE "0 0 4294967295"

/* The words of a small file with one blank between them; empty where it cannot be read. */
static void read_words(const char *path, char *out, size_t size)
{
    int kept_errno = errno;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[256];
    ssize_t len = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
    size_t used = 0;

    for (ssize_t i = 0; i < len && used + 2 < size; i++) {
        bool blank = text[i] == ' ' || text[i] == '\n';

        if (!blank)
            out[used++] = text[i];
        else if (used > 0 && out[used - 1] != ' ')
            out[used++] = ' ';
    }
    if (used > 0 && out[used - 1] == ' ')
        used--;
    out[used] = '\0';
    if (fd >= 0)
        (void)close(fd);
    errno = kept_errno;
}

uid_t dance_uid_of_unmapped(void)
{
    char words[64];
    char *end;
    unsigned long uid;

    read_words("/proc/self/uid_map", words, sizeof(words));
    if (strcmp(words, MAP_WHOLE) == 0)
        return DANCE_UID_NONE;
    read_words("/proc/sys/kernel/overflowuid", words, sizeof(words));
    uid = strtoul(words, &end, 10);
    return *words != '\0' && *end == '\0' && uid < (unsigned long)DANCE_UID_NONE
               ? (uid_t)uid
               : (uid_t)OVERFLOW_USUAL;
}
