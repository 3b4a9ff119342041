/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/anchor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHA1 "2bb183af5f22588179a53b0a98631fad1a292118"
#define SHA256 "e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d"
#define DS "20326 8 2 " SHA256
#define KEY "257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJz"
#define STATE(n)                                                                                   \
    " ;{id = 20326 (ksk), size = 2048b} ;;state=" #n " [  NAME  ] ;;count=0 ;;lastchange=1 ;;x\n"

/* What is wrong with a text; NULL: nothing is, and exactly these records are in it. */
static const char *fault_of(const char *text, size_t count, const char *const records[])
{
    const struct anchor *a;
    const char *fault = NULL;

    if (!anchors_parse(text, strlen(text), &fault)) {
        cr_expect_null(anchors_first(), "a fault leaves nothing: %s", text);
        return fault;
    }
    a = anchors_first();
    for (size_t i = 0; i < count; i++) {
        cr_assert_not_null(a, "%zu of %zu records of %s", i, count, text);
        cr_expect_str_eq(a->record, records[i], "%s", text);
        a = a->next;
    }
    cr_expect_null(a, "%zu records of %s", count, text);
    return NULL;
}

#define RECORDS(text, ...)                                                                         \
    do {                                                                                           \
        const char *const list[] = {__VA_ARGS__};                                                  \
        const char *why = fault_of(text, sizeof(list) / sizeof(list[0]), list);                    \
        cr_expect_null(why, "%s: %s", text, why);                                                  \
    } while (0)

#define FAULT(text, words)                                                                         \
    do {                                                                                           \
        const char *why = fault_of(text, 0, NULL);                                                 \
        cr_assert_not_null(why, "%s", text);                                                       \
        cr_expect_str_eq(why, words, "%s: %s", text, why);                                         \
    } while (0)

Test(anchor, records)
{
    RECORDS(". IN DS " DS "\n", ". IN DS " DS);
    RECORDS(". 172800 IN DNSKEY " KEY " ; key", ". IN DNSKEY " KEY);
    RECORDS(". IN 172800 DNSKEY " KEY "\n", ". IN DNSKEY " KEY);
    RECORDS(".\tDS\t" DS "\r\n", ". IN DS " DS);
    RECORDS(". 2d DS " DS "\n", ". IN DS " DS);
    RECORDS("Example.COM ds 1 13 1 " SHA1 "\n", "example.com. IN DS 1 13 1 " SHA1);
    RECORDS("; \xc3\xa9 comment\n\n \t\n. DS " DS "\n", ". IN DS " DS);
    FAULT(". DS " DS "\n . DS " DS "\n", "line 2: . is neither DS nor DNSKEY");
}

Test(anchor, several_zones)
{
    RECORDS(". DS " DS "\nexample.com. DS " DS "\n  DS 1 13 2 " SHA256 "\n", ". IN DS " DS,
            "example.com. IN DS " DS, "example.com. IN DS 1 13 2 " SHA256);
    cr_expect_str_eq(anchor_over("a.example.com.")->owner, "example.com.");
    cr_expect_str_eq(anchor_over("example.com.")->owner, "example.com.");
    cr_expect_str_eq(anchor_over("anexample.com.")->owner, ".");
    cr_expect_str_eq(anchor_over("com.")->owner, ".");
    cr_expect_str_eq(anchor_over(".")->owner, ".");
    RECORDS("example.com. DS " DS "\n", "example.com. IN DS " DS);
    cr_expect_null(anchor_over("com."));
    cr_expect_null(anchor_over("."));
    cr_expect_null(anchor_over("example.net."));
    anchors_forget();
    cr_expect_null(anchor_over("example.com."));
}

Test(anchor, over_lines)
{
    RECORDS(". DNSKEY ( 257 ; flags\n 3 8\n  AwEAAaz/ ; x\n tAm8yTn4 )\n",
            ". IN DNSKEY 257 3 8 AwEAAaz/tAm8yTn4");
    RECORDS(". DS 20326 8 2 (\n" SHA256 ")\nexample. DS " DS "\n", ". IN DS " DS,
            "example. IN DS " DS);
    FAULT("\n. DS (20326 8 2 " SHA256 "\n", "line 3: a parenthesis is not closed");
    FAULT("\n. DS 20326 8 2 " SHA256 ")\n", "line 2: a parenthesis too many");
    FAULT("\n. DS ((20326 8 2 " SHA256 "))\n", "line 2: a parenthesis too many");
}

