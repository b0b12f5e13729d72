# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Evidence that is not in a message: sizes, what is missing, what was said before.

# ---- TLS 1.3 hides the certificate, sizes tell of it

scenario cert_weakkey_13_curl
server s_server weakkey -tls1_3 -cipher DEFAULT:@SECLEVEL=0
client curl
truth failure client alert 42 client server_certificate_weak,server_certificate_rejected 1.3
remark 'the size of the signature tells the key of 1024 bits'

scenario cert_incomplete_13_go
server nginx incomplete 'ssl_protocols TLSv1.3'
client go
truth failure client alert 42 client server_certificate_incomplete_chain,server_certificate_unknown_issuer,server_certificate_rejected 1.3

scenario cert_unknown_13_go
server nginx unknown 'ssl_protocols TLSv1.3'
client go
truth failure client alert 42 client server_certificate_unknown_issuer,server_certificate_rejected 1.3

scenario cert_selfsigned_12_nss
server nginx selfsigned 'ssl_protocols TLSv1.2'
client nss -V tls1.2:tls1.2
truth failure client alert 42 client server_certificate_self_signed 1.2

# ---- the client's chain

scenario mtls_leaf_alone_12_openssl
server s_server rsa -tls1_2 -Verify 3 -verify_return_error -CAfile "$pki/root.crt"
client s_client -cert "$pki/client.crt" -key "$pki/client.key"
truth failure server alert 48 server client_certificate_unknown_issuer 1.2
remark 'the client does not send the intermediate of its certificate'

scenario mtls_leaf_alone_12_go
server go rsa -min 12 -max 12 -ca "$pki/root.crt"
client s_client -cert "$pki/client.crt" -key "$pki/client.key"
truth failure server alert 42 server client_certificate_unknown_issuer,client_certificate_rejected 1.2
remark 'the client does not send the intermediate of its certificate'

scenario ok_12_mtls_chain
server s_server rsa -tls1_2 -Verify 3 -verify_return_error -CAfile "$pki/root.crt"
client s_client -cert "$pki/client.pem" -key "$pki/client.key" -cert_chain "$pki/client.pem"
truth success - - - - - 1.2

# ---- hellos of another age

scenario ver_ssl2_hello_nginx
server nginx rsa
client raw ssl2
truth failure server alert 70 server no_shared_version -

scenario ver_ssl2_hello_openssl
server s_server rsa
client raw ssl2
truth failure server alert 80 server no_shared_version,no_shared_signature_algorithm -
remark 'OpenSSL 3.0 says internal_error: TLS 1.0 is the most offered, and its SHA-1 signatures are off'

# ---- nobody tried TLS

scenario probe_connect_openssl
server s_server rsa
client raw connect
truth unknown - - - - - -
remark 'connected and closed: the decode_error of the server answers that'

# ---- what another connection showed

client_go_twice() { # OPTIONS: once in TLS 1.2, then in TLS 1.3
    client_go -max 12 2>&1 | sed 's/^/first: /'
    sleep 0.2
    client_go "$@"
}

scenario elsewhere_expired_13_go
server nginx expired 'ssl_protocols TLSv1.2 TLSv1.3'
client go_twice
set_ stream last
truth failure client alert 42 client server_certificate_expired 1.3
remark 'hidden in TLS 1.3, but shown in TLS 1.2 a moment before'

scenario elsewhere_name_13_go
server nginx othername 'ssl_protocols TLSv1.2 TLSv1.3'
client go_twice
set_ stream last
truth failure client alert 42 client server_certificate_name_mismatch 1.3
remark 'hidden in TLS 1.3, but shown in TLS 1.2 a moment before'

# ---- health checks and scanners; and what looks like them from afar

client_haproxy_check() {
    cat >check.cfg <<END
global
    log stderr format raw local0 debug
defaults
    log global
    mode tcp
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend unused
    bind 127.0.0.1:1
    default_backend lab
backend lab
    option ssl-hello-chk
    server lab $address:$port check inter 400ms
END
    in_client timeout 2 haproxy -db -f check.cfg
}
client_nmap_ciphers() { in_client timeout 60 nmap -n -Pn -p "$port" --script ssl-enum-ciphers "$address"; }
client_go_impatient() { # ten times, as a service that retries
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        client_go "$@"
        sleep 0.1
    done
}
client_crowd() { # many clients behind one address
    { client_curl; client_go; client_gnutls NORMAL; client_python; client_s_client -tls1_2; client_wget; client_node; } 2>&1
    client_java TLSv1.3,TLSv1.2 2>&1
}

scenario probe_haproxy_check
server nginx rsa
client haproxy_check
truth failure server alert 40 server no_shared_version -
remark 'harmless: option ssl-hello-chk offers SSL 3.0 and takes any answer'

scenario probe_nmap_ciphers
server nginx rsa 'ssl_protocols TLSv1.3'
client nmap_ciphers
set_ stream last
set_ limit 60
truth failure server alert 40 server no_shared_version -
remark 'harmless: one of the many hellos of ssl-enum-ciphers; which one is last differs from run to run'

