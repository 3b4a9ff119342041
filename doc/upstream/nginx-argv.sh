#!/bin/sh
# nginx writes its process titles over argv and its environment. What a library in the process has from there changes under
# it: program_invocation_short_name, which syslog(3) takes where nobody has called openlog().
#
#     sh nginx-argv.sh          needs cc and nginx
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -eu
folder=$(mktemp -d)
trap 'kill "$(cat "$folder/pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$folder"' EXIT
cat >"$folder/look.c" <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *look(void *unused)
{
    FILE *out = fopen(getenv("LOOK"), "a");

    sleep(1);
    fprintf(out, "later, in process %d: \"%s\"\n", getpid(), program_invocation_short_name);
    fclose(out);
    return unused;
}

static void in_child(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, look, NULL);
}

__attribute__((constructor)) static void begin(void)
{
    FILE *out = fopen(getenv("LOOK"), "a");

    fprintf(out, "at the start, in process %d: \"%s\"\n", getpid(), program_invocation_short_name);
    fclose(out);
    pthread_atfork(NULL, NULL, in_child);
}
C
cc -shared -fPIC -o "$folder/look.so" "$folder/look.c" -lpthread
printf 'user root;\npid %s/pid;\nerror_log %s/log;\nworker_processes 1;\nevents {}\nhttp { access_log off; server { listen unix:%s/socket; } }\n' \
    "$folder" "$folder" "$folder" >"$folder/conf"
nginx=$(command -v nginx || echo /usr/sbin/nginx)
"$nginx" -v
LOOK=$folder/said LD_PRELOAD=$folder/look.so "$nginx" -e "$folder/log" -c "$folder/conf"
sleep 3
cat "$folder/said"