Test(anchor, directives)
{
    RECORDS("$TTL 3600\n$ORIGIN example.com.\n@ DS " DS "\nsub DS " DS "\n",
            "example.com. IN DS " DS, "sub.example.com. IN DS " DS);
    RECORDS("$ORIGIN com.\n$ORIGIN example\n@ DS " DS "\n", "example.com. IN DS " DS);
    FAULT(". DS " DS "\n$INCLUDE /etc/passwd\n", "line 2: $INCLUDE has no place here");
    FAULT("$GENERATE 1-9 $ DS " DS "\n", "line 1: $GENERATE has no place here");
    FAULT("$ORIGIN\n. DS " DS "\n", "line 1: $ORIGIN has no place here");
}

Test(anchor, states_of_rfc_5011)
{
    RECORDS(". 86400 IN DNSKEY " KEY STATE(2) "  86400 IN DNSKEY 257 3 13 AAAA" STATE(3),
            ". IN DNSKEY " KEY, ". IN DNSKEY 257 3 13 AAAA");
    /* pending, revoked, removed, and the start */
    RECORDS("; autotrust trust anchor file\n;;id: . 1\n. IN DNSKEY 257 3 13 AAAA" STATE(
                1) ". IN DNSKEY " KEY
                STATE(2) ". IN DNSKEY 257 3 14 AAAA" STATE(4) ". IN DNSKEY 257 3 15 AAAA" STATE(
                    5) ". IN DNSKEY 257 3 16 AAAA" STATE(0),
            ". IN DNSKEY " KEY);
    FAULT(". IN DNSKEY " KEY STATE(1),
          "none of its keys is valid: they are pending, revoked or removed");
    FAULT(". IN DNSKEY " KEY " ;;state=",
          "none of its keys is valid: they are pending, revoked or removed");
    FAULT(". IN DNSKEY " KEY " ;;state=23",
          "none of its keys is valid: they are pending, revoked or removed");
    FAULT(". IN DNSKEY 385 3 8 AwEA\n",
          "none of its keys is valid: they are pending, revoked or removed");
    FAULT(". IN DNSKEY (" KEY "\n;;state=1\n)\n",
          "none of its keys is valid: they are pending, revoked or removed");
    FAULT("; autotrust trust anchor file\n;;REVOKED\n;;id: . 1\n. IN DNSKEY " KEY STATE(2),
          "line 2: the keys of this zone are revoked");
    /* what is said before a record is not said of it */
    RECORDS(";;state=1\n. IN DNSKEY " KEY "\n", ". IN DNSKEY " KEY);
}

Test(anchor, nothing)
{
    static const char none[] = "there is no DS or DNSKEY record in it";

    FAULT("", none);
    FAULT("; . IN DS " DS "\n", none);
    FAULT("$TTL 60\n", none);
}

Test(anchor, faults)
{
    FAULT("\xef\xbb\xbf. IN DS " DS "\n",
          "it begins with a byte order mark, which no zone file has");
    FAULT("x. IN TXT \"a. IN DS 20326 8 2 00\"\n",
          "line 1: a character that no DS or DNSKEY record has");
    FAULT(". DS " DS "\nx. IN TXT DS\n", "line 2: TXT is neither DS nor DNSKEY");
    FAULT("DS. IN A 192.0.2.1\n", "line 1: A is neither DS nor DNSKEY");
    FAULT(". IN KEYDATA 20 3 8 AwEA\n", "line 1: KEYDATA is neither DS nor DNSKEY");
    FAULT("trust-anchors {\n . initial-key 257 3 8 \"AwEA\";\n};\n",
          "line 1: { is neither DS nor DNSKEY");
    FAULT(". CH DS " DS "\n", "line 1: CH is neither DS nor DNSKEY");
    FAULT(". 1 2 DS " DS "\n", "line 1: 2 is neither DS nor DNSKEY");
    FAULT("<xml>\n", "line 1: the record is not complete");
    FAULT("\n DS " DS "\n", "line 2: the record has no owner name");
    FAULT(". DS\n", "line 1: the record is not complete");
    FAULT(". DS 20326 8 2\n", "line 1: the record is not complete");
    FAULT(". DS 65536 8 2 " SHA256 "\n", "line 1: 65536 is not a number from 0 to 65535");
    FAULT(". DS 1 256 2 " SHA256 "\n", "line 1: 256 is not a number from 0 to 255");
    FAULT(". DS 1 RSASHA256 2 " SHA256 "\n", "line 1: RSASHA256 is not a number from 0 to 255");
    FAULT(". DS 1 8 2 e06d\n",
          "line 1: the digest is not hexadecimal, or not of its type's length");
    FAULT(". DS 1 8 9 e06\n", "line 1: the digest is not hexadecimal, or not of its type's length");
    FAULT(". DS 1 8 1 " SHA256 "\n",
          "line 1: the digest is not hexadecimal, or not of its type's length");
    FAULT(". DNSKEY 257 3 8 AwE*\n", "line 1: the key is not base64");
    FAULT(". DNSKEY 257 3 8 A\n", "line 1: the key is not base64");
}