scenario probe_canned_hello
server nginx rsa 'ssl_protocols TLSv1.2'
client raw canned
set_ stream last
truth failure client close - - client_closed 1.2
remark 'harmless: the same hello, random included, five times; the client wants no more than an answer'

scenario burst_expired_go
server nginx expired 'ssl_protocols TLSv1.2'
client go_impatient
truth failure client alert 42 client server_certificate_expired 1.2

scenario burst_expired_crowd
server nginx expired 'ssl_protocols TLSv1.2'
client crowd
set_ limit 20
truth failure client alert 45 client server_certificate_expired 1.2

# ---- certificates that parse and are not to be accepted

scenario cert_critical_12_curl
server nginx critical 'ssl_protocols TLSv1.2'
client curl
truth failure client alert 46 client server_certificate_rejected 1.2
remark 'a critical extension that nobody knows'

scenario cert_critical_12_go
server nginx critical 'ssl_protocols TLSv1.2'
client go
truth failure client alert 42 client server_certificate_rejected 1.2
remark 'a critical extension that nobody knows'

scenario cert_muststaple_12_gnutls
server nginx muststaple 'ssl_protocols TLSv1.2'
client gnutls NORMAL
truth failure client alert 42 client server_certificate_rejected 1.2
remark 'must-staple, and no staple'

scenario ok_12_muststaple_curl
server nginx muststaple 'ssl_protocols TLSv1.2'
client curl
truth success - - - - - 1.2
remark 'OpenSSL does not insist on the staple'

scenario cert_nulname_12_go
server nginx nulname 'ssl_protocols TLSv1.2'
client go
truth failure client alert 42 client server_certificate_malformed,server_certificate_name_mismatch 1.2

# ---- refusals of a later handshake, or by HTTP: the handshake itself succeeded

# auth_later NAME VERSION CLIENT-OPTION...: Apache asks for a certificate only when
# the page is asked for: by renegotiation, or after the handshake in TLS 1.3.
auth_later() {
    local name=$1 version=$2
    shift 2
    scenario "$name"
    server apache rsa "SSLProtocol -all +TLSv$version" "SSLCACertificateFile $pki/client_ca.pem" \
        '<Location />' 'SSLVerifyClient require' '</Location>'
    client s_client "$@"
    set_ stdin 'sleep 0.3; printf "GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n"; sleep 0.7'
    truth "success - - - - - $version"
    remark 'Apache refuses the client only after the request'
}
auth_later ok_12_renegotiation_refused 1.2
auth_later ok_13_post_handshake_refused 1.3 -enable_pha

scenario ok_13_post_handshake_accepted
server apache rsa 'SSLProtocol -all +TLSv1.3' "SSLCACertificateFile $pki/client_ca.pem" \
    '<Location />' 'SSLVerifyClient require' 'SSLVerifyDepth 3' '</Location>'
client s_client -enable_pha -cert "$pki/client.pem" -key "$pki/client.key" -cert_chain "$pki/client.pem"
set_ stdin 'sleep 0.3; printf "GET / HTTP/1.0\r\nHost: www.example.test\r\n\r\n"; sleep 0.7'
truth success - - - - - 1.3

scenario ok_12_renegotiation_by_client_refused
server nginx rsa 'ssl_protocols TLSv1.2'
client s_client
set_ stdin 'sleep 0.3; echo R; sleep 0.7'
truth success - - - - - 1.2
remark 'nginx turns down renegotiation by the client; the first handshake succeeded'

scenario ok_12_renegotiation_by_client
server s_server_open rsa -tls1_2 -client_renegotiation
client s_client
set_ stdin 'sleep 0.3; echo R; sleep 0.5; echo hello; sleep 0.5'
truth success - - - - - 1.2

# ---- clients that are servers to others, and clocks

# The proxy runs at the client's end, and curl asks it in plaintext.
client_haproxy_backend() { # SERVER-OPTION...
    cat >backend.cfg <<END
global
    log stderr format raw local0 debug
defaults
    mode http
    log global
    timeout connect 3s
    timeout client 5s
    timeout server 5s
    retries 0
frontend lab
    bind 127.0.0.1:8088
    default_backend lab
backend lab
    server lab $host:$port ssl ca-file $pki/root.crt $*
END
    in_client haproxy -db -f backend.cfg &
    sleep 1
    in_client curl -sS -m "$limit" http://127.0.0.1:8088/ && sleep 0.5
}
client_nginx_proxy() { # DIRECTIVE...
    cat >proxy.conf <<END
daemon off;
master_process off;
pid $dir/proxy.pid;
error_log stderr info;
events {}
http {
    access_log off;
    server {
        listen 8088;
        location / {
            proxy_pass https://$host:$port;
            proxy_ssl_trusted_certificate $pki/root.crt;
            $(printf '%s;\n' "$@")
        }
    }
}
END
    in_client nginx -c "$dir/proxy.conf" -e /dev/stderr &
    sleep 1
    in_client curl -sS -m "$limit" http://127.0.0.1:8088/ && sleep 0.5
}
client_faketime_curl() { # TIME CURL-OPTION...
    local when=$1
    shift
    in_client faketime "$when" curl -sS -m "$limit" -o /dev/null --cacert "$pki/root.crt" "$@" "https://$host:$port/" </dev/null
}

