# shellcheck shell=bash disable=SC2154,SC2034,SC2086
# SPDX-License-Identifier: Apache-2.0
# The other proxies that Debian has and that open TLS: HAProxy, Privoxy, e2guardian,
# bettercap, goproxy, mitmproxy as a SOCKS server, squid that stares; and the clients
# that 85 and 86 leave out. Needs: privoxy e2guardian bettercap golang-github-elazarl-goproxy-dev.

company_authority() { # CN: proxy.crt, proxy.key and both in one
    cd "$dir" && authority proxy "/O=Example Corporation/CN=$1"
    cat proxy.crt proxy.key >both.pem
}
inspect_haproxy() {
    place $sites
    intercept
    company_authority 'Example Corporation Edge CA'
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
frontend in
    bind :8443 ssl crt $dir/both.pem generate-certificates ca-sign-file $dir/both.pem
    default_backend out
backend out
    server out 0.0.0.0:0 ssl verify none sni ssl_fc_sni
END
    in_router haproxy -db -f haproxy.cfg &
    # It hangs up on the first who asks for a name, and serves those after it.
    wait_for 20 proxying
    local name last=60000
    for name in $sites; do
        last=$((last + 1))
        in_client curl -sk -m 5 --local-port "$last" "https://$name/"
    done
    touch ready
    wait
}
client_when_ready() { # VISITOR...
    wait_for 20 test -e ready
    "client_$@"
}
inspect_privoxy() {
    place $sites
    company_authority 'Example Corporation Privacy CA'
    mkdir -p made
    printf '%s\n' '{+https-inspection +ignore-certificate-errors}' / >all.action
    printf '%s\n' "listen-address $gateway:8443" "confdir $dir" "logdir $dir" 'logfile privoxy.log' 'debug 1' 'debug 4096' \
        'actionsfile all.action' "ca-directory $dir" 'ca-cert-file proxy.crt' 'ca-key-file proxy.key' \
        "certificate-directory $dir/made" "trusted-cas-file $pki/root.crt" >privoxy.conf
    in_router privoxy --no-daemon privoxy.conf
}
inspect_e2guardian() {
    place $sites
    company_authority 'Example School Filter CA'
    cp -r /etc/e2guardian e2
    mkdir -p made
    openssl genrsa -out made.key 2048
    sed -i "s|/etc/e2guardian|$dir/e2|g" e2/*.conf e2/*.story e2/lists/*list 2>/dev/null
    sed -i -e "s|^filterip =.*|filterip = $gateway|; s|^checkip =.*|checkip = $gateway|; s|^filterports =.*|filterports = 8443|; s|^transparenthttpsport.*||" \
        -e "s|^enablessl.*|enablessl = on|; s|^cacertificatepath.*|cacertificatepath = '$dir/proxy.crt'|" \
        -e "s|^caprivatekeypath.*|caprivatekeypath = '$dir/proxy.key'|; s|^certprivatekeypath.*|certprivatekeypath = '$dir/made.key'|" \
        -e "s|^generatedcertpath.*|generatedcertpath = '$dir/made/'|; s|^httpworkers.*|httpworkers = 20|; s|^nodaemon.*|nodaemon = on|" e2/e2guardian.conf
    printf '%s\n' 'sslmitm = on' "sslcertcheck = off" 'mitmcheckcert = off' >>e2/e2guardianf1.conf
    echo "loglocation = '$dir/access.log'" >>e2/e2guardian.conf
    chmod -R a+rwX "$dir"
    in_router e2guardian -N -c "$dir/e2/e2guardian.conf"
}
inspect_bettercap() {
    place $sites
    cd "$dir" && tail -f /dev/null | HOME=$dir in_router bettercap -no-colors -no-history -iface c -eval \
        "set https.proxy.port 8443; set https.proxy.certificate $dir/made.crt; set https.proxy.key $dir/made.key; https.proxy on"
}
inspect_goproxy() {
    place $sites
    [ "$work/goproxy" -nt "$here/peers/goproxy.go" ] || GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$work/goproxy" "$here/peers/goproxy.go"
    in_router "$work/goproxy" "$gateway:8443" "$@"
}
inspect_goproxy_mkcert() {
    cd "$dir" && authority proxy '/O=mkcert development CA/OU=dev@workstation/CN=mkcert dev@workstation'
    inspect_goproxy proxy.crt proxy.key
}
inspect_mitmproxy_socks() {
    place $sites
    cd "$dir" && in_router mitmdump -q --mode socks5 -p 8443 --ssl-insecure --set "confdir=$dir/proxy"
}
inspect_squid_stares() { # looks at the server before it answers, and copies what it saw
    place $sites
    intercept
    squid_conf "http_port 3128
https_port 8443 intercept" 'ssl_bump stare all' 'ssl_bump bump all'
}

client_sites_openssl() { # OPTION...
    visit in_client sh -c '{ sleep 0.5; printf "GET / HTTP/1.0\r\n\r\n"; sleep 0.5; } | timeout 5 openssl s_client -connect "$0:443" -servername "$0" -verify_return_error "$@" 2>&1 | grep -aE "error|Verif" | sed "s/^/client: /"' \
        '{}' -CAfile "$pki/root.crt" "$@"
}
client_sites_wget() { visit in_client wget -nv -t 1 -T 5 -O /dev/null --ca-certificate="$pki/root.crt" "$@" 'https://{}/'; }
client_sites_flavour() { # gnutls|nss KEY=VALUE...
    local kind=$1
    shift
    visit in_client timeout 8 $python "$here/peers/flavour.py" "$kind" 'https://{}/' "$pki/root.crt" "$@"
}
client_sites_socks() { client_sites_curl -x "socks5h://$gateway:8443" "$@"; }
client_trusting_go() { # AUTHORITY OPTION...
    wait_for 20 proxying
    cat "$pki/root.crt" "$dir/$1" >trusted.pem
    visit in_client "$work/gopeer" client -addr "{}:$port" -name "{}" -ca trusted.pem "${@:2}"
}
# NSS that knows the proxy's authority, opens connections and never uses one.
client_leaving_nss() { # AUTHORITY OPTION...
    wait_for 20 proxying
    nss_db nss-client >/dev/null 2>&1
    certutil -A -d nss-client -n proxy -t CT,C,C -i "$dir/$1"
    visit in_client sh -c 'sleep 1 | timeout 4 tstclnt -h "$0" -a "$0" -p 443 -d nss-client "$@" && echo "client: left $0"' '{}' -Q "${@:2}" 2>&1 | sed 's/^tstclnt/client: tstclnt/'
}
client_leaving_flavour() { # AUTHORITY OPTION...
    wait_for 20 proxying
    cat "$pki/root.crt" "$dir/$1" >trusted.pem
    visit in_client timeout 8 $python "$here/peers/flavour.py" nss 'https://{}/' "$dir/trusted.pem" connect_only=1 "${@:2}"
}

hidden=server_certificate_unknown_issuer,server_certificate_rejected,$lost
lost12() { inspected "$1" "$2" "$3" failure client alert "$4" client $lost 1.2; }
lost13() { inspected "$1" "$2" "$3" failure client alert "$4" client $hidden 1.3; }
kept() { inspected "$1" "$2" "$3" success - - - - - "$4"; }
served='tcp and not portrange 60000-60010'
unused='NSS opens connections that it trusts, and leaves them'

# Proxies that the others did not have.
lost12 inspection_haproxy_12_curl haproxy 'when_ready sites_curl --tls-max 1.2' 48
set_ filter "$served"
lost12 inspection_haproxy_12_java haproxy 'when_ready sites_java TLSv1.2' 46
set_ filter "$served"
lost12 inspection_haproxy_12_go haproxy 'when_ready sites_go -max 12' 42
set_ filter "$served"
lost13 inspection_haproxy_13_gnutls haproxy 'when_ready sites_gnutls NORMAL' -
set_ filter "$served"
kept inspection_haproxy_12_trusting haproxy 'when_ready trusting_curl proxy.crt --tls-max 1.2' 1.2
set_ filter "$served"
kept inspection_haproxy_13_trusting haproxy 'when_ready trusting_curl proxy.crt' 1.3
set_ filter "$served"
for name in privoxy e2guardian goproxy; do
    lost12 inspection_${name}_12_curl $name 'sites_explicit --tls-max 1.2' 48
    set_ wire_port 8443
done
kept inspection_privoxy_12_trusting privoxy 'trusting_explicit proxy.crt --tls-max 1.2' 1.2
set_ wire_port 8443
inspected inspection_e2guardian_12_expired e2guardian 'trusting_explicit proxy.crt --tls-max 1.2' failure client alert 45 client server_certificate_expired 1.2
remark 'the client knows the authority, but e2guardian dates what it makes by a constant of its own'
set_ wire_port 8443
lost13 inspection_goproxy_13_curl goproxy sites_explicit 48
set_ wire_port 8443
inspected inspection_bettercap_12_curl bettercap 'sites_curl --tls-max 1.2' failure client alert 42 client server_certificate_weak,$lost 1.2
remark 'curl objects to the key first: EE certificate key too weak'
lost12 inspection_bettercap_12_nss bettercap 'sites_flavour nss max=1.2' 48
lost12 inspection_mitmproxy_12_socks mitmproxy_socks 'sites_socks --tls-max 1.2' 48
set_ wire_port 8443
lost12 inspection_squid_12_stares squid_stares 'sites_curl --tls-max 1.2' 48
kept inspection_squid_12_stares_trusting squid_stares 'trusting_curl proxy.crt --tls-max 1.2' 1.2

obscure inspection_small_haproxy_12 haproxy 'when_ready sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2
set_ filter "$served"

obscure inspection_small_privoxy_12 privoxy 'sites_explicit --tls-max 1.2' failure client alert 48 client $lost 1.2
set_ wire_port 8443
lost12 inspection_goproxy_12_mkcert goproxy_mkcert 'sites_explicit --tls-max 1.2' 48
set_ wire_port 8443

# Clients that the proxies did not have.
lost12 inspection_mitmproxy_12_openssl mitmproxy 'sites_openssl -tls1_2' 48
lost12 inspection_mitmproxy_12_gnutls mitmproxy 'sites_gnutls NORMAL:-VERS-TLS1.3' 42
lost12 inspection_squid_12_gnutls squid 'sites_gnutls NORMAL:-VERS-TLS1.3' 42
lost12 inspection_squid_12_go squid 'sites_go -max 12' 42
lost12 inspection_squid_12_java squid 'sites_java TLSv1.2' 46
lost12 inspection_squid_12_python squid 'sites_python TLSv1_2' 48
lost12 inspection_sslsplit_12_go sslsplit 'sites_go -max 12' 42
lost12 inspection_sslsplit_12_python sslsplit 'sites_python TLSv1_2' 48
lost12 inspection_sslsplit_12_openssl sslsplit 'sites_openssl -tls1_2' 48
lost12 inspection_sslsplit_12_chromium sslsplit 'browser chromium --ssl-version-max=tls1.2' 46
lost12 inspection_squid_12_firefox squid 'browser firefox user_pref("security.tls.version.max",3);' 48
lost12 inspection_sslsplit_12_firefox sslsplit 'browser firefox user_pref("security.tls.version.max",3);' 48
lost12 inspection_mitmproxy_12_curlnss mitmproxy 'sites_flavour nss max=1.2' 48
lost13 inspection_mitmproxy_13_nss mitmproxy sites_nss -
lost13 inspection_sslsplit_13_java sslsplit 'sites_java TLSv1.3' 46
lost13 inspection_squid_13_python squid sites_python 48
lost13 inspection_mitmproxy_13_firefox mitmproxy 'browser firefox' 48
lost13 inspection_squid_13_chromium squid 'browser chromium' 46
kept inspection_squid_12_node squid 'sites_node TLSv1.2' 1.2
remark 'Node looks at the certificate after the handshake and hangs up'
kept inspection_sslsplit_12_wget sslsplit 'sites_wget --ciphers=NORMAL:-VERS-TLS1.3' 1.2
remark 'wget finishes the handshake, then hangs up: a success on the wire'
kept inspection_squid_13_wget squid sites_wget 1.3
remark 'wget finishes the handshake, then hangs up: a success on the wire'
kept inspection_squid_12_go_trusting squid 'trusting_go proxy.crt -max 12' 1.2
kept inspection_squid_12_pinned squid 'trusting_curl proxy.crt --tls-max 1.2 --pinnedpubkey sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' 1.2
remark 'curl compares the pinned key after the handshake and hangs up: a success on the wire'

# They trust the proxy and never use a connection.
kept inspection_mitmproxy_12_nss_unused mitmproxy 'leaving_nss proxy/mitmproxy-ca-cert.pem -V tls1.2:tls1.2' 1.2
remark "$unused"
kept inspection_sslsplit_12_nss_unused sslsplit 'leaving_nss proxy.crt -V tls1.2:tls1.2' 1.2
remark "$unused"
kept inspection_squid_12_nss_unused squid 'leaving_nss proxy.crt -V tls1.2:tls1.2' 1.2
remark "$unused"
kept inspection_mitmproxy_12_curlnss_unused mitmproxy 'leaving_flavour proxy/mitmproxy-ca-cert.pem max=1.2' 1.2
remark "$unused"

# A reverse proxy shows a public authority's certificates, and speaks to its own servers behind it, which have
# private ones for the same names.
inspect_reverse() {
    place $own_sites
    cd "$dir" && mkdir -p front && cd front && for name in $own_sites; do
        leaf "$name" "/O=Example Corporation/CN=$name" "$pki/inter" "$name"
    done
    {
        printf '%s\n' "daemon off; pid $dir/front/pid; error_log stderr; events {}" 'http {' 'access_log off;' \
            "client_body_temp_path $dir/front/b; proxy_temp_path $dir/front/p; fastcgi_temp_path $dir/front/f; uwsgi_temp_path $dir/front/u; scgi_temp_path $dir/front/s;"
        for name in $own_sites; do
            printf '%s\n' "server { listen 8443 ssl; server_name $name; ssl_certificate $name.pem; ssl_certificate_key $name.key; ssl_protocols TLSv1.2;" \
                "location / { proxy_pass https://$name; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2; } }"
        done
        echo '}'
    } >nginx.conf
    intercept
    in_router nginx -p "$dir/front" -c nginx.conf
}
scenario inspection_not_reverse
server corporate
router inspect_reverse
client own_curl_waiting
set_ where router
set_ interface any
set_ link LINUX_SLL2
truth success - - - - - 1.2
client_own_curl_waiting() {
    wait_for 20 proxying
    client_own_curl
}

# Browsers that know the proxy's authority, and visit the sites twice.
client_trusting_browser() { # KIND AUTHORITY OPTION...
    local few name round
    wait_for 20 proxying
    read -ra few <<<"$sites"
    for round in 1 2; do
        for name in "${few[@]:0:2}"; do
            nss_db "$dir/profile" >/dev/null 2>&1
            nss_db "$dir/.pki/nssdb" >/dev/null 2>&1
            certutil -A -d "$dir/profile" -n proxy -t CT,C,C -i "$dir/$2"
            certutil -A -d "$dir/.pki/nssdb" -n proxy -t CT,C,C -i "$dir/$2"
            host=$name limit=25 "client_$1" "${@:3}"
        done
    done
}
kept inspection_mitmproxy_12_firefox_trusting mitmproxy 'trusting_browser firefox proxy/mitmproxy-ca-cert.pem user_pref("security.tls.version.max",3);' 1.2
kept inspection_sslsplit_12_firefox_trusting sslsplit 'trusting_browser firefox proxy.crt user_pref("security.tls.version.max",3);' 1.2

# TLS 1.3 without keys, and one client alone: sites in networks of their own behind a transparent proxy, or behind an
# explicit one. Nothing logs its secrets.
place_apart() { # NAME...
    local name side net last=9
    local nets=(198.51.100 203.0.113 192.0.2 198.18.0)
    for name in "$@"; do
        last=$((last + 1))
        net=${nets[last % 4]}
        in_router ip route replace "$net.0/24" via 10.2.0.2
        in_server ip addr add "$net.$last/32" dev lo
        for side in c r; do
            echo "$net.$last $name" >>"/etc/netns/$tag-$side/hosts"
        done
    done
}
inspect_apart() { # PROXY...
    place() { place_apart "$@"; }
    "inspect_$@"
}
client_keyless() { # VISITOR...
    keylog=/dev/null "client_$@"
}
kept inspection_mitmproxy_13_apart 'apart mitmproxy' 'keyless trusting_curl proxy/mitmproxy-ca-cert.pem' 1.3
kept inspection_mitmproxy_13_apart_explicit mitmproxy_explicit 'keyless trusting_explicit proxy/mitmproxy-ca-cert.pem' 1.3
set_ wire_port 8443
lost13 inspection_mitmproxy_13_apart_go 'apart mitmproxy' 'keyless sites_go' -

# The same sites with public certificates; and sites of one company in networks of their own, with small private ones.
scenario inspection_not_apart
server sites
router place_apart $sites
client honest_curl13 $sites
truth success - - - - - 1.3
client_honest_curl13() { # NAME...
    local name
    for name in "$@"; do
        in_client curl -sS -m 5 -o /dev/null --cacert "$pki/root.crt" "https://$name/"
    done
}
server_private_alone() {
    authority private '/O=Example Corporation/CN=Example Corporation Issuing CA'
    leaf() {
        local file=$1
        printf '%s\n' "subjectAltName=DNS:$4" extendedKeyUsage=serverAuth basicConstraints=critical,CA:false >leaf.ext
        openssl req -new -newkey rsa:2048 -nodes -keyout "$file.key" -subj "$2" -out leaf.csr
        openssl x509 -req -in leaf.csr -CA "$3.crt" -CAkey "$3.key" -set_serial "0x$(openssl rand -hex 12)" -days 300 \
            -extfile leaf.ext -out "$file.pem"
        chmod 644 "$file.key"
    }
    each private 'Example Corporation' $small_sites
}
client_company_curl13() { # NAME...
    local name
    for name in "$@"; do
        in_client curl -sS -m 5 -o /dev/null --cacert private.crt "https://$name/"
    done
}
scenario inspection_not_apart_private
server private_alone
router place_apart $small_sites
client company_curl13 $small_sites
truth success - - - - - 1.3
