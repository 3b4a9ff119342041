/* What is kept for a process, and forks. Copyright the dance authors. SPDX-License-Identifier:
 * Apache-2.0 */
#include "cache.h"
#include "process.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic bool over;

/* A room's object: a cache, whose lock another thread may hold at any time. */
struct kept {
    const void *parents;
    struct dance_cache *cache;
};

static void *make(const void *parents)
{
    static const struct dance_cache_room room[DANCE_CACHE_KINDS] = {{100, 10000}, {100, 10000}};
    struct kept *kept = calloc(1, sizeof(*kept));

    cr_assert_not_null(kept);
    kept->parents = parents;
    kept->cache = dance_cache_new(room);
    return kept;
}

static void discard(void *object)
{
    struct kept *kept = object;

    dance_cache_free(kept->cache);
    free(kept);
}

static const struct dance_slot slot = {make, discard}, other_slot = {make, discard};

static struct kept *kept_here(void)
{
    return dance_process_object(&slot);
}

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
        use(kept_here()->cache, i);
    return arg;
}

Test(process, one_object_a_process)
{
    struct kept *p = kept_here();
    int status = 1;
    pid_t child;

    cr_assert_not_null(p);
    cr_assert_not_null(p->cache);
    cr_assert_eq(p, kept_here());
    cr_assert_neq((void *)p, dance_process_object(&other_slot));
    use(p->cache, 1);
    child = fork();
    if (child == 0)
        _exit(kept_here() == p || kept_here()->parents != p
              || dance_cache_used(kept_here()->cache).entries != 0);
    (void)waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
}

/* What a process that is number 1 in its PID namespace sees when it forks into one of its own. */
static int fork_first_of_a_namespace(void)
{
    const struct kept *p = kept_here();
    int status = 1;
    pid_t child;

    if (getpid() != 1 || p == NULL || unshare(CLONE_NEWPID) != 0)
        return 2;
    child = fork();
    if (child == 0)
        _exit(getpid() != 1 || kept_here() == p || kept_here()->parents != p
              || kept_here() != kept_here());
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
                use(kept_here()->cache, j);
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
