/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "comment.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8
#define FILES_MAX 256
#define LINE_MAX_OCTETS 65536

/* What is looked for, and what may still be opened. */
struct search {
    const char *key;
    const char *value;
    unsigned files;
};

static bool look_at(struct search *s, const char *path, unsigned depth);

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char *skip_blanks(char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

/*
 * Take quotes and escapes from text, up to an unescaped '#' or its end, and the
 * blanks behind it. Where that is; *cut: a '#' that stands directly behind something.
 */
static size_t plain(char *text, bool *cut)
{
    size_t len = 0;
    char quote = '\0';
    const char *at = text;

    for (; *at != '\0' && (quote != '\0' || *at != '#'); at++) {
        if (quote == '\0' && strchr("\"'`", *at) != NULL)
            quote = *at;
        else if (quote != '\0' && *at == quote)
            quote = '\0';
        else if (*at == '\\' && at[1] != '\0')
            text[len++] = *++at;
        else
            text[len++] = *at;
    }
    *cut = *at == '#' && at > text && !is_blank(at[-1]);
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    text[len] = '\0';
    return len;
}

/* "key = value": key is cut off, and where the value begins is told. NULL: it is none. */
static char *split(char *line)
{
    char *equal = strchr(line, '=');
    char *end = equal;

    if (equal == NULL)
        return NULL;
    while (end > line && is_blank(end[-1]))
        end--;
    *end = '\0';
    return skip_blanks(equal + 1);
}

static bool ends_in(const char *name, const char *ending)
{
    size_t len = strlen(name);

    return len > strlen(ending) && strcmp(name + len - strlen(ending), ending) == 0;
}

/* Of a folder libcrypto includes what is called so. */
static bool look_into(struct search *s, const char *folder, unsigned depth)
{
    DIR *open = opendir(folder);
    const struct dirent *entry;
    char path[1024];
    bool found = false;

    if (open == NULL)
        return false;
    while (!found && (entry = readdir(open)) != NULL) {
        if (!ends_in(entry->d_name, ".cnf") && !ends_in(entry->d_name, ".conf"))
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path))
            found = look_at(s, path, depth);
    }
    (void)closedir(open);
    return found;
}

/* A relative path is looked up where the process is, as libcrypto does without a folder set. */
static bool include(struct search *s, char *path, unsigned depth)
{
    struct stat st;
    bool cut;

    path = skip_blanks(path);
    if (*path == '=')
        path = skip_blanks(path + 1);
    (void)plain(path, &cut);
    if (stat(path, &st) != 0)
        return false;
    return S_ISDIR(st.st_mode) ? look_into(s, path, depth) : look_at(s, path, depth);
}

static bool look_at_line(struct search *s, char *line, unsigned depth)
{
    static const char word[] = ".include";
    char *value;
    bool cut;

    line = skip_blanks(line);
    if (strncmp(line, word, strlen(word)) == 0 && strchr(" \t=", line[strlen(word)]) != NULL)
        return include(s, line + strlen(word), depth);
    value = split(line);
    if (value == NULL || strcmp(line, s->key) != 0)
        return false;
    (void)plain(value, &cut);
    return cut && strcmp(value, s->value) == 0;
}

/* A line may go on in the next one. Where text has no room for it, what is there is looked at. */
static bool read_line(FILE *file, char *text, size_t size)
{
    size_t len = 0;

    while (len + 1 < size && fgets(text + len, (int)(size - len), file) != NULL) {
        len += strlen(text + len);
        if (len < 2 || text[len - 1] != '\n' || text[len - 2] != '\\')
            return true;
        len -= 2;
        text[len] = '\0';
    }
    return len > 0;
}

/* A regular file: of a pipe, libcrypto has taken what was there, and another writer may not come.
 */
static FILE *open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    FILE *file = NULL;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        file = fdopen(fd, "r");
    if (fd >= 0 && file == NULL)
        (void)close(fd);
    return file;
}

static bool look_at(struct search *s, const char *path, unsigned depth)
{
    char *line;
    FILE *file;
    bool found = false;

    if (depth > DEPTH_MAX || s->files == 0)
        return false;
    s->files--;
    line = malloc(LINE_MAX_OCTETS);
    file = line != NULL ? open_file(path) : NULL;
    while (!found && file != NULL && read_line(file, line, LINE_MAX_OCTETS))
        found = look_at_line(s, line, depth + 1);
    if (file != NULL)
        (void)fclose(file);
    free(line);
    return found;
}

bool dance_comment_took(const char *path, const char *key, const char *value)
{
    struct search s = {.key = key, .value = value, .files = FILES_MAX};

    return look_at(&s, path, 0);
}
