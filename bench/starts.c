/*
 * starts: how long a program takes from its start to its end.
 *
 *     starts COUNT PROGRAM [ARGUMENT...]
 *
 * Prints the median of the microseconds. Its output goes nowhere; a program
 * that fails ends this one with 1.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char *argv[])
{
    int count = argc > 2 ? atoi(argv[1]) : 0;
    double *took = calloc((size_t)count + 1, sizeof(*took));
    posix_spawn_file_actions_t actions;

    if (count < 1 || took == NULL || posix_spawn_file_actions_init(&actions) != 0
        || posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) != 0)
        return 2;
    for (int i = 0; i < count; i++) {
        double begin = now_us();
        int status = 1;
        pid_t pid;

        if (posix_spawnp(&pid, argv[2], &actions, NULL, argv + 2, environ) != 0
            || waitpid(pid, &status, 0) != pid || status != 0)
            return 1;
        took[i] = now_us() - begin;
    }
    qsort(took, (size_t)count, sizeof(*took), compare);
    printf("%.1f\n", took[count / 2]);
    return 0;
}
