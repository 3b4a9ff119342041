/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char text[TRIAL_TEXT_MAX];

static bool answer(const void *from, char *out, size_t size)
{
    (void)snprintf(out, size, "told %s", (const char *)from);
    return strcmp(from, "good") == 0;
}

Test(trial, answers)
{
    cr_expect(trial(answer, "good", NULL, text));
    cr_expect_str_eq(text, "told good");
    cr_expect_not(trial(answer, "bad", NULL, text));
    cr_expect_str_eq(text, "told bad");
}

static bool die(const void *from, char *out, size_t size)
{
    const int *how = from;

    (void)out;
    (void)size;
    if (*how < 0)
        (void)raise(-*how);
    _exit(*how);
}

Test(trial, ends)
{
    cr_expect_not(trial(die, &(int){78}, NULL, text));
    cr_expect_not_null(strstr(text, "status 78"), "%s", text);
    cr_expect_not(trial(die, &(int){0}, NULL, text));
    cr_expect_not_null(strstr(text, "status 0"), "%s", text);
    cr_expect_not(trial(die, &(int){-SIGKILL}, NULL, text));
    cr_expect_not_null(strstr(text, "Killed"), "%s", text);
}

static bool never(const void *from, char *out, size_t size)
{
    (void)from;
    (void)out;
    (void)size;
    (void)signal(SIGALRM, SIG_IGN);
    while (pause() != 0)
        continue;
    return false;
}

Test(trial, too_long)
{
    cr_expect_not(trial(never, NULL, NULL, text));
    cr_expect_not_null(strstr(text, "10 seconds"), "%s", text);
}

static bool look(const void *from, char *out, size_t size)
{
    int terminal = open("/dev/tty", O_RDWR);

    (void)from;
    (void)printf("this is not seen\n");
    (void)fflush(stdout);
    (void)snprintf(out, size, "%u %u %u", (unsigned)getuid(), (unsigned)geteuid(),
                   (unsigned)getgid());
    return terminal < 0 && getsid(0) == getpid();
}

Test(trial, user)
{
    const struct passwd *nobody = getpwnam("nobody");
    struct trial_user user;
    char said[64];

    cr_assert_not_null(nobody);
    user = (struct trial_user){"nobody", nobody->pw_uid, nobody->pw_gid};
    (void)snprintf(said, sizeof(said), "%u %u %u", (unsigned)user.uid, (unsigned)user.uid,
                   (unsigned)user.gid);
    if (geteuid() == 0) {
        cr_expect(trial(look, NULL, &user, text));
        cr_expect_str_eq(text, said);
    } else {
        cr_expect_not(trial(look, NULL, &user, text));
        cr_expect_not_null(strstr(text, "user nobody"), "%s", text);
    }
    user = (struct trial_user){"me", getuid(), getgid()};
    cr_expect(trial(look, NULL, &user, text));
}
