/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "conf_lines.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8
#define FILES_MAX 256
#define LINES_MAX 200000
#define LINE_MAX_OCTETS 65536
#define BLANKS " \t\r\n"

/* Lines from .. of a file, as libcrypto counts them through all files. */
struct stretch {
    long from;
    long number; /* of the first of them, in its file */
    size_t file;
};

struct conf_lines {
    struct conf_line *first;
    struct conf_line **end;
    char *file[FILES_MAX];
    size_t files;
    struct stretch *stretch;
    size_t stretches;
    long count; /* lines read, through all files */
    char *section;
    char *folder; /* of .pragma includedir; NULL: none */
    bool full;    /* out of memory */
    long lost;    /* count behind which libcrypto's differs: a path has a variable; 0: nowhere */
};

static bool keep(struct conf_lines *lines, char **where, const char *text, size_t len)
{
    *where = OPENSSL_strndup(text, len);
    lines->full = lines->full || *where == NULL;
    return *where != NULL;
}

static struct conf_line *add(struct conf_lines *lines, enum conf_line_kind kind, unsigned number,
                             const char *file, const char *section, const char *key)
{
    struct conf_line *line = OPENSSL_zalloc(sizeof(*line));

    lines->full = lines->full || line == NULL;
    if (line == NULL)
        return NULL;
    *line = (struct conf_line){.kind = kind, .file = file, .number = number};
    *lines->end = line;
    lines->end = &line->next;
    (void)keep(lines, &line->section, section, strlen(section));
    if (key != NULL)
        (void)keep(lines, &line->key, key, strlen(key));
    return line;
}

static void begin_stretch(struct conf_lines *lines, size_t file, long number)
{
    struct stretch *more =
        OPENSSL_realloc(lines->stretch, (lines->stretches + 1) * sizeof(*lines->stretch));

    if (more == NULL) {
        lines->full = true;
        return;
    }
    lines->stretch = more;
    more[lines->stretches++] = (struct stretch){lines->count + 1, number, file};
}

/* Cut off the blanks at both ends. */
static char *trim(char *text)
{
    size_t len;

    text += strspn(text, BLANKS);
    len = strlen(text);
    while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
        len--;
    text[len] = '\0';
    return text;
}

/* What libcrypto makes of a value: no quotes, escapes, comment and variables. NULL: nothing. */
static char *expand(const char *raw)
{
    BIO *in = BIO_new(BIO_s_mem());
    CONF *conf = NCONF_new(NULL);
    const char *value = NULL;
    char *text = NULL;

    (void)ERR_set_mark();
    if (in != NULL && conf != NULL && BIO_printf(in, "v = %s\n", raw) > 0
        && NCONF_load_bio(conf, in, NULL) > 0)
        value = NCONF_get_string(conf, "default", "v");
    if (value != NULL)
        text = OPENSSL_strdup(value);
    (void)ERR_pop_to_mark();
    NCONF_free(conf);
    BIO_free(in);
    return text;
}

/* The value behind ".include" or ".pragma" (an '=' may stand between them); NULL: not this word. */
static char *directive(char *line, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(line, word, len) != 0 || strchr(" \t=", line[len]) == NULL || line[len] == '\0')
        return NULL;
    line += len + strspn(line + len, BLANKS);
    return *line == '=' ? line + 1 + strspn(line + 1, BLANKS) : line;
}

static void read_file(struct conf_lines *lines, const char *path, unsigned depth);

static bool ends_in(const char *name, const char *ending)
{
    size_t len = strlen(name);

    return len > strlen(ending) && strcmp(name + len - strlen(ending), ending) == 0;
}

/* In the order of the folder, as libcrypto does. */
static void read_folder(struct conf_lines *lines, const char *path, unsigned depth)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    char file[1024];

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if ((ends_in(entry->d_name, ".cnf") || ends_in(entry->d_name, ".conf"))
            && snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) < (int)sizeof(file))
            read_file(lines, file, depth);
    }
    if (folder != NULL)
        (void)closedir(folder);
}

