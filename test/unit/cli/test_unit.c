/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <criterion/criterion.h>
#include <string.h>

static struct unit unit;

Test(unit, places)
{
    cr_assert_null(unit_read(&unit, "nginx", NULL));
    cr_assert_str_eq(unit.name, "nginx");
    cr_assert_str_eq(unit.conf, "/etc/dance/nginx.cnf");
    cr_assert_str_eq(unit.conf_file, unit.conf);
    cr_assert_str_eq(unit.folder, "/etc/systemd/system/nginx.service.d");
    cr_assert_str_eq(unit.drop_in, "/etc/systemd/system/nginx.service.d/dance.conf");
    cr_assert_null(unit_read(&unit, "postgresql@15-main.service", "/image"));
    cr_assert_str_eq(unit.conf, "/etc/dance/postgresql@15-main.cnf");
    cr_assert_str_eq(unit.conf_file, "/image/etc/dance/postgresql@15-main.cnf");
    cr_assert_str_eq(unit.drop_in,
                     "/image/etc/systemd/system/postgresql@15-main.service.d/dance.conf");
}

Test(unit, no_names)
{
    static const char *const bad[] = {"",         ".",   "..",  "../x", "a/b", "a b",     "-x",
                                      ".service", "a\n", "a;b", "$x",   "a'b", "\xc3\xbc"};
    char name[UNIT_NAME_MAX + 8];
    char root[PATH_MAX + 1];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not_null(unit_read(&unit, bad[i], NULL), "%s", bad[i]);
    memset(name, 'a', sizeof(name));
    name[UNIT_NAME_MAX] = '\0';
    cr_assert_not_null(unit_read(&unit, name, NULL));
    name[UNIT_NAME_MAX - 1] = '\0';
    cr_assert_null(unit_read(&unit, name, NULL));
    memset(root, 'r', sizeof(root));
    root[PATH_MAX] = '\0';
    cr_assert_not_null(unit_read(&unit, "x", root));
}

Test(unit, hints)
{
    static const char *const told[] = {"postfix", "postfix@-", "dovecot",
                                       "apache2", "sendmail",  "postgresql"};
    static const char *const not_told[] = {"nginx", "dovecot2", "apache", "post"};

    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        cr_assert_null(unit_read(&unit, told[i], NULL));
        cr_assert_not_null(strstr(unit_hint(&unit), "%s"), "%s", told[i]);
    }
    for (size_t i = 0; i < sizeof(not_told) / sizeof(not_told[0]); i++) {
        cr_assert_null(unit_read(&unit, not_told[i], NULL));
        cr_assert_null(unit_hint(&unit), "%s", not_told[i]);
    }
}
