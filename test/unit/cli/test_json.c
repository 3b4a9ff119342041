/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;
static struct json json;

static void begin(void)
{
    json = (struct json){.out = open_memstream(&text, &size)};
    cr_assert_not_null(json.out);
}

static void expect(const char *wanted)
{
    cr_assert_eq(fclose(json.out), 0);
    cr_assert_str_eq(text, wanted);
    free(text);
}

Test(json, nested)
{
    begin();
    json_object(&json, NULL);
    json_string(&json, "a", "x");
    json_array(&json, "b");
    json_object(&json, NULL);
    json_number(&json, "n", 18446744073709551615ull);
    json_bool(&json, "t", true);
    json_object_end(&json);
    json_object(&json, NULL);
    json_object_end(&json);
    json_string(&json, NULL, NULL);
    json_array_end(&json);
    json_bool(&json, "f", false);
    json_object_end(&json);
    json_end(&json);
    expect("{\"a\":\"x\",\"b\":[{\"n\":18446744073709551615,\"t\":true},{},null],\"f\":false}\n");
}

/* What is written for a text. */
static void escaped(const char *from, const char *wanted)
{
    begin();
    json_string(&json, NULL, from);
    expect(wanted);
}

Test(json, text)
{
    escaped("", "\"\"");
    escaped("a\"b\\c/", "\"a\\\"b\\\\c/\"");
    escaped("\n\t\x01\x7f", "\"\\u000a\\u0009\\u0001\\u007f\"");
    escaped("\xc3\xbc\xe2\x82\xac", "\"\\u00fc\\u20ac\"");
    escaped("\xf0\x9f\x98\x80", "\"\\ud83d\\ude00\"");
    escaped("\xf4\x8f\xbf\xbf", "\"\\udbff\\udfff\"");
}

Test(json, octets_that_are_no_text)
{
    escaped("a\xff z", "\"a\\ufffd z\"");
    escaped("\xc3", "\"\\ufffd\"");
    escaped("\xe2\x82", "\"\\ufffd\\ufffd\"");
    /* Longer than need be, a half of a pair, and beyond Unicode. */
    escaped("\xc0\xaf", "\"\\ufffd\\ufffd\"");
    escaped("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
    escaped("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    escaped("\xf8\x88\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"");
}
