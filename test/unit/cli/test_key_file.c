/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "key_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/dance-key-file-XXXXXX";
static char why[512];

static void begin(void)
{
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void end(void)
{
    (void)unlink("key");
    cr_assert_eq(rmdir(folder), 0);
}

Test(key_file, is_read_as_it_was_written, .init = begin, .fini = end)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *got;
    struct stat st;

    cr_assert(key_file_write("key", key, NULL, why, sizeof(why)), "%s", why);
    cr_assert_eq(stat("key", &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    got = key_file_read("key", why, sizeof(why));
    cr_assert_eq(EVP_PKEY_eq(key, got), 1);
    cr_assert_not(key_file_has_certificate("key"));
    cr_assert_not(key_file_write("key", key, &st, why, sizeof(why)));
    cr_assert_not_null(strstr(why, "File exists"));
    EVP_PKEY_free(got);
    EVP_PKEY_free(key);
}

Test(key_file, that_has_none, .init = begin, .fini = end)
{
    int fd = open("key", O_WRONLY | O_CREAT | O_EXCL, 0600);

    cr_assert(fd >= 0);
    cr_assert_null(key_file_read("key", why, sizeof(why)));
    cr_assert_eq(strncmp(why, "key: no private key", strlen("key: no private key")), 0, "%s", why);
    cr_assert_null(key_file_read("nothing", why, sizeof(why)));
    cr_assert_eq(ERR_peek_error(), 0);
    (void)close(fd);
}

/* A key that has no parameters, or the usual ones. */
static EVP_PKEY *usual(const char *type)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    cr_assert_eq(EVP_PKEY_keygen_init(ctx), 1);
    cr_assert_eq(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void expect_like(EVP_PKEY *key)
{
    EVP_PKEY *made = key_like(key);

    cr_assert_not_null(made);
    cr_assert_str_eq(EVP_PKEY_get0_type_name(made), EVP_PKEY_get0_type_name(key));
    cr_assert_eq(EVP_PKEY_get_bits(made), EVP_PKEY_get_bits(key));
    cr_assert_neq(EVP_PKEY_eq(key, made), 1);
    cr_assert_eq(ERR_peek_error(), 0);
    EVP_PKEY_free(made);
    EVP_PKEY_free(key);
}

Test(key_like, each_kind)
{
    expect_like(EVP_EC_gen("P-256"));
    expect_like(EVP_EC_gen("P-521"));
    expect_like(EVP_RSA_gen(3072));
    expect_like(usual("RSA-PSS"));
    expect_like(usual("ED25519"));
    expect_like(usual("ED448"));
}
