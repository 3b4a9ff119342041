/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/checker.h"

#include "log.h"
#include "now.h"
#include "uid.h"
#include "worker/chain/check.h"
#include "worker/dns/anchor.h"
#include "worker/dns/settings.h"
#include "worker/sandbox/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

/* Behind who answers from what is known; and an ordinary user's, who may be many, behind all. */
#define NICE 10
#define NICE_OF_OTHERS 19
/* libunbound may keep a little of each; the next one begins anew. */
#define CHAINS_MAX 100000u
/* One that could not be set up ends then, when it has answered: the next one may have the memory.
 */
#define BROKEN_MS 5000

/* From now on so many seconds of processor time, or the kernel ends this process. */
static void bound_time(void)
{
    struct rusage used;
    struct rlimit limit = {0, 0};

    if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0)
        return;
    limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1 + CHECKER_SECONDS);
    (void)setrlimit(RLIMIT_CPU, &limit);
}

/* false: nobody is there any more. */
static bool answer_one(int socket, const char *broken)
{
    static uint8_t message[DANCE_WIRE_MAX];
    static struct check check;
    struct dance_wire_chain chain;
    ssize_t n;
    size_t len;

    if (broken == NULL)
        check_prepare();
    do
        n = recv(socket, message, sizeof(message), 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0 || !dance_wire_decode_chain(message, (size_t)n, &chain))
        return false;
    bound_time();
    if (broken != NULL)
        check_fail(&check, DANCE_WIRE_FAILED, broken);
    else
        check_chain(&check, &chain);
    check.answer.id = chain.query.id;
    len = dance_wire_encode_answer(&check.answer, message, sizeof(message));
    if (len == 0) {
        check_end(&check);
        check_fail(&check, DANCE_WIRE_BOGUS, "its records are too large");
        check.answer.id = chain.query.id;
        len = dance_wire_encode_answer(&check.answer, message, sizeof(message));
    }
    check_end(&check);
    return send(socket, message, len, MSG_NOSIGNAL) == (ssize_t)len;
}

int checker_run(const struct options *options, uid_t uid, int socket)
{
    static const char begun = CHECKER_BEGUN;
    const char *broken = NULL;
    const char *why = "";
    long long begun_ms;
    sigset_t none;

    /* The supervisor waits for that, or for our end. */
    if (send(socket, &begun, 1, MSG_NOSIGNAL) != 1)
        return EXIT_FAILURE;
    (void)prctl(PR_SET_NAME, "dance-checker");
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpriority(PRIO_PROCESS, 0,
                      getpriority(PRIO_PROCESS, 0)
                          + (uid > DANCE_UID_SYSTEM_MAX ? NICE_OF_OTHERS : NICE));
    if (!anchors_read(options->trust_anchor, &why))
        broken = settings_fault(options->trust_anchor, why);
    else if (!check_open())
        broken = "libunbound cannot be set up";
    if (!sandbox_checker(&why)) {
        dance_log(DANCE_LOG_ERROR, "resolver: %s", why);
        return EXIT_FAILURE;
    }
    begun_ms = dance_now_ms();
    for (unsigned i = 0; i < CHAINS_MAX && answer_one(socket, broken); i++) {
        if (broken != NULL && dance_now_ms() - begun_ms >= BROKEN_MS)
            break;
    }
    check_close();
    anchors_forget();
#ifdef __SANITIZE_ADDRESS__
    __lsan_do_leak_check();
#endif
    return EXIT_SUCCESS;
}