static void include(struct conf_lines *lines, const char *raw, size_t file, long number,
                    unsigned depth)
{
    const char *given = secure_getenv("OPENSSL_CONF_INCLUDE");
    const char *folder = given != NULL ? given : lines->folder;
    char *named = expand(raw);
    char path[1024];
    struct stat st;

    if (named == NULL
        || snprintf(path, sizeof(path), "%s%s%s", folder != NULL && *named != '/' ? folder : "",
                    folder != NULL && *named != '/' ? "/" : "", named)
               >= (int)sizeof(path)) {
        lines->lost = lines->lost > 0 ? lines->lost : lines->count;
        OPENSSL_free(named);
        return;
    }
    OPENSSL_free(named);
    if (stat(path, &st) != 0)
        (void)add(lines, CONF_LINE_MISSING, (unsigned)number, lines->file[file], lines->section,
                  path);
    else if (S_ISDIR(st.st_mode))
        read_folder(lines, path, depth + 1);
    else
        read_file(lines, path, depth + 1);
    begin_stretch(lines, file, number + 1);
}

static void set_section(struct conf_lines *lines, const char *name)
{
    char *section;

    if (!keep(lines, &section, name, strlen(name)))
        return;
    OPENSSL_free(lines->section);
    lines->section = section;
}

/* One line, put together from those that a backslash continues; number is that of the first. */
static void read_logical(struct conf_lines *lines, char *line, size_t file, long number, long last,
                         unsigned depth)
{
    const char *name = lines->file[file];
    struct conf_line *added;
    char *end;
    char *value;
    char *colons;

    line = trim(line);
    if (*line == '\0' || *line == '#')
        return;
    if (*line == '[') {
        end = strchr(line, ']');
        if (end == NULL)
            return;
        *end = '\0';
        set_section(lines, trim(line + 1));
        (void)add(lines, CONF_LINE_SECTION, (unsigned)number, name, lines->section, NULL);
        end = trim(end + 1);
        if (*end != '\0' && *end != '#')
            (void)add(lines, CONF_LINE_BEHIND, (unsigned)number, name, lines->section, NULL);
        return;
    }
    if ((value = directive(line, ".include")) != NULL) {
        include(lines, value, file, last, depth);
        return;
    }
    if ((value = directive(line, ".pragma")) != NULL) {
        if (strncmp(value, "includedir:", 11) == 0) {
            OPENSSL_free(lines->folder);
            lines->folder = expand(value + 11);
        }
        return;
    }
    end = strchr(line, '=');
    if (end == NULL)
        return;
    *end = '\0';
    value = trim(end + 1);
    line = trim(line);
    colons = strstr(line, "::");
    if (colons != NULL)
        *colons = '\0';
    added = add(lines, CONF_LINE_KEY, (unsigned)number, name,
                colons != NULL ? line : lines->section, colons != NULL ? colons + 2 : line);
    if (added != NULL)
        (void)keep(lines, &added->value, value, strlen(value));
}

/* Does a line that was read to its end go on in the next one? */
static bool goes_on(char *line, size_t *len)
{
    size_t n = *len;

    while (n > 0 && strchr("\r\n", line[n - 1]) != NULL)
        n--;
    if (n == 0 || line[n - 1] != '\\' || (n > 1 && line[n - 2] == '\\'))
        return false;
    line[ *len = n - 1] = '\0';
    return true;
}

static void read_lines(struct conf_lines *lines, FILE *in, char *line, size_t file, unsigned depth)
{
    static const char mark[] = "\xef\xbb\xbf";
    long number = 0;
    long from = 1;
    size_t len = 0;

    begin_stretch(lines, file, 1);
    while (!lines->full && lines->count < LINES_MAX
           && fgets(line + len, (int)(LINE_MAX_OCTETS - len), in) != NULL) {
        number++;
        lines->count++;
        if (number == 1 && strncmp(line, mark, 3) == 0) {
            memmove(line, line + 3, strlen(line + 3) + 1);
            (void)add(lines, CONF_LINE_BOM, 1, lines->file[file], lines->section, NULL);
        }
        len += strlen(line + len);
        if (goes_on(line, &len) && len + 2 < LINE_MAX_OCTETS)
            continue;
        read_logical(lines, line, file, from, number, depth);
        from = number + 1;
        len = 0;
    }
    if (len > 0)
        read_logical(lines, line, file, from, number, depth);
}

