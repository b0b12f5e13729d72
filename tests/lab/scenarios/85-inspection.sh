# shellcheck shell=bash disable=SC2154,SC2034,SC2086
# SPDX-License-Identifier: Apache-2.0
# TLS inspection on the router: proxies that are in Debian (mitmproxy, sslsplit,
# squid-openssl) make certificates for the names that clients ask for. And what only
# looks like it: private authorities, shared certificates, devices.

sites='github.com www.wikipedia.org www.mozilla.org pypi.org'
own_sites='www.example-corp.com shop.example-corp.net api.example-corp.org'

# Gives each name an address of its own on the server, as on the Internet.
place() { # NAME...
    local name side last=9
    in_router ip route add 198.51.100.0/24 via 10.2.0.2
    for name in "$@"; do
        last=$((last + 1))
        in_server ip addr add "198.51.100.$last/32" dev lo
        for side in c r; do
            echo "198.51.100.$last $name" >>"/etc/netns/$tag-$side/hosts"
        done
    done
}

# leaf FILE SUBJECT ISSUER NAME...: a certificate of one of pki's authorities.
leaf() {
    local file=$1 subject=$2 issuer=$3
    shift 3
    printf '%s\n' "subjectAltName=$(printf 'DNS:%s,' "$@" | sed 's/,$//')" \
        extendedKeyUsage=serverAuth basicConstraints=critical,CA:false >leaf.ext
    openssl req -new -newkey rsa:2048 -nodes -keyout "$file.key" -subj "$subject" -out leaf.csr
    openssl x509 -req -in leaf.csr -CA "$issuer.crt" -CAkey "$issuer.key" -set_serial "0x$(openssl rand -hex 12)" \
        -days 300 -extfile leaf.ext -out "$file.crt"
    cat "$file.crt" "$issuer.crt" >"$file.pem"
    chmod 644 "$file.key"
}

authority() { # FILE SUBJECT
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -subj "$2" -days 3000 -out "$1.crt" \
        -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign
    chmod 644 "$1.key"
}

# each ISSUER ORGANIZATION NAME...: one certificate per site, each with a key of its own.
each() {
    local issuer=$1 organization=$2 name blocks='ssl_protocols TLSv1.2 TLSv1.3'
    shift 2
    for name in "$@"; do
        leaf "$name" "/O=${organization:-Owner of $name}/CN=$name" "$issuer" "$name"
        [ "$name" = "$1" ] || blocks+="; } server { listen $port ssl; server_name $name;
            ssl_certificate $dir/$name.pem; ssl_certificate_key $dir/$name.key"
    done
    pki=$dir server_nginx "$1" "$blocks"
}
server_sites() { each "$pki/inter" '' $sites; }
server_corporate() {
    authority private '/O=Example Corporation/CN=Example Corporation Issuing CA'
    each private 'Example Corporation' $own_sites
}
server_shared() { # one certificate for many names
    authority private '/O=Edge Networks/CN=Edge Networks Origin CA'
    leaf shared '/O=Edge Networks/CN=edge.example-cdn.com' private edge.example-cdn.com $own_sites
    pki=$dir server_nginx shared 'ssl_protocols TLSv1.2'
}
server_fan_club() {
    authority private '/O=Hosting Example/CN=Hosting Example CA'
    leaf fans '/O=Zscaler Fan Club/CN=www.example-corp.com' private www.example-corp.com
    pki=$dir server_nginx fans 'ssl_protocols TLSv1.2'
}
server_appliance() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout box.key -subj '/O=Fortinet/CN=FortiGate CA' -days 3000 \
        -out box.crt -addext subjectAltName=DNS:www.example-corp.com
    cp box.crt box.pem
    pki=$dir server_nginx box 'ssl_protocols TLSv1.2'
}

