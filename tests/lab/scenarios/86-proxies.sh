# shellcheck shell=bash disable=SC2154,SC2034,SC2086
# SPDX-License-Identifier: Apache-2.0
# More of TLS inspection: the clients of 85-inspection.sh's proxies that pin or do not
# know the authority, explicit and chained proxies, names that are exempt, sessions that
# are resumed, authorities with products' names, sites that nobody knows. And more of
# what is none.

small_sites='www.nordwind-media.de blog.bergquell-cafe.ch api.tiny-startup.io'

# Which names a scenario is about: $sites, unless it says otherwise.
inspect_small() { # PROXY...
    sites=$small_sites
    "inspect_$1" "${@:2}"
}
server_small_sites() { each "$pki/inter" '' $small_sites; }

# The proxy as its clients know it: an address of the router.
gateway=10.1.0.1
inspect_mitmproxy_explicit() {
    place $sites
    cd "$dir" && in_router mitmdump -q --mode regular -p 8443 --ssl-insecure --set "confdir=$dir/proxy" "$@"
}
inspect_mitmproxy_logging() { SSLKEYLOGFILE=$keylog inspect_mitmproxy; }
inspect_mitmproxy_chain() { # hands everything to a proxy behind it
    place $sites
    cd "$dir" && in_router mitmdump -q --mode regular -p 8444 --set "confdir=$dir/outer" --ssl-insecure --ignore-hosts '.*' &
    sleep 2
    cd "$dir" && in_router mitmdump -q --mode upstream:http://127.0.0.1:8444 -p 8443 --ssl-insecure --set "confdir=$dir/proxy"
}
# An authority of the house, or with a product's name, in the hands of mitmproxy.
inspect_named() { # SUBJECT
    cd "$dir" && mkdir -p proxy && authority house "$1" && cat house.key house.crt >proxy/mitmproxy-ca.pem
    inspect_mitmproxy
}
inspect_zscaler() { inspect_named '/O=Zscaler Inc./CN=Zscaler Intermediate Root CA (zscalertwo.net) (t) '; }
inspect_house() { inspect_named '/O=Example Corporation/CN=Example Corporation CA 4'; }
# The proxy's authority is one below that of the company.
inspect_subordinate() {
    place $sites
    intercept
    cd "$dir" && authority above '/O=Example Corporation/CN=Example Corporation Root CA'
    openssl req -new -newkey rsa:2048 -nodes -keyout proxy.key -subj '/O=Example Corporation/CN=Example SWG 7' -out proxy.csr
    printf '%s\n' basicConstraints=critical,CA:true,pathlen:0 keyUsage=critical,keyCertSign,cRLSign >proxy.ext
    openssl x509 -req -in proxy.csr -CA above.crt -CAkey above.key -set_serial 77 -days 900 -extfile proxy.ext -out proxy.crt
    in_router sslsplit -D -k proxy.key -c proxy.crt -C above.crt -l connections.log ssl 0.0.0.0 8443
}
squid_conf() { # PORT-LINE BUMP-LINE...
    local line=$1
    shift
    cd "$dir" && authority proxy '/O=Example Corporation/CN=Internet Access CA'
    cat proxy.crt proxy.key >both.pem
    /usr/lib/squid/security_file_certgen -c -s "$dir/certs" -M 4MB
    chmod -R a+rwX "$dir"
    printf '%s\n' "$line ssl-bump tls-cert=$dir/both.pem generate-host-certificates=on" \
        "sslcrtd_program /usr/lib/squid/security_file_certgen -s $dir/certs -M 4MB" 'sslcrtd_children 2 startup=1' \
        'acl first at_step SslBump1' 'acl spared ssl::server_name .mozilla.org .pypi.org' 'ssl_bump peek first' "$@" \
        'tls_outgoing_options flags=DONT_VERIFY_PEER' 'sslproxy_cert_error allow all' 'http_access allow all' \
        'host_verify_strict off' 'cache deny all' 'pid_filename none' "access_log stdio:$dir/access.log" \
        "cache_log $dir/cache.log" "coredump_dir $dir" 'visible_hostname proxy' >squid.conf
    in_router squid -N -f "$dir/squid.conf"
}
inspect_squid_explicit() {
    place $sites
    squid_conf 'http_port 8443' 'ssl_bump bump all'
}
inspect_squid_password() {
    place $sites
    squid_conf 'http_port 8443' 'ssl_bump bump all' 'auth_param basic program /usr/lib/squid/basic_fake_auth' \
        'acl known proxy_auth REQUIRED' 'http_access deny !known'
}
inspect_squid_spares() {
    place $sites
    intercept
    squid_conf "http_port 3128
https_port 8443 intercept" 'ssl_bump splice spared' 'ssl_bump bump all'
}
inspect_squid_splices() {
    place $sites
    intercept
    squid_conf "http_port 3128
https_port 8443 intercept" 'ssl_bump splice all'
}

