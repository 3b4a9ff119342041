#!/bin/sh
# FreeRADIUS hangs things on an SSL under numbers that it has not asked libcrypto for (SSL_get_ex_new_index()): they belong to
# whichever library asked, and each writes over what the other has there.
#
#     sh freeradius-ex-data.sh          needs cc, OpenSSL's headers, openssl(1) and freeradius
#
# A small library sees which numbers are given out and which are used.
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -eu
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null && wait "$server"; rm -rf "$folder"' EXIT
server=
chmod 755 "$folder"
cd "$folder"
cat >see.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char given[256];

int CRYPTO_get_ex_new_index(int class, long argl, void *argp, CRYPTO_EX_new *new, CRYPTO_EX_dup *dup, CRYPTO_EX_free *free)
{
    int (*real)(int, long, void *, CRYPTO_EX_new *, CRYPTO_EX_dup *, CRYPTO_EX_free *) =
        (int (*)(int, long, void *, CRYPTO_EX_new *, CRYPTO_EX_dup *, CRYPTO_EX_free *))dlsym(RTLD_NEXT, "CRYPTO_get_ex_new_index");
    int number = real(class, argl, argp, new, dup, free);

    if (class == CRYPTO_EX_INDEX_SSL && number >= 0 && number < 256)
        given[number] = 1;
    return number;
}

int SSL_set_ex_data(SSL *ssl, int number, void *data)
{
    int (*real)(SSL *, int, void *) = (int (*)(SSL *, int, void *))dlsym(RTLD_NEXT, "SSL_set_ex_data");
    static unsigned char said[256];

    if (number >= 0 && number < 256 && !said[number]) {
        FILE *out = fopen(getenv("SAID"), "a");

        said[number] = 1;
        fprintf(out, "SSL_set_ex_data(%d): %s\n", number, given[number] ? "its own" : number == 0 ? "what SSL_set_app_data() is for" : "given to nobody");
        fclose(out);
    }
    return real(ssl, number, data);
}
C
cc -shared -fPIC -o see.so see.c -lssl -lcrypto -ldl
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -subj /CN=x.example.com -days 2 2>/dev/null
port=$((20000 + $$ % 20000))
echo '$INCLUDE /usr/share/freeradius/dictionary' >dictionary
cat >radiusd.conf <<R
name = freeradius
raddbdir = "$folder"
libdir = "/usr/lib/freeradius"
logdir = "$folder"
run_dir = "$folder"
pidfile = "$folder/pid"
thread pool {
  start_servers = 1
  max_servers = 4
  min_spare_servers = 1
  max_spare_servers = 2
}
security { allow_vulnerable_openssl = yes }
modules { }
clients radsec {
  client localhost {
    ipaddr = 127.0.0.1
    proto = tls
    secret = radsec
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = $port
    proto = tcp
    clients = radsec
    tls {
      private_key_file = "$folder/key"
      certificate_file = "$folder/crt"
      ca_file = "$folder/crt"
      tls_min_version = "1.2"
      tls_max_version = "1.3"
      require_client_cert = yes
    }
  }
  authorize { }
}
R
radiusd=$(command -v freeradius || echo /usr/sbin/freeradius)
"$radiusd" -v | head -n 1
SAID=$folder/said LD_PRELOAD=$folder/see.so "$radiusd" -d "$folder" -n radiusd -fxx -l stdout >out 2>&1 &
server=$!
sleep 3
(sleep 2) | timeout 10 openssl s_client -connect "127.0.0.1:$port" -cert crt -key key -quiet >client.log 2>&1 || true
sleep 1
cat said || tail -n 5 out client.log
