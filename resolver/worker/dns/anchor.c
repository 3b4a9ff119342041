/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Does a line of a zone file hold a DS or DNSKEY record? Its own text is changed. */
static bool has_key(char *line)
{
    char *rest = NULL;

    line[strcspn(line, ";\n")] = '\0';
    /* The first word is the owner; a record of a key cannot do without it in such a file. */
    if (strtok_r(line, " \t()", &rest) == NULL)
        return false;
    for (char *w = strtok_r(NULL, " \t()", &rest); w != NULL; w = strtok_r(NULL, " \t()", &rest)) {
        if (strcasecmp(w, "DS") == 0 || strcasecmp(w, "DNSKEY") == 0)
            return true;
    }
    return false;
}

const char *anchor_fault(const char *path)
{
    /* O_NONBLOCK: the opening of a FIFO must not wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    FILE *file;
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    if (fd < 0)
        return strerror(errno);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(fd);
        return "this is not a file";
    }
    file = fdopen(fd, "r");
    if (file == NULL) {
        (void)close(fd);
        return "out of memory";
    }
    while (!found && getline(&line, &size, file) >= 0)
        found = has_key(line);
    free(line);
    (void)fclose(file);
    return found ? NULL : "there is no DS or DNSKEY record in it";
}
