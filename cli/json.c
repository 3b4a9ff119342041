/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <openssl/asn1.h>
#include <string.h>

#define REPLACEMENT 0xfffdul
#define UNICODE_MAX 0x10fffful

/* One character of text, of which so many octets are left; how many it takes, at least one. */
static size_t next(const char *text, size_t left, unsigned long *character)
{
    int len = UTF8_getc((const unsigned char *)text, left < 4 ? (int)left : 4, character);

    if (len > 0 && *character <= UNICODE_MAX && (*character & ~0x7fful) != 0xd800)
        return (size_t)len;
    *character = REPLACEMENT;
    return 1;
}

static void write_text(FILE *out, const char *text)
{
    size_t left = strlen(text);
    unsigned long c = 0;

    (void)fputc('"', out);
    for (size_t len; left > 0; text += len, left -= len) {
        len = next(text, left, &c);
        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", (char)c);
        else if (c >= 0x20 && c < 0x7f)
            (void)fputc((int)c, out);
        else if (c < 0x10000)
            (void)fprintf(out, "\\u%04lx", c);
        else
            (void)fprintf(out, "\\u%04lx\\u%04lx", 0xd800 + ((c - 0x10000) >> 10),
                          0xdc00 + ((c - 0x10000) & 0x3ff));
    }
    (void)fputc('"', out);
}

static void begin(struct json *json, const char *key)
{
    if (json->follows)
        (void)fputc(',', json->out);
    json->follows = true;
    if (key != NULL) {
        write_text(json->out, key);
        (void)fputc(':', json->out);
    }
}

static void open_with(struct json *json, const char *key, char bracket)
{
    begin(json, key);
    (void)fputc(bracket, json->out);
    json->follows = false;
}

static void close_with(struct json *json, char bracket)
{
    (void)fputc(bracket, json->out);
    json->follows = true;
}

void json_object(struct json *json, const char *key)
{
    open_with(json, key, '{');
}

void json_object_end(struct json *json)
{
    close_with(json, '}');
}

void json_array(struct json *json, const char *key)
{
    open_with(json, key, '[');
}

void json_array_end(struct json *json)
{
    close_with(json, ']');
}

void json_string(struct json *json, const char *key, const char *text)
{
    begin(json, key);
    if (text != NULL)
        write_text(json->out, text);
    else
        (void)fputs("null", json->out);
}

void json_number(struct json *json, const char *key, unsigned long long number)
{
    begin(json, key);
    (void)fprintf(json->out, "%llu", number);
}

void json_bool(struct json *json, const char *key, bool value)
{
    begin(json, key);
    (void)fputs(value ? "true" : "false", json->out);
}

void json_end(struct json *json)
{
    (void)fputc('\n', json->out);
    json->follows = false;
}
