#!/bin/sh
# rsyslog's OpenSSL driver with StreamDriver.AuthMode="x509/name" takes it for granted that a client who was let in has a
# certificate. One with a raw public key (RFC 7250, OpenSSL 3.2) has none, and rsyslogd crashes (net_ossl_chkpeername()).
#
#     sh rsyslog-null-certificate.sh          needs cc, OpenSSL 3.2's headers, openssl(1), rsyslogd with its ossl driver
#
# The small library stands for whatever makes the SSL_CTX take raw public keys and knows the client's.
#
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -eu
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null && wait "$server"; rm -rf "$folder"' EXIT
server=
cd "$folder"
cat >takes.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/ssl.h>

static int known(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    static const unsigned char types[] = {TLSEXT_cert_type_rpk, TLSEXT_cert_type_x509};
    SSL_CTX *(*real)(const SSL_METHOD *) = (SSL_CTX *(*)(const SSL_METHOD *))dlsym(RTLD_NEXT, "SSL_CTX_new");
    SSL_CTX *ctx = real(method);

    if (ctx != NULL && SSL_CTX_set1_client_cert_type(ctx, types, sizeof(types)))
        SSL_CTX_set_cert_verify_callback(ctx, known, NULL);
    return ctx;
}
C
cc -shared -fPIC -o takes.so takes.c -lssl -lcrypto -ldl
for name in server client; do
    openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.crt -subj "/CN=$name.example.com" -days 2 2>/dev/null
done
port=$((20000 + $$ % 20000))
cat >conf <<R
global(workDirectory="$folder" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="$folder/server.crt"
       defaultNetstreamDriverCertFile="$folder/server.crt" defaultNetstreamDriverKeyFile="$folder/server.key")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
       PermittedPeer=["client.example.com"])
input(type="imtcp" port="$port" address="127.0.0.1")
action(type="omfile" file="$folder/messages")
R
rsyslogd -v | head -n 1
LD_PRELOAD=$folder/takes.so rsyslogd -n -i "$folder/pid" -f "$folder/conf" >log 2>&1 &
server=$!
sleep 3
echo "11 <13>1 - - -" | timeout 5 openssl s_client -connect "127.0.0.1:$port" -cert client.crt -key client.key \
    -enable_client_rpk -quiet >client.log 2>&1 || true
sleep 2
if kill -0 "$server" 2>/dev/null; then
    echo "it goes on"
    tail -n 5 client.log log
else
    status=0
    wait "$server" || status=$?
    echo "it has ended with $status ($((status - 128)) is SIGSEGV: $(kill -l $((status > 128 ? status - 128 : 1)) 2>/dev/null))"
fi
