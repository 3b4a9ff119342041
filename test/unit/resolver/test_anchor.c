/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/anchor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGEST "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
#define DS " DS 20326 8 2 " DIGEST
#define KEY "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3"

static const char *fault_of(const char *text)
{
    const char *fault = NULL;

    return anchors_parse(text, strlen(text), &fault) ? NULL : fault;
}

/* How many count; -1: the file is faulty. */
static int count_of(const char *text)
{
    int n = 0;

    if (fault_of(text) != NULL)
        return -1;
    for (const struct anchor *a = anchors_first(); a != NULL; a = a->next)
        n++;
    return n;
}

Test(anchor, forms)
{
    cr_expect_eq(count_of(". IN" DS "\n"), 1);
    cr_expect_eq(count_of("example.com." DS), 1, "without an end of the line");
    cr_expect_eq(count_of("; comment\n\n$ORIGIN .\n$TTL 3600\n@\t172800 IN DNSKEY 257 3 8 " KEY
                          " ; key\r\n"),
                 1);
    cr_expect_eq(count_of(". IN 172800 DNSKEY 257 3 8 " KEY "\n"), 1, "class before TTL");
    cr_expect_eq(count_of(". 172800 in dnskey 257 3 8 (\n " KEY " ; in two\n " KEY ")\n"), 1);
    cr_expect_eq(count_of("a.example." DS "\n" DS "\nb.example." DS "\n"), 3, "several");
    cr_expect_str_eq(anchors_first()->owner, "a.example.");
    cr_expect_str_eq(anchors_first()->record, "a.example. IN" DS);
    cr_expect_eq(count_of("$ORIGIN Example.\nSub" DS "\n"), 1);
    cr_expect_str_eq(anchors_first()->owner, "sub.example.");
}

#define STATE(N)                                                                                   \
    ". 172800 IN DNSKEY 257 3 8 " KEY " ;{id = 20326 (ksk), size = 2048b} ;;state=" #N             \
    " [ ] ;;count=0\n"

Test(anchor, states)
{
    cr_expect_eq(count_of("; autotrust trust anchor file\n;;id: . 1\n;;last_queried: 1\n" STATE(2)),
                 1);
    cr_expect_eq(count_of(STATE(1) STATE(2) STATE(3) STATE(4) STATE(5) STATE(0)), 2,
                 "VALID and MISSING");
    cr_expect_str_eq(fault_of(STATE(1)),
                     "none of its keys is valid: they are pending, revoked or removed");
    cr_expect_str_eq(fault_of(STATE(22)),
                     "none of its keys is valid: they are pending, revoked or removed");
    cr_expect_eq(count_of(". IN DNSKEY 385 3 8 " KEY "\n. IN" DS "\n"), 1, "REVOKE is set");
    cr_expect(strstr(fault_of(";;REVOKED\n" STATE(2)), "revoked"));
}

Test(anchor, faults)
{
    static const char none[] = "there is no DS or DNSKEY record in it";
    static const char *const with_line[][2] = {
        {". IN" DS "\nexample.com. IN TXT \"x. DS 1 8 2 00\"\n", "line 2: "},
        {"example.com. IN TXT DS\n", "line 1: TXT is neither DS nor DNSKEY"},
        {"DS. IN A 192.0.2.1\n", "line 1: A is neither"},
        {". IN DS 20326 8 2\n", "line 1: the record is not complete"},
        {". IN DS 20326 8 2 E06D\n", "line 1: the digest"},
        {". IN DS 70000 8 2 " DIGEST "\n", "line 1: 70000 is not a number"},
        {". IN DNSKEY 257 3 8 ---\n", "line 1: the key is not base64"},
        {"\n. CH" DS "\n", "line 2: CH is neither"},
        {"$INCLUDE /etc/passwd\n", "line 1: $INCLUDE has no place here"},
        {". IN DNSKEY 257 3 8 ( " KEY "\n", "line 2: a parenthesis is not closed"},
        {"trust-anchors { };\n", "line 1: "},
        {DS "\n", "line 1: the record has no owner name"},
    };

    cr_expect_str_eq(fault_of(""), none);
    cr_expect_str_eq(fault_of("; . IN" DS "\n"), none);
    cr_expect(strstr(fault_of("\xef\xbb\xbf. IN" DS "\n"), "byte order mark"));
    for (size_t i = 0; i < sizeof(with_line) / sizeof(with_line[0]); i++) {
        const char *fault = fault_of(with_line[i][0]);

        cr_assert_not_null(fault, "%s", with_line[i][0]);
        cr_expect(strncmp(fault, with_line[i][1], strlen(with_line[i][1])) == 0, "%s: %s",
                  with_line[i][0], fault);
        cr_expect_null(anchors_first(), "nothing of a faulty file counts");
    }
}

Test(anchor, nothing_is_read_beyond_the_end)
{
    static const char text[] = ". IN DNSKEY 257 3 8 ( " KEY " ) ;;state=2\n. IN" DS "\n";
    const char *fault;

    for (size_t len = 0; len < sizeof(text); len++) {
        char *exact = malloc(len + 1);

        memcpy(exact, text, len);
        (void)anchors_parse(exact, len, &fault);
        free(exact);
    }
    anchors_forget();
}

Test(anchor, the_closest)
{
    cr_assert_eq(count_of("." DS "\nexample." DS "\nsub.example." DS "\n"), 3);
    cr_expect_str_eq(anchor_over("a.sub.example.")->owner, "sub.example.");
    cr_expect_str_eq(anchor_over("example.")->owner, "example.");
    cr_expect_str_eq(anchor_over("xexample.")->owner, ".");
    cr_assert_eq(count_of("example." DS "\n"), 1);
    cr_expect_null(anchor_over("org."));
}

Test(anchor, no_file)
{
    char folder[] = "/tmp/dance-anchor-XXXXXX";
    char path[64];
    const char *fault;

    cr_assert(mkdtemp(folder));
    cr_assert_not(anchors_read(folder, &fault));
    cr_expect_str_eq(fault, "this is not a file");
    (void)snprintf(path, sizeof(path), "%s/fifo", folder);
    cr_assert_not(anchors_read(path, &fault));
    cr_expect_str_eq(fault, "No such file or directory");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_not(anchors_read(path, &fault));
    cr_expect_str_eq(fault, "this is not a file");
    (void)unlink(path);
    (void)rmdir(folder);
}
