/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include "now.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS 2000 /* for a child that has answered */

/* What the child says, in one piece: less than PIPE_BUF. */
struct answer {
    bool good;
    char text[TRIAL_TEXT_MAX];
};

static bool become(const struct trial_user *user, char *text, size_t size)
{
    if (user == NULL || (user->uid == getuid() && user->uid == geteuid()))
        return true;
    if (initgroups(user->name, user->gid) == 0 && setgid(user->gid) == 0 && setuid(user->uid) == 0)
        return true;
    (void)snprintf(text, size, "the command cannot become the user %s: %s", user->name,
                   strerror(errno));
    return false;
}

__attribute__((noreturn)) static void be_child(trial_run *run, const void *from,
                                               const struct trial_user *user, int out)
{
    struct answer answer = {.good = false};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* The last resort, where nobody is left to end it. */
    (void)alarm(TRIAL_SECONDS + 1);
    /* Without a terminal, and nothing of what is printed gets among the findings. */
    (void)setsid();
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (nothing >= 0)
            (void)dup2(nothing, fd);
    }
    answer.good = become(user, answer.text, sizeof(answer.text))
                  && run(from, answer.text, sizeof(answer.text));
    if (write(out, &answer, sizeof(answer)) != (ssize_t)sizeof(answer))
        _exit(1);
    /* What was opened in a token or TPM is given back; it may crash, and has said what it had to.
     */
    OPENSSL_cleanup();
    _exit(0);
}

/* false: there is nothing to be read within the time, not even the end. */
static bool wait_for(int in, long long ms)
{
    struct pollfd poll_in = {.fd = in, .events = POLLIN};
    long long end = dance_now_ms() + ms;
    int ready;

    do {
        long long now = dance_now_ms();

        ready = poll(&poll_in, 1, now < end ? (int)(end - now) : 0);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

static void explain(char text[TRIAL_TEXT_MAX], bool late, int status)
{
    if (late)
        (void)snprintf(text, TRIAL_TEXT_MAX, "there was no answer within %d seconds",
                       TRIAL_SECONDS);
    else if (WIFSIGNALED(status))
        (void)snprintf(text, TRIAL_TEXT_MAX, "the process in which it was tried crashed (%s)",
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(text, TRIAL_TEXT_MAX,
                       "the process in which it was tried ended with status %d",
                       WEXITSTATUS(status));
}

bool trial(trial_run *run, const void *from, const struct trial_user *user,
           char text[TRIAL_TEXT_MAX])
{
    struct answer answer;
    bool late;
    ssize_t got;
    int status = 0;
    int ends[2];
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        (void)snprintf(text, TRIAL_TEXT_MAX, "it was not tried: %s", strerror(errno));
        return false;
    }
    child = fork();
    if (child == 0)
        be_child(run, from, user, ends[1]);
    (void)close(ends[1]);
    if (child < 0) {
        (void)snprintf(text, TRIAL_TEXT_MAX, "it was not tried: %s", strerror(errno));
        (void)close(ends[0]);
        return false;
    }
    late = !wait_for(ends[0], TRIAL_SECONDS * 1000LL);
    got = late ? -1 : read(ends[0], &answer, sizeof(answer));
    /* Of one that ended by itself the status is kept. */
    if (got < 0 || (got > 0 && !wait_for(ends[0], END_MS)))
        (void)kill(child, SIGKILL);
    (void)close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (got == (ssize_t)sizeof(answer)) {
        (void)snprintf(text, TRIAL_TEXT_MAX, "%.*s", (int)sizeof(answer.text) - 1, answer.text);
        return answer.good;
    }
    explain(text, late, status);
    return false;
}