client_small() { # VISITOR...
    sites=$small_sites
    "client_$1" "${@:2}"
}
client_sites_java() {
    visit in_client java -XX:TieredStopAtLevel=1 -Xmx128m -cp "$work" Peer client '{}' "$port" - "$pki/root.crt" "$@"
}
client_sites_node() {
    visit in_client node -e '
        const tls = require("tls"), fs = require("fs");
        const s = tls.connect({ host: "{}", port: 443, servername: "{}", maxVersion: process.argv[2],
            ca: fs.readFileSync(process.argv[1]) }, () => { s.end("GET / HTTP/1.0\r\n\r\n"); s.resume(); });
        s.on("error", (e) => console.log("client: " + e.code + " " + e.message));' "$pki/root.crt" "$@"
}
client_sites_python() { # VERSION
    visit in_client python3 -c '
import socket, ssl, sys
c = ssl.create_default_context(cafile=sys.argv[1])
if sys.argv[2:]:
    c.maximum_version = ssl.TLSVersion[sys.argv[2]]
s = socket.create_connection(("{}", 443), 5)
try:
    c.wrap_socket(s, server_hostname="{}").close()
except OSError as e:
    print("client:", e)' "$pki/root.crt" "$@"
}
# Some of the sites by browsers, and all by NSS's own client, which like Firefox judges certificates late.
client_sites_nss() { # OPTION...
    nss_db nss-client >/dev/null 2>&1
    visit in_client sh -c 'sleep 1 | timeout 4 tstclnt -h "$0" -a "$0" -p 443 -d nss-client "$@"' '{}' "$@" 2>&1 | sed 's/^tstclnt/client: tstclnt/'
}
# The proxy's authority is in its database. It visits a site, and then leaves each right after the handshake.
client_trusting_nss() { # AUTHORITY OPTION...
    wait_for 20 proxying
    nss_db nss-client >/dev/null 2>&1
    certutil -A -d nss-client -n proxy -t CT,C,C -i "$dir/$1"
    { sleep 0.5; printf 'GET / HTTP/1.0\r\n\r\n'; sleep 0.5; } |
        in_client timeout 4 tstclnt -h "${sites%% *}" -a "${sites%% *}" -p 443 -d nss-client "${@:2}"
    set -- "$@" -Q
    visit in_client sh -c 'sleep 1 | timeout 4 tstclnt -h "$0" -a "$0" -p 443 -d nss-client "$@"' '{}' "${@:2}" 2>&1 | sed 's/^tstclnt/client: tstclnt/'
}
client_browser() { # KIND OPTION...
    local few name
    wait_for 20 proxying
    read -ra few <<<"$sites"
    for name in "${few[@]:0:2}"; do
        host=$name limit=25 "client_$@"
    done
}
# Two clients behind one explicit proxy.
client_pair_explicit() { # OPTION...
    in_client ip addr add 10.1.0.3/24 dev eth0
    client_sites_explicit --interface 10.1.0.2 "$@"
    client_sites_explicit --interface 10.1.0.3 "$@"
}
client_sites_explicit() { client_sites_curl -x "http://$gateway:8443" "$@"; }
client_trusting_explicit() { # AUTHORITY OPTION...
    client_trusting_curl "$1" -x "http://$gateway:8443" "${@:2}"
}
# Visits each site twice, the second time with what is left of the first.
client_resuming() { # AUTHORITY OPTION...
    local name authority=$1
    shift
    wait_for 20 proxying
    cat "$pki/root.crt" "$dir/$authority" >trusted.pem
    for name in $sites; do
        { sleep 0.5; printf 'GET / HTTP/1.0\r\n\r\n'; sleep 0.7; } | in_client timeout 5 openssl s_client -connect "$name:$port" \
            -servername "$name" -CAfile trusted.pem -sess_out "session" "$@" >/dev/null 2>&1
        { sleep 0.3; printf 'GET / HTTP/1.0\r\n\r\n'; sleep 0.5; } | in_client timeout 5 openssl s_client -connect "$name:$port" \
            -servername "$name" -CAfile trusted.pem -sess_in "session" "$@" | grep -aE 'Reused|New, '
    done
}

