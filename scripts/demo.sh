#!/usr/bin/env bash
# The main job before your eyes: unmodified applications, a DNSSEC-signed zone on loopback,
# one client accepted, impostors refused. From a fresh Debian machine; needs root or sudo
# for apt-get only. Everything else happens in a temporary folder, on free loopback ports,
# and is gone afterwards. DANCE_INSTALLED=1: with the dance that this machine has installed.
# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
build=$source/build
work=
pids=()
as_expected=0
not_as_expected=0

clean_up() {
    trap - EXIT INT TERM
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    [[ -z $work ]] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() { printf '\n%s\n' "$*"; }
step() { printf '  ... %s\n' "$*"; }
die() {
    printf '\ndemo.sh: %s\n' "$*" >&2
    exit 1
}

# quietly COMMAND...: its output only if it fails.
quietly() {
    "$@" >"$work/quiet.log" 2>&1 || {
        cat "$work/quiet.log" >&2
        die "failed: $*"
    }
}

# until_true SECONDS COMMAND...: wait for a condition.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        read -r -t 0.05 <>"$work/never" || true
    done
}

free_port() {
    /usr/bin/python3 -c 'import socket
while True:
    t = socket.socket(); t.bind(("127.0.0.1", 0))
    u = socket.socket(type=socket.SOCK_DGRAM)
    try:
        u.bind(t.getsockname())
    except OSError:
        continue
    print(t.getsockname()[1]); break'
}

listens() { [[ -n $(ss -Hltn "sport = :$1") ]]; }

# ---------------------------------------------------------------------------------------
work=$(mktemp -d)
chmod 755 "$work"
mkfifo "$work/never"

say "dance: DANE client authentication for unmodified OpenSSL applications"
step "installing what is missing (Debian packages)"
if [[ -n ${DANCE_INSTALLED:-} ]]; then
    scripts/packages.sh demo
    module=dance.so
else
    scripts/packages.sh build demo
    step "building the module and its resolver in build/"
    quietly cmake -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo
    quietly cmake --build "$build" --parallel --target dance dance-resolver
    # Where servers that give up root can reach them, wherever this clone lies.
    mkdir "$work/provider" "$work/resolver"
    cp "$build/provider/dance.so" "$work/provider/"
    cp "$build/resolver/dance-resolver" "$work/resolver/"
    module=$work/provider/dance.so
fi

name=sensor7._device.example.com
say "1. A client has a name in the DNS and a key. Here it is $name."
cd "$work"
for key in client other server; do
    quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key.key"
done
quietly openssl req -x509 -new -key server.key -out server.crt -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1
quietly openssl req -x509 -new -key client.key -out admin.crt -days 2 -subj /CN=admin
tlsa="TLSA 3 1 1 $(openssl pkey -in client.key -pubout -outform DER | openssl dgst -sha256 -r | cut -d ' ' -f 1)"

say "2. Its key is published in a TLSA record of a DNSSEC-signed zone, example.com:"
printf '     %s. IN %s\n' "$name" "$tlsa"
dns_port=$(free_port)
make_zone() { # make_zone ORIGIN
    printf '$ORIGIN %s.\n$TTL 60\n@ SOA ns hostmaster 1 3600 900 86400 60\n@ NS ns\nns A 127.0.0.1\n' "$1"
    printf 'sensor7._device %s\nbogus._device %s\noutside %s\n' "$tlsa" "$tlsa" "$tlsa"
}
make_zone example.com >example.com.zone
make_zone example.net >example.net.zone
zone_key=$(ldns-keygen -a ECDSAP256SHA256 -k example.com)
quietly ldns-signzone -n example.com.zone "$zone_key"
cp "$zone_key.ds" anchor
# Somebody changes a record without having the zone's key: its signature no longer fits.
sed -i -E '/^bogus\._device\.example\.com\.\t.*TLSA/ s/(TLSA\t3 1 1 )../\100/' example.com.zone.signed
cat >nsd.conf <<CONF
server:
 ip-address: 127.0.0.1@$dns_port
 username: ""
 zonesdir: "$work"
 database: ""
 pidfile: "$work/nsd.pid"
 xfrdfile: "$work/xfrd"
 zonelistfile: "$work/zonelist"
 xfrdir: "$work"
 server-count: 1
remote-control:
 control-enable: no
zone:
 name: example.com
 zonefile: example.com.zone.signed
zone:
 name: example.net
 zonefile: example.net.zone