scenario cert_name_13_haproxy_backend
server nginx othername 'ssl_protocols TLSv1.3'
client haproxy_backend verify required verifyhost www.example.test sni 'str(www.example.test)'
truth failure client alert 80 client server_certificate_name_mismatch,server_certificate_rejected 1.3
remark 'HAProxy checks the name itself and gives OpenSSL no reason'

scenario hangup_name_12_nginx_proxy
server nginx othername 'ssl_protocols TLSv1.2'
client nginx_proxy 'proxy_ssl_verify on'
truth success - - - - - 1.2
remark 'nginx as a client checks the certificate after the handshake and hangs up: a success on the wire'

scenario sni_missing_nginx_proxy
server nginx_strict rsa
client nginx_proxy 'proxy_ssl_server_name off'
truth failure server alert 112 server sni_missing,unrecognized_name -
remark 'nginx as a client sends no SNI unless told (proxy_ssl_server_name)'

scenario cert_clock_behind_12_curl
server nginx rsa 'ssl_protocols TLSv1.2'
client faketime_curl '2001-01-01 00:00:00'
truth failure client alert 42 client server_certificate_not_yet_valid 1.2
remark 'the clock of the client is 25 years behind; the certificate is in order'

scenario cert_clock_ahead_12_curl
server nginx rsa 'ssl_protocols TLSv1.2'
client faketime_curl '+9000 days'
truth failure client alert 45 client server_certificate_expired 1.2
remark 'the clock of the client is 25 years ahead; the certificate is in order'

scenario elsewhere_incomplete_13_go
server nginx incomplete 'ssl_protocols TLSv1.2 TLSv1.3'
client go_twice
set_ stream last
truth failure client alert 42 client server_certificate_incomplete_chain,server_certificate_unknown_issuer 1.3
remark 'hidden in TLS 1.3, but shown in TLS 1.2 a moment before'

# ---- a key that cannot sign for the client

client_s_client_twice() { # OPTIONS: once with all of its schemes, in TLS 1.2, then with these
    client_s_client -tls1_2 </dev/null 2>&1 | sed 's/^/first: /'
    sleep 0.2
    client_s_client "$@"
}

scenario sigalg_rsa_nginx_ecdsa
server nginx ecdsa 'ssl_protocols TLSv1.2 TLSv1.3'
client s_client -sigalgs RSA+SHA256:RSA-PSS+SHA256
truth failure server alert 40 server no_shared_signature_algorithm -
remark 'all else in the offer is ordinary'

scenario sigalg_elsewhere_nginx_ecdsa
server nginx ecdsa 'ssl_protocols TLSv1.2 TLSv1.3'
client s_client_twice -tls1_3 -sigalgs RSA-PSS+SHA256:RSA-PSS+SHA384
set_ stream last
truth failure server alert 40 server no_shared_signature_algorithm -
remark 'the server showed its ECDSA certificate a moment before'

# ---- cut by the snapshot length

scenario cut_plain_answer_http
server raw http
client curl
set_ snaplen 100
truth failure server plaintext - - server_not_tls -
remark 'the first bytes of the answer are there'

# ---- a server that dies

server_s_server_killed() { # ARGUMENT OF s_server: stopped, and killed while a client waits
    (
        wait_for 20 listening
        pid=$(in_server ss -Hltnp "sport = :$port" | sed -n 's/.*pid=\([0-9]*\).*/\1/p')
        kill -STOP "$pid"
        wait_for 20 sh -c "ip netns exec $tag-s ss -Htn state established 'sport = :$port' | awk '\$1 > 0' | grep -q ."
        sleep 2
        kill -KILL "$pid"
    ) &
    server_s_server "$@"
}

scenario hello_server_killed_openssl
server s_server_killed rsa
client curl
truth failure server reset - - client_hello_reset -
remark 'the process was stopped, and killed two seconds after the ClientHello'

# ---- nobody answers

scenario syn_dropped
server s_server rsa
router in_router iptables -A FORWARD -p tcp --dport 443 -j DROP
client curl
set_ limit 4
set_ linger 0.1
truth unknown - - - - - -
remark 'no TLS: the SYN gets lost, and is sent again'

# ---- a ClientHello that is too large, by the side of one that is not

client_curl_then_node24() {
    client_curl 2>&1 | sed 's/^/first: /'
    sleep 0.2
    client_node24
}

scenario hello_large_beside_small
server nginx rsa
router in_router iptables -A FORWARD -p tcp --dport 443 -m length --length 1400:65535 -j DROP
client curl_then_node24
set_ stream last
set_ linger 12
truth failure nobody timeout - - large_client_hello,client_hello_lost -
remark 'packets over 1400 bytes get lost on the way to the server; curl gets through a moment before'