explicit() { # NAME PROXY CLIENT TRUTH...
    inspected "$@"
    set_ wire_port 8443
}
inspected inspection_mitmproxy_12_go mitmproxy 'sites_go -max 12' failure client alert 42 client $lost 1.2
inspected inspection_mitmproxy_12_java mitmproxy 'sites_java TLSv1.2' failure client alert 46 client $lost 1.2
inspected inspection_mitmproxy_12_node mitmproxy 'sites_node TLSv1.2' success - - - - - 1.2
remark 'Node looks at the certificate after the handshake and hangs up'
inspected inspection_mitmproxy_12_python mitmproxy 'sites_python TLSv1_2' failure client alert 48 client $lost 1.2
inspected inspection_mitmproxy_13_go mitmproxy sites_go failure client alert 42 client server_certificate_rejected,$lost 1.3
inspected inspection_mitmproxy_12_nss mitmproxy_logging 'sites_nss -V tls1.2:tls1.2' failure client alert 48 client $lost 1.2
inspected inspection_squid_12_nss squid 'sites_nss -V tls1.2:tls1.2' failure client alert - client $lost 1.2
inspected inspection_sslsplit_12_nss sslsplit 'sites_nss -V tls1.2:tls1.2' failure client alert - client $lost 1.2
inspected inspection_mitmproxy_12_nss_leaves mitmproxy 'trusting_nss proxy/mitmproxy-ca-cert.pem -V tls1.2:tls1.2' success - - - - - 1.2
inspected inspection_sslsplit_12_nss_leaves sslsplit 'trusting_nss proxy.crt -V tls1.2:tls1.2' success - - - - - 1.2
inspected inspection_mitmproxy_12_firefox mitmproxy 'browser firefox user_pref("security.tls.version.max",3);' failure client alert 48 client $lost 1.2
inspected inspection_squid_12_chromium squid 'browser chromium --ssl-version-max=tls1.2' failure client alert 46 client $lost 1.2
explicit inspection_mitmproxy_12_explicit mitmproxy_explicit 'sites_explicit --tls-max 1.2' failure client alert 48 client $lost 1.2
explicit inspection_mitmproxy_12_explicit_trusting mitmproxy_explicit 'trusting_explicit proxy/mitmproxy-ca-cert.pem --tls-max 1.2' success - - - - - 1.2
explicit inspection_mitmproxy_12_chain mitmproxy_chain 'sites_explicit --tls-max 1.2' failure client alert 48 client $lost 1.2
inspected inspection_mitmproxy_12_resumed mitmproxy 'resuming proxy/mitmproxy-ca-cert.pem -tls1_2' success - - - - - 1.2
explicit inspection_mitmproxy_13_pair mitmproxy_explicit pair_explicit failure client alert 48 client \
    server_certificate_unknown_issuer,server_certificate_rejected,$lost 1.3