intercept() {
    in_router iptables -t nat -A PREROUTING -i c -p tcp --dport "$port" -j REDIRECT --to-ports 8443
}
inspect_mitmproxy() { # OPTION...
    place $sites
    intercept
    cd "$dir" && in_router mitmdump -q --mode transparent -p 8443 --ssl-insecure --set "confdir=$dir/proxy" "$@"
}
inspect_sslsplit() {
    place $sites
    intercept
    cd "$dir" && authority proxy '/O=Example Corporation/CN=Web Gateway 2'
    in_router sslsplit -D -k proxy.key -c proxy.crt -l connections.log "$@" ssl 0.0.0.0 8443
}
inspect_squid() {
    place $sites
    intercept
    cd "$dir" && authority proxy '/O=Example Corporation/CN=Internet Access CA'
    cat proxy.crt proxy.key >both.pem
    /usr/lib/squid/security_file_certgen -c -s "$dir/certs" -M 4MB
    chmod -R a+rwX "$dir"
    cat >squid.conf <<END
http_port 3128
https_port 8443 intercept ssl-bump tls-cert=$dir/both.pem generate-host-certificates=on
sslcrtd_program /usr/lib/squid/security_file_certgen -s $dir/certs -M 4MB
sslcrtd_children 2 startup=1
acl first at_step SslBump1
ssl_bump peek first
ssl_bump bump all
tls_outgoing_options flags=DONT_VERIFY_PEER
sslproxy_cert_error allow all
http_access allow all
host_verify_strict off
cache deny all
pid_filename none
access_log stdio:$dir/access.log
cache_log $dir/cache.log
coredump_dir $dir
visible_hostname proxy
END
    in_router squid -N -f "$dir/squid.conf"
}

# Waits until the proxy listens and visits each site.
visit() { # COMMAND-WITH-{}...
    local name
    wait_for 20 proxying
    for name in $sites; do
        "${@//\{\}/$name}"
        sleep 0.3
    done
}
proxying() { [ -n "$(in_router ss -Hltn 'sport = :8443')" ]; }
client_sites_curl() { # OPTION...
    SSLKEYLOGFILE=$keylog visit in_client curl -sS -m 5 -o /dev/null --cacert "$pki/root.crt" "$@" 'https://{}/'
}
# The proxy's authority is in this client's list.
client_trusting_curl() { # AUTHORITY OPTION...
    local authority=$1
    shift
    wait_for 20 proxying
    cat "$pki/root.crt" "$dir/$authority" >trusted.pem
    SSLKEYLOGFILE=$keylog visit in_client curl -sS -m 5 -o /dev/null --cacert trusted.pem "$@" 'https://{}/'
}
client_sites_go() { SSLKEYLOGFILE=$keylog visit in_client "$work/gopeer" client -addr "{}:$port" -name "{}" -ca "$pki/root.crt" "$@"; }
client_sites_gnutls() { visit in_client gnutls-cli -p "$port" --x509cafile "$pki/root.crt" --priority "$1" '{}'; }
client_own_curl() {
    local name
    for name in $own_sites; do
        in_client curl -sS -m 5 -o /dev/null --cacert "$pki/root.crt" --tls-max 1.2 "https://$name/"
    done
}

# inspected NAME PROXY CLIENT TRUTH...
inspected() {
    local name=$1 proxy=$2 visitor=$3
    shift 3
    scenario "$name"
    server sites
    router inspect_$proxy
    client $visitor
    set_ limit 40
    set_ capture_for 150
    truth "$@"
}
lost=interception_untrusted
inspected inspection_mitmproxy_12_curl mitmproxy 'sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2
inspected inspection_mitmproxy_13_curl mitmproxy sites_curl failure client alert 48 client \
    server_certificate_unknown_issuer,server_certificate_rejected,$lost 1.3
inspected inspection_mitmproxy_12_trusting mitmproxy 'trusting_curl proxy/mitmproxy-ca-cert.pem --tls-max 1.2' success - - - - - 1.2
inspected inspection_sslsplit_12_curl sslsplit 'sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2
inspected inspection_sslsplit_12_gnutls sslsplit 'sites_gnutls NORMAL:-VERS-TLS1.3' failure client alert 42 client $lost 1.2
inspected inspection_sslsplit_12_trusting sslsplit 'trusting_curl proxy.crt --tls-max 1.2' success - - - - - 1.2
inspected inspection_squid_12_curl squid 'sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2
inspected inspection_squid_13_curl squid sites_curl failure client alert 48 client \
    server_certificate_unknown_issuer,server_certificate_rejected,$lost 1.3
inspected inspection_squid_12_trusting squid 'trusting_curl proxy.crt --tls-max 1.2' success - - - - - 1.2

# looks_like NAME SERVER CAUSE: no inspection.
looks_like() {
    scenario "$1"
    server "$2"
    router place $own_sites
    client own_curl
    truth failure client alert 48 client "$3" 1.2
}
private=server_certificate_unknown_issuer
looks_like inspection_not_corporate corporate $private
looks_like inspection_not_shared shared $private
looks_like inspection_not_fan_club fan_club $private
looks_like inspection_not_appliance appliance server_certificate_self_signed
