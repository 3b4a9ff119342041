/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "conf_value.h"

#include <criterion/criterion.h>
#include <openssl/conf.h>
#include <string.h>

/* Whatever is written, OpenSSL reads the very same, and nothing behind it. */
static bool reads_back(const char *value)
{
    BIO *text = BIO_new(BIO_s_mem());
    CONF *conf = NCONF_new(NULL);
    const char *got = NULL;
    bool same;

    (void)BIO_puts(text, "[s]\nkey = ");
    conf_value_write(text, value);
    (void)BIO_puts(text, "\nnext = 1\n");
    if (NCONF_load_bio(conf, text, NULL) > 0)
        got = NCONF_get_string(conf, "s", "key");
    same = got != NULL && strcmp(got, value) == 0
           && sk_CONF_VALUE_num(NCONF_get_section(conf, "s")) == 2;
    NCONF_free(conf);
    BIO_free(text);
    return same;
}

Test(conf_value, each_character)
{
    for (int c = 1; c < 256; c++) {
        char inside[] = {'a', (char)c, 'b', '\0'};
        char first[] = {(char)c, 'b', '\0'};
        char last[] = {'a', (char)c, '\0'};

        cr_assert(reads_back(inside), "inside: %d", c);
        cr_assert(reads_back(first), "first: %d", c);
        cr_assert(reads_back(last), "last: %d", c);
    }
}

Test(conf_value, texts)
{
    static const char *const texts[] = {
        "",      "a",          " ",          "  a  ", "\\",    "a\\", "\\n",      "$x",
        "${x}",  "$ENV::HOME", "a # b",      "#",     "\"a\"", "'",   "a\"b'c`d", "a\nb=c",
        "a\r\n", "[x]\n",      ".include x", "a = b", "a,b;c", "\t",  "\"\" \""};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_assert(reads_back(texts[i]), "%s", texts[i]);
}