explicit inspection_squid_12_explicit squid_explicit 'sites_explicit --tls-max 1.2' failure client alert 48 client $lost 1.2
explicit inspection_squid_12_explicit_trusting squid_explicit 'trusting_explicit proxy.crt --tls-max 1.2' success - - - - - 1.2
explicit inspection_squid_12_password squid_password 'sites_explicit --tls-max 1.2 --proxy-user somebody:secret --proxy-anyauth' \
    failure client alert 48 client $lost 1.2
inspected inspection_squid_12_spares squid_spares 'trusting_curl proxy.crt --tls-max 1.2' success - - - - - 1.2
inspected inspection_sslsplit_12_java sslsplit 'sites_java TLSv1.2' failure client alert 46 client $lost 1.2
inspected inspection_sslsplit_12_subordinate subordinate 'trusting_curl above.crt --tls-max 1.2' success - - - - - 1.2
inspected inspection_sslsplit_13_trusting sslsplit 'trusting_curl proxy.crt' success - - - - - 1.3
inspected inspection_zscaler_12_curl zscaler 'sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2
inspected inspection_house_12_curl house 'sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2

# Names that nobody knows: only what the proxy does tells.
obscure() { # NAME PROXY CLIENT TRUTH...
    inspected "$1" "small $2" "small $3" "${@:4}"
    server small_sites
}
obscure inspection_small_sslsplit_12 sslsplit 'sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2
obscure inspection_small_squid_12 squid 'sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2
obscure inspection_small_mitmproxy_12 house 'sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2

# Looked at, and left alone.
inspected inspection_not_spliced squid_splices 'sites_curl --tls-max 1.2' success - - - - - 1.2

# A host for many: an authority of its own, for sites of its customers.
customers='www.nordwind-media.de blog.bergquell-cafe.ch api.tiny-startup.io shop.holzwerk.at'
server_hosting() {
    authority private '/O=Hosting Example/CN=Hosting Example Origin CA 2'
    each private '' $customers
}
server_developer() {
    authority private '/O=mkcert development CA/OU=dev@workstation/CN=mkcert dev@workstation'
    each private '' $sites
}
server_mesh() {
    authority private '/O=cluster.local/CN=Mesh Intermediate 3'
    each private '' reviews.default.svc.cluster.local ratings.default.svc.cluster.local
}
server_inner() {
    authority private '/O=Example Corporation/CN=Example Corporation Root CA'
    each private '' git.example.internal wiki.corp mail.example.local nas.home.arpa
}
# Whatever the name, a page to log in at.
server_portal() {
    leaf portal '/O=Example Hotspots/CN=login.example-hotspot.net' "$pki/inter" login.example-hotspot.net
    pki=$dir server_nginx portal 'ssl_protocols TLSv1.2'
}
client_names() { # NAME...
    local name
    for name in "$@"; do
        in_client python3 -c '
import socket, ssl, sys
c = ssl.create_default_context(cafile=sys.argv[1])
c.maximum_version = ssl.TLSVersion.TLSv1_2
try:
    c.wrap_socket(socket.create_connection((sys.argv[2], 443), 5), server_hostname=sys.argv[2]).close()
except OSError as e:
    print("client:", e)' "$pki/root.crt" "$name"
    done
}
uninspected() { # NAME SERVER CAUSE ALERT NAME...
    scenario "$1"
    server "$2"
    router place "${@:5}"
    client names "${@:5}"
    truth failure client alert "$4" client "$3" 1.2
}
uninspected inspection_not_hosting hosting $private 48 $customers
uninspected inspection_not_developer developer $private 48 $sites
uninspected inspection_not_mesh mesh $private 48 reviews.default.svc.cluster.local ratings.default.svc.cluster.local
uninspected inspection_not_inner inner $private 48 git.example.internal wiki.corp mail.example.local nas.home.arpa
uninspected inspection_not_portal portal server_certificate_name_mismatch 42 $sites

