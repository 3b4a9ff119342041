/*
 * main.c: dance-resolver, validated TLSA lookups in processes of their own.
 *
 * See doc/dance-resolver.8 for its use and doc/architecture.md for the reasons.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "flush.h"
#include "log.h"
#include "options.h"
#include "supervisor/supervisor.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>

int main(int argc, char *argv[])
{
    struct options options;
    int read = options_read(&options, argc, argv);

    if (read <= 0)
        return read == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (options.flush != NULL)
        return dance_flush_say(dance_flush(options.socket), "dance-resolver", options.socket)
                   ? EXIT_SUCCESS
                   : EXIT_FAILURE;
    (void)prctl(PR_SET_NAME, "dance-resolver");
    (void)umask(077);
    dance_log_configure(options.log_target, options.log_file, options.log_level);
    dance_log_open();
    return supervise(&options);
}
