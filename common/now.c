/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "now.h"

#include <time.h>

long long dance_now_ms(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