/* libunbound would see what we do not, or the other way round. */
Test(anchor, what_is_no_text)
{
    static const char nul[] = ". IN DS " DS "\n\0\n";
    static const char hidden[] = ". IN DS " DS "\0 x\n";
    const char *fault;

    cr_expect_not(anchors_parse(nul, sizeof(nul) - 1, &fault));
    cr_expect_not(anchors_parse(hidden, sizeof(hidden) - 1, &fault));
    FAULT(".\vIN DS " DS "\n", "line 1: a character that no DS or DNSKEY record has");
    FAULT("\xc3\xa9. IN DS " DS "\n", "line 1: a character that no DS or DNSKEY record has");
    FAULT("a\\.b. IN DS " DS "\n", "line 1: a character that no DS or DNSKEY record has");
}

Test(anchor, lengths)
{
    char text[70000];
    char name[300];

    memset(name, 'a', sizeof(name));
    (void)snprintf(text, sizeof(text), "%.253s. DS " DS "\n", name);
    cr_expect(anchors_parse(text, strlen(text), &(const char *){NULL}));
    (void)snprintf(text, sizeof(text), "%.254s. DS " DS "\n", name);
    FAULT(text, "line 1: the name is too long");
    (void)snprintf(text, sizeof(text), "$ORIGIN %.200s.\n%.54s DS " DS "\n", name, name);
    FAULT(text, "line 2: the name is too long");
    strcpy(text, ". DNSKEY 257 3 8");
    for (int i = 0; i < 300; i++)
        strcat(text, " AAAA");
    FAULT(text, "line 1: this record has no end");
    strcpy(text, ". DNSKEY 257 3 8 ");
    memset(text + strlen(text), 'A', 9000);
    FAULT(text, "line 1: the record is too long");
}

static const char *fault_of_file(const char *path)
{
    const char *fault = NULL;

    return anchors_read(path, &fault) ? NULL : fault;
}

Test(anchor, file)
{
    char path[] = "/tmp/dance-anchor-XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, ". DS " DS "\n", strlen(". DS " DS "\n")),
                 (ssize_t)strlen(". DS " DS "\n"));
    cr_expect_null(fault_of_file(path));
    cr_assert_not_null(anchors_first());
    cr_expect_str_eq(anchors_first()->record, ". IN DS " DS);
    cr_assert_eq(ftruncate(fd, (1 << 20) + 1), 0);
    cr_expect_str_eq(fault_of_file(path), "File too large");
    cr_expect_null(anchors_first());
    (void)close(fd);
    (void)unlink(path);
}

Test(anchor, no_file)
{
    char folder[] = "/tmp/dance-anchor-XXXXXX";
    char path[64];

    cr_assert(mkdtemp(folder));
    cr_expect_str_eq(fault_of_file(folder), "this is not a file");
    cr_expect_str_eq(fault_of_file("/dev/zero"), "this is not a file");
    (void)snprintf(path, sizeof(path), "%s/fifo", folder);
    cr_expect_str_eq(fault_of_file(path), "No such file or directory");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_str_eq(fault_of_file(path), "this is not a file");
    (void)unlink(path);
    (void)rmdir(folder);
}
