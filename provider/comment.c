/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "comment.h"

#include "conf_lines.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * Take quotes and escapes from text, up to an unescaped '#' or its end, and the
 * blanks behind it. true: a '#' stands directly behind something.
 */
static bool cut_off(char *text)
{
    size_t len = 0;
    char quote = '\0';
    const char *at = text;
    bool cut;

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
    cut = *at == '#' && at > text && !is_blank(at[-1]);
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    text[len] = '\0';
    return cut;
}

bool dance_comment_took(const char *path, const char *key, const char *value)
{
    struct conf_lines *lines = conf_lines_read(path);
    const struct conf_line *line = lines != NULL ? conf_lines_first(lines) : NULL;
    bool took = false;

    for (; line != NULL && !took; line = line->next)
        took = line->kind == CONF_LINE_KEY && strcmp(line->key, key) == 0 && cut_off(line->value)
               && strcmp(line->value, value) == 0;
    conf_lines_free(lines);
    return took;
}
