/* What is kept for a process, and forks. Copyright the dance authors. SPDX-License-Identifier:
 * Apache-2.0 */
#include "cache.h"
#include "process.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic bool over;

static void use(struct dance_cache *cache, int i)
{
    struct dance_moment now = dance_moment_now();
    char name[32];
    uint32_t ttl;

    (void)snprintf(name, sizeof(name), "n%d", i % 64);
    dance_cache_put(cache, name, strlen(name), DANCE_CACHE_RECORDS, "text", 4, 100, &now);
    dance_cached_free(dance_cache_find(cache, name, strlen(name), &now, &ttl));
}

static void *busy(void *arg)
{
    for (int i = 0; !atomic_load(&over); i++)
        use(dance_process()->cache, i);
    return arg;
}

Test(process, one_object_a_process)
{
    struct dance_process *p = dance_process();
    int status = 1;
    pid_t child;

    cr_assert_not_null(p);
    cr_assert_not_null(p->cache);
    cr_assert_eq(p, dance_process());
    use(p->cache, 1);
    child = fork();
    if (child == 0)
        _exit(dance_process() == p || dance_process()->parent != p
              || dance_cache_used(dance_process()->cache).entries != 0);
    (void)waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
}

/* What a process that is number 1 in its PID namespace sees when it forks into one of its own. */
static int fork_first_of_a_namespace(void)
{
    const struct dance_process *p = dance_process();
    int status = 1;
    pid_t child;

    if (getpid() != 1 || p == NULL || unshare(CLONE_NEWPID) != 0)
        return 2;
    child = fork();
    if (child == 0)
        _exit(getpid() != 1 || dance_process() == p || dance_process()->parent != p
              || dance_process() != dance_process());
    (void)waitpid(child, &status, 0);
    return status;
}

/* A container's server that isolates its children (vsftpd): its conversations are not theirs. */
Test(process, a_child_with_its_parents_number)
{
    int status = 1;
    pid_t child;

    if (unshare(CLONE_NEWPID) != 0)
        cr_skip_test("PID namespaces need root");
    child = fork();
    if (child == 0)
        _exit(fork_first_of_a_namespace() == 0 ? 0 : 1);
    (void)waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
}

/* Whatever locks other threads of the parent hold at that moment, the child waits for none. */
Test(process, fork_while_threads_hold_locks)
{
    pthread_t thread[4];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, busy, NULL), 0);
    for (int i = 0; i < 200; i++) {
        int status = 1;
        pid_t child = fork();

        if (child == 0) {
            (void)alarm(20);
            for (int j = 0; j < 64; j++)
                use(dance_process()->cache, j);
            _exit(0);
        }
        cr_assert_gt(child, 0);
        (void)waitpid(child, &status, 0);
        cr_assert_eq(status, 0, "child %d ended with %x", i, (unsigned)status);
    }
    atomic_store(&over, true);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(thread[i], NULL);
}
