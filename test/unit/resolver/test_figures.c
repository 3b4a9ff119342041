/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

Test(figures, outlive_the_worker)
{
    static const struct dance_wire_counts counts = {
        2, {{DANCE_CLIENT_ACCEPTED, 0, 2}, {DANCE_CLIENT_REFUSED, 5, 3}}};
    struct figures *figures = figures_make();
    struct dance_wire_status_of_user seen;
    char fault[DANCE_WIRE_REASON_MAX + 100];

    cr_assert_not_null(figures);
    memset(fault, 'x', sizeof(fault) - 1);
    fault[sizeof(fault) - 1] = '\0';
    for (int worker = 1; worker <= 2; worker++) {
        pid_t pid = fork();
        int status = -1;

        if (pid == 0) {
            figures_add(figures, DANCE_ANSWERED_SECURE, 10);
            figures_set(figures, DANCE_NAMES_KEPT, 7);
            figures_count(figures, &counts);
            figures_state(figures, DANCE_WORKER_BROKEN, worker == 1 ? fault : "y");
            _exit(0);
        }
        cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
        figures_read(figures, &seen);
        cr_assert_eq(seen.state, DANCE_WORKER_BROKEN);
        cr_assert_eq(strlen(seen.fault), worker == 1 ? DANCE_WIRE_REASON_MAX : 1);
        cr_assert_eq(seen.figure[DANCE_NAMES_KEPT], 7);
        figures_end(figures);
        figures_read(figures, &seen);
        cr_assert_eq(seen.state, DANCE_WORKER_NONE);
        cr_assert_str_eq(seen.fault, "");
        cr_assert_eq(seen.figure[DANCE_NAMES_KEPT], 0);
        cr_assert_eq(seen.figure[DANCE_ANSWERED_SECURE], 10u * (unsigned)worker);
        cr_assert_eq(seen.clients[DANCE_CLIENT_ACCEPTED][0], 2u * (unsigned)worker);
        cr_assert_eq(seen.clients[DANCE_CLIENT_REFUSED][5], 3u * (unsigned)worker);
    }
    figures_free(figures);
}