CONF
nsd -d -c nsd.conf >nsd.log 2>&1 &
pids+=($!)
until_true 20 listens "$dns_port" || die "NSD does not start: $(cat nsd.log)"
step "NSD serves it on loopback; the zone's key is the only trust anchor of this demo"

# conf FILE ROLE POLICY-or-NAME KEY [CERTIFICATE]: an openssl.cnf
conf() {
    cat >"$1" <<CONF
[default]
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
[provider_sect]
default = default_sect
dance = dance_sect
[default_sect]
activate = 1
[dance_sect]
module = $module
activate = 1
log = $work/${1%.cnf}.log
CONF
    if [[ $2 == server ]]; then
        cat >>"$1" <<CONF
server = dance_server
dns = dance_dns
[dance_server]
policy = $3
allow = *._device.example.com, *._device.example.net
[dance_dns]
trust_anchor = $work/anchor
forward = 127.0.0.1@$dns_port
CONF
    else
        cat >>"$1" <<CONF
client = dance_client
[dance_client]
identity = $3
private_key = $work/$4
${5:+certificate = $work/$5}
CONF
    fi
    : >"$work/${1%.cnf}.log"
    chmod 666 "$work/${1%.cnf}.log"
}

conf rightful.cnf client "$name" client.key
conf wrongkey.cnf client "$name" other.key
conf unsigned.cnf client sensor7._device.example.net client.key
conf bogus.cnf client bogus._device.example.com client.key
conf outside.cnf client outside.example.com client.key
conf admin.cnf client "$name" client.key admin.crt
# No identity: OpenSSL as it is.
printf '# nothing\n' >nobody.cnf

say "3. Servers get a few lines in openssl.cnf (policy, allow, trust anchor); clients get three
   (section, identity, private key). No application is changed, recompiled or wrapped."

clients=(rightful wrongkey unsigned bogus outside admin nobody)
declare -A story=(
    [rightful]="the rightful client, with the key of $name"
    [wrongkey]="somebody with another key, claiming that name"
    [unsigned]="a client whose zone is not signed (sensor7._device.example.net)"
    [bogus]="a client whose record was changed in the DNS (bad signature)"
    [outside]="a client with a good record, but a name outside of allow (outside.example.com)"
    [admin]="the rightful key with a certificate that says CN=admin"
    [nobody]="a client without any identity"
)
declare -A reason=(
    [rightful]="accepted $name"
    [wrongkey]="refused $name: no TLSA record authenticates"
    [unsigned]="refused sensor7._device.example.net: the TLSA record is not secured by DNSSEC"
    [bogus]="refused bogus._device.example.com: the TLSA record failed DNSSEC validation"
    [outside]="refused outside.example.com: no pattern of allow matches"
    [admin]="refused $name: the certificate names somebody else"
    [nobody]="refused a client: the client sent no certificate"
)

# try SERVER-LOG COMMAND...: run COMMAND as each client in turn; it must succeed for the
# rightful one alone, and the server's log must say why.
try() {
    local log=$1 who said verdict before
    shift
    for who in "${clients[@]}"; do
        before=$(wc -c <"$log")
        said=refused
        if OPENSSL_CONF=$work/$who.cnf "$@" >client.out 2>&1; then said=accepted; fi
        verdict=wrong
        if [[ $said == accepted && $who == rightful || $said == refused && $who != rightful ]] \
            && until_true 10 grep -qF "${reason[$who]}" <(tail -c +$((before + 1)) "$log"); then
            verdict=right
        fi
        printf '   %-8s  %s\n' "$said" "${story[$who]}"
        printf '             log: %s\n' "$(tail -c +$((before + 1)) "$log" | sed -n 's/^.*\(dance: .*\)$/\1/p' | tail -n 1)"
        if [[ $verdict == right ]]; then
            as_expected=$((as_expected + 1))
        else
            not_as_expected=$((not_as_expected + 1))
            printf '   THIS IS NOT AS IT SHOULD BE. The client said:\n'
            tail -n 5 client.out
        fi
    done
}

# ------------------------------------------------------------------------------ s_server
say "4. openssl s_server and s_client (s_server only gets -Verify 1; policy require)"
conf s_server.cnf server require
port=$(free_port)
OPENSSL_CONF=$work/s_server.cnf openssl s_server -accept "127.0.0.1:$port" -cert server.crt -key server.key \
    -Verify 1 -rev <"$work/never" >s_server.out 2>&1 &