# The outside of a proxy, and browsers without one: what they ask for of themselves.
browser_sites='push.services.mozilla.com shavar.services.mozilla.com optimizationguide-pa.googleapis.com
github.com www.wikipedia.org www.nordwind-media.de'
server_browser_sites() { each "$pki/inter" '' $browser_sites; }
inspect_browsers() { # PROXY
    sites=$browser_sites
    "inspect_$1"
}
client_browser_sites() {
    sites=$browser_sites
    client_trusting_curl "$@"
}
outside() { # NAME PROXY CLIENT...
    scenario "$1"
    server browser_sites
    router $2
    client "${@:3}"
    set_ where server
    set_ limit 40
    set_ capture_for 150
    truth success - - - - - -
}
outside outside_mitmproxy 'inspect_browsers mitmproxy' browser_sites proxy/mitmproxy-ca-cert.pem
outside outside_sslsplit 'inspect_browsers sslsplit' browser_sites proxy.crt --tls-max 1.2

# Firefox asks for what is its own, and a program for one of it and for many others.
client_firefox_and_curl() {
    local name
    host=push.services.mozilla.com limit=20 client_firefox
    for name in shavar.services.mozilla.com github.com www.wikipedia.org www.nordwind-media.de; do
        in_client curl -sS -m 5 -o /dev/null --cacert "$pki/root.crt" "https://$name/"
    done
}
scenario outside_not_firefox
server browser_sites
router place $browser_sites
client firefox_and_curl
set_ where server
set_ limit 60
truth success - - - - - -

# An antivirus that inspects what one of two machines does.
inspect_one_host() {
    place $sites
    in_router iptables -t nat -A PREROUTING -i c -s 10.1.0.2 -p tcp --dport "$port" -j REDIRECT --to-ports 8443
    cd "$dir" && mkdir -p proxy && authority house '/O=AO Kaspersky Lab/CN=Kaspersky Anti-Virus Personal Root Certificate'
    cat house.key house.crt >proxy/mitmproxy-ca.pem
    in_router mitmdump -q --mode transparent -p 8443 --ssl-insecure --set "confdir=$dir/proxy"
}
client_two_hosts() {
    in_client ip addr add 10.1.0.3/24 dev eth0
    client_trusting_curl house.crt --interface 10.1.0.2 "$@"
    client_sites_curl --interface 10.1.0.3 "$@"
}
inspected inspection_one_host one_host 'two_hosts --tls-max 1.2' success - - - - - 1.2

# A public authority whose root another one signed, too, and which serves the older way.
server_cross_signed() {
    authority older '/O=Older Trust/CN=Older Trust Root CA X3'
    openssl req -new -key "$pki/root.key" -subj "$(openssl x509 -in "$pki/root.crt" -noout -subject -nameopt compat | sed 's/^subject=//')" -out root.csr
    printf '%s\n' basicConstraints=critical,CA:true keyUsage=critical,keyCertSign,cRLSign >cross.ext
    openssl x509 -req -in root.csr -CA older.crt -CAkey older.key -set_serial 99 -days 900 -extfile cross.ext -out cross.crt
    cp "$pki/inter.key" inter.key
    cat "$pki/inter.crt" cross.crt >inter.crt
    each "$dir/inter" '' $sites
}
# A network of caches: each certificate, of a public authority, is for many names of strangers.
server_cdn() {
    leaf edge1 '/CN=github.com' "$pki/inter" github.com www.wikipedia.org www.nordwind-media.de
    leaf edge2 '/CN=www.mozilla.org' "$pki/inter" www.mozilla.org pypi.org shop.holzwerk.at
    pki=$dir server_nginx edge1 "ssl_protocols TLSv1.2 TLSv1.3; } server { listen $port ssl; server_name www.mozilla.org pypi.org;
        ssl_certificate $dir/edge2.pem; ssl_certificate_key $dir/edge2.key"
}
# honest NAME SERVER: public names with certificates of a public authority, without a proxy.
honest() {
    scenario "$1"
    server "$2"
    router place $sites
    client honest_curl
    truth success - - - - - 1.2
}
client_honest_curl() {
    local name
    for name in $sites; do
        in_client curl -sS -m 5 -o /dev/null --tls-max 1.2 --cacert "$pki/root.crt" "https://$name/"
    done
}
honest inspection_not_cross_signed cross_signed
honest inspection_not_cdn cdn
