#!/bin/sh
# libunbound 1.26: what is looked up in the very second in which its signatures end is "secure" for a whole TTL, here an
# hour (RFC 4035, section 5.3.3, bounds the TTL by the signature's end). It needs nobody's luck: what is asked for often is
# looked up anew in that second, when the answer before it ends. 1.17 says "bogus" from the next second on.
#
#     sh libunbound-signatures.sh          needs cc, libunbound's headers, nsd, ldns-keygen and ldns-signzone
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -eu
folder=$(mktemp -d)
trap 'kill "$nsd" 2>/dev/null && wait "$nsd"; rm -rf "$folder"' EXIT
nsd=
cd "$folder"
cat >ask.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unbound.h>
#include <unistd.h>

static void ask(struct ub_ctx *ctx, long end)
{
    struct ub_result *r = NULL;
    int error = ub_resolve(ctx, "a.example.", 1, 1, &r);

    printf("%+3ld s from the signatures' end: %s, secure %d, bogus %d, TTL %d\n", (long)time(NULL) - end, ub_strerror(error),
           r != NULL ? r->secure : -1, r != NULL ? r->bogus : -1, r != NULL ? r->ttl : -1);
    ub_resolve_free(r);
}

int main(int argc, char *argv[])
{
    struct ub_ctx *ctx = ub_ctx_create();
    long end = argc == 4 ? atol(argv[3]) : 0;

    ub_ctx_set_option(ctx, "do-not-query-localhost:", "no");
    ub_ctx_set_option(ctx, "val-sig-skew-min:", "0");
    ub_ctx_set_option(ctx, "val-sig-skew-max:", "0");
    if (ub_ctx_set_fwd(ctx, argv[1]) != 0 || ub_ctx_add_ta_file(ctx, argv[2]) != 0)
        return 2;
    printf("libunbound %s\n", ub_version());
    for (; time(NULL) < end + 5; usleep(500000))
        ask(ctx, end);
    return 0;
}
C
cc -o ask ask.c -lunbound
port=$((20000 + $$ % 20000))
cat >zone <<'Z'
$ORIGIN example.
$TTL 3600
@ SOA ns host 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
a A 192.0.2.1
Z
key=$(ldns-keygen -a ECDSAP256SHA256 -k example)
end=$(($(date +%s) + 8))
ldns-signzone -i "$(date -u -d '1 hour ago' +%Y%m%d%H%M%S)" -e "$(date -u -d "@$end" +%Y%m%d%H%M%S)" -o example zone "$key"
printf 'server:\n ip-address: 127.0.0.1@%s\n username: ""\n chroot: ""\n zonesdir: "%s"\n pidfile: "%s/pid"\n xfrdfile: "%s/xfrd"\n zonelistfile: "%s/list"\n xfrdir: "%s"\nremote-control:\n control-enable: no\nzone:\n name: example\n zonefile: zone.signed\n' \
    "$port" "$folder" "$folder" "$folder" "$folder" "$folder" >nsd.conf
"$(command -v nsd || echo /usr/sbin/nsd)" -d -c nsd.conf >nsd.log 2>&1 &
nsd=$!
sleep 2
./ask "127.0.0.1@$port" "$key.ds" "$end" || { cat nsd.log; exit 1; }