pids+=($!)
until_true 20 listens "$port" || die "s_server does not start: $(cat s_server.out)"
s_client() {
    printf 'ping\nCLOSE\n' | timeout 20 openssl s_client -connect "127.0.0.1:$port" -CAfile server.crt -ign_eof \
        | grep -q gnip
}
try s_server.log s_client

# --------------------------------------------------------------------------------- nginx
say "5. nginx and curl (policy require; nginx tells the verified name)"
conf nginx.cnf server require
port=$(free_port)
cat >nginx.conf <<CONF
daemon off;
$( ((EUID == 0)) && echo "user nobody nogroup;")
pid $work/nginx.pid;
error_log $work/nginx.error info;
events { worker_connections 64; }
http {
 access_log off;
 client_body_temp_path $work/nginx.body; proxy_temp_path $work/nginx.proxy;
 fastcgi_temp_path $work/nginx.fastcgi; uwsgi_temp_path $work/nginx.uwsgi; scgi_temp_path $work/nginx.scgi;
 server {
  listen 127.0.0.1:$port ssl;
  ssl_certificate $work/server.crt; ssl_certificate_key $work/server.key;
  ssl_protocols TLSv1.3;
  ssl_verify_client on;
  ssl_client_certificate $work/server.crt;
  location / { return 200 "Hello, \$ssl_client_s_dn (\$ssl_client_verify)\n"; }
 }
}
CONF
OPENSSL_CONF=$work/nginx.cnf "$(command -v nginx || echo /usr/sbin/nginx)" -c "$work/nginx.conf" >nginx.out 2>&1 &
pids+=($!)
until_true 20 listens "$port" || die "nginx does not start: $(cat nginx.out nginx.error)"
curl_it() {
    curl --silent --show-error --fail --max-time 20 --cacert server.crt "https://localhost:$port/" --connect-to "::127.0.0.1:"
}
try nginx.log curl_it
printf '   nginx told the rightful client: '
OPENSSL_CONF=$work/rightful.cnf curl_it || true

# ----------------------------------------------------------------------------- mosquitto
say "6. mosquitto and mosquitto_pub (use_identity_as_username; policy require)"
conf mosquitto.cnf server require
port=$(free_port)
cat >mosquitto.conf <<CONF
listener $port 127.0.0.1
cafile $work/server.crt
certfile $work/server.crt
keyfile $work/server.key
require_certificate true
use_identity_as_username true
allow_anonymous false
log_dest file $work/broker.log
log_type all
CONF
: >broker.log
chmod 666 broker.log
chmod 644 server.key # mosquitto gives up root before it reads it; a key of this demo alone
OPENSSL_CONF=$work/mosquitto.cnf "$(command -v mosquitto || echo /usr/sbin/mosquitto)" -c "$work/mosquitto.conf" >mosquitto.out 2>&1 &
pids+=($!)
until_true 20 listens "$port" || die "mosquitto does not start: $(cat mosquitto.out broker.log)"
publish() {
    timeout 20 mosquitto_pub -h 127.0.0.1 -p "$port" --cafile server.crt -t reading -m 21.5 -q 1
}
try mosquitto.log publish
user=$(grep -o "u'[^']*'" broker.log | sort -u | tr '\n' ' ' || true)
printf '   the broker'\''s log shows as user name: %s\n' "$user"
[[ $user == "u'$name' " ]] || not_as_expected=$((not_as_expected + 1))

# -------------------------------------------------------------------------------- Python
say "7. A Python server that knows nothing of client certificates (policy require)"
conf python.cnf server require
port=$(free_port)
cat >server.py <<'PYTHON'
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.crt", "server.key")
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1000)
            tls.sendall(b"HTTP/1.0 200 OK\r\n\r\nHello\n")
            tls.unwrap()
    except OSError:
        pass
PYTHON
OPENSSL_CONF=$work/python.cnf /usr/bin/python3 server.py "$port" >python.out 2>&1 &
pids+=($!)
until_true 20 listens "$port" || die "the Python server does not start: $(cat python.out)"
try python.log curl_it

# ---------------------------------------------------------------------------------------
say "What happened: four servers that know nothing of DANE let in the client whose key stands in
the signed DNS under its name, and saw that name as its identity. Everybody else was refused in the
TLS handshake, and each server's log says why. The applications are Debian's own packages; all that
was added is one module, named in openssl.cnf."
printf '\n%d as expected, %d not\n' "$as_expected" "$not_as_expected"
((not_as_expected == 0))