static FILE *open_file(const char *path)
{
    /* A regular file: a pipe would be emptied, or waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    FILE *file = NULL;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        file = fdopen(fd, "r");
    if (fd >= 0 && file == NULL)
        (void)close(fd);
    return file;
}

static void read_file(struct conf_lines *lines, const char *path, unsigned depth)
{
    size_t file = lines->files;
    char *line;
    FILE *in;

    if (depth > DEPTH_MAX || file == FILES_MAX
        || !keep(lines, &lines->file[file], path, strlen(path)))
        return;
    lines->files++;
    line = OPENSSL_malloc(LINE_MAX_OCTETS);
    in = line != NULL ? open_file(path) : NULL;
    lines->full = lines->full || line == NULL;
    if (in != NULL) {
        read_lines(lines, in, line, file, depth);
        (void)fclose(in);
    }
    OPENSSL_free(line);
}

struct conf_lines *conf_lines_read(const char *path)
{
    struct conf_lines *lines = OPENSSL_zalloc(sizeof(*lines));

    if (lines == NULL)
        return NULL;
    lines->end = &lines->first;
    if (keep(lines, &lines->section, "default", strlen("default")))
        read_file(lines, path, 0);
    if (!lines->full && lines->files > 0)
        return lines;
    conf_lines_free(lines);
    return NULL;
}

void conf_lines_free(struct conf_lines *lines)
{
    if (lines == NULL)
        return;
    for (struct conf_line *line = lines->first, *next; line != NULL; line = next) {
        next = line->next;
        OPENSSL_free(line->section);
        OPENSSL_free(line->key);
        OPENSSL_free(line->value);
        OPENSSL_free(line);
    }
    for (size_t i = 0; i < lines->files; i++)
        OPENSSL_free(lines->file[i]);
    OPENSSL_free(lines->stretch);
    OPENSSL_free(lines->section);
    OPENSSL_free(lines->folder);
    OPENSSL_free(lines);
}

const struct conf_line *conf_lines_first(const struct conf_lines *lines)
{
    return lines->first;
}

const struct conf_line *conf_lines_next(const struct conf_lines *lines,
                                        const struct conf_line *behind, const char *section,
                                        const char *key)
{
    const struct conf_line *line = behind != NULL ? behind->next : lines->first;

    while (line != NULL
           && (line->kind != CONF_LINE_KEY || strcmp(line->section, section) != 0
               || strcmp(line->key, key) != 0))
        line = line->next;
    return line;
}

const struct conf_line *conf_lines_find(const struct conf_lines *lines, const char *section,
                                        const char *key)
{
    const struct conf_line *found = NULL;
    const struct conf_line *line = NULL;

    while (key != NULL && (line = conf_lines_next(lines, line, section, key)) != NULL)
        found = line;
    for (line = lines->first; found == NULL && line != NULL; line = line->next) {
        if (line->kind == CONF_LINE_SECTION && strcmp(line->section, section) == 0)
            found = line;
    }
    return found;
}

const char *conf_lines_where(char out[CONF_WHERE_MAX], const struct conf_lines *lines,
                             const struct conf_line *line)
{
    if (line != NULL)
        (void)snprintf(out, CONF_WHERE_MAX, "%s:%u", line->file, line->number);
    else
        (void)snprintf(out, CONF_WHERE_MAX, "%s", lines->file[0]);
    return out;
}

const char *conf_lines_counted(char out[CONF_WHERE_MAX], const struct conf_lines *lines, long count)
{
    const struct stretch *in = NULL;

    for (size_t i = 0; i < lines->stretches && lines->stretch[i].from <= count; i++)
        in = &lines->stretch[i];
    if (in == NULL || count > lines->count || (lines->lost > 0 && count > lines->lost))
        return conf_lines_where(out, lines, NULL);
    (void)snprintf(out, CONF_WHERE_MAX, "%s:%ld", lines->file[in->file],
                   in->number + count - in->from);
    return out;
}
