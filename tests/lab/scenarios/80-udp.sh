# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: Apache-2.0
# DTLS (OpenSSL, GnuTLS) and QUIC (ngtcp2's gtlsserver and gtlsclient, GnuTLS
# inside). Needs the packages ngtcp2-server and ngtcp2-client besides.

server_dtls() { # CERTIFICATE OPTION...
    local cert=$1
    shift
    sleep 60 | in_server openssl s_server -accept "$port" -cert "$pki/$cert.pem" -key "$pki/$cert.key" \
        -cert_chain "$pki/$cert.pem" -keylogfile "$keylog" "$@"
}
client_dtls() { client_s_client "$@"; }
server_dtls_gnutls() { # CERTIFICATE OPTION...
    local cert=$1
    shift
    in_server gnutls-serv -u --echo -p "$port" --x509certfile "$pki/$cert.pem" \
        --x509keyfile "$pki/$cert.key" "$@"
}
client_dtls_gnutls() { client_gnutls "$1" -u "${@:2}"; }
server_quic() { # CERTIFICATE OPTION...
    local cert=$1
    shift
    in_server gtlsserver -q "$@" "$address" "$port" "$pki/$cert.key" "$pki/$cert.pem"
}
client_quic() {
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" gtlsclient -q --exit-on-all-streams-close --sni="$host" \
        "$@" "$address" "$port" "https://$host:$port/"
}

# udp NAME: a scenario over UDP.
udp() {
    scenario "$1"
    set_ port 4433
    set_ filter 'udp or icmp or (icmp6 and ip6[40] < 128)'
}

# ---- DTLS ----

udp dtls_ok_12
server dtls rsa -dtls1_2
client dtls -dtls1_2
truth success - - - - - 1.2

udp dtls_ok_10
server dtls rsa -dtls1 -cipher DEFAULT:@SECLEVEL=0
client dtls -dtls1 -cipher DEFAULT:@SECLEVEL=0
truth success - - - - - 1.0

udp dtls_ok_cookie
server dtls rsa -dtls1_2 -listen
client dtls -dtls
truth success - - - - - 1.2
remark 'HelloVerifyRequest: the second ClientHello has the cookie'

udp dtls_ok_fragments
server dtls rsa -dtls1_2 -mtu 300
client dtls -dtls -mtu 300
truth success - - - - - 1.2
remark 'messages in fragments of less than 300 bytes'

udp dtls_ok_gnutls
server dtls_gnutls rsa
client dtls_gnutls NORMAL
truth success - - - - - 1.2

udp dtls_ok_ipv6
server dtls rsa -dtls1_2
client dtls -dtls -6
set_ family 6
truth success - - - - - 1.2

udp dtls_ok_loss
server dtls rsa -dtls1_2 -mtu 600
client dtls -dtls -timeout
router in_router iptables -A FORWARD -p udp -m statistic --mode nth --every 4 --packet 2 -j DROP
set_ limit 12
set_ stdin 'sleep 6; printf "hello\n"; sleep 1'
truth success - - - - - 1.2
remark 'every fourth datagram is lost; flights are sent again'

udp dtls_version
server dtls rsa -dtls1_2
client dtls -dtls1 -cipher DEFAULT:@SECLEVEL=0
truth failure server alert 70 server no_shared_version -

udp dtls_cipher
server dtls rsa -dtls1_2 -cipher AES128-SHA
client dtls -dtls -cipher ECDHE-RSA-AES128-GCM-SHA256
truth failure server alert 40 server no_shared_cipher -

udp dtls_cert_expired
server dtls expired -dtls1_2
client dtls -dtls
truth failure client alert 45 client server_certificate_expired 1.2

udp dtls_10_cert_expired
server dtls expired -dtls1 -cipher DEFAULT:@SECLEVEL=0
client dtls -dtls1 -cipher DEFAULT:@SECLEVEL=0
truth failure client alert 45 client server_certificate_expired 1.0

udp dtls_cert_selfsigned
server dtls selfsigned -dtls1_2
client dtls -dtls
truth failure client alert 48 client server_certificate_self_signed 1.2

udp dtls_cert_name
server dtls othername -dtls1_2
client dtls -dtls
truth failure client alert 42 client server_certificate_name_mismatch 1.2

udp dtls_client_cert_missing
server dtls rsa -dtls1_2 -Verify 2 -CAfile "$pki/client_ca.pem"
client dtls -dtls
truth failure server alert 40 server client_certificate_missing 1.2

udp dtls_closed_port
server none
client dtls -dtls -timeout
set_ limit 12
truth failure nobody timeout - - client_hello_unanswered -
remark 'ICMP port unreachable'

udp dtls_flight_lost
server dtls rsa -dtls1_2 -listen
client dtls -dtls
router in_router iptables -A FORWARD -o c -m length --length 150:65535 -j DROP
set_ limit 20
truth failure nobody timeout - - server_flight_lost 1.2
remark 'what is small passes: the cookie request, ServerHello and ServerHelloDone'

udp dtls_cookie_only
server dtls rsa -dtls1_2 -listen
client dtls -dtls
router in_router iptables -A FORWARD -o c -m length '!' --length 76 -j DROP
set_ limit 20
truth failure nobody timeout - - server_flight_lost,server_stalled -
remark 'the cookie request alone passes; at the client the rest may as well not have been sent'

udp dtls_blackhole
server dtls rsa -dtls1_2
client dtls -dtls -timeout
router in_router iptables -A FORWARD -p udp --dport 4433 -j DROP
set_ limit 20
set_ linger 12
truth failure nobody timeout - - client_hello_unanswered -

# ---- QUIC ----

udp quic_ok
server quic rsa
client quic
truth success - - - - - 1.3

udp quic_ok_retry
server quic rsa -V
client quic
truth success - - - - - 1.3
remark 'Retry: the hello comes again under other keys'

udp quic_ok_hello_retry
server quic rsa --groups=-GROUP-ALL:+GROUP-SECP384R1
client quic
truth success - - - - - 1.3
remark 'HelloRetryRequest'

udp quic_ok_ipv6
server quic ecdsa
client quic
set_ family 6
truth success - - - - - 1.3

udp quic_ok_draft29
server quic rsa
client quic -v 0xff00001d
truth success - - - - - 1.3

udp quic_ok_version_switch
server quic rsa --preferred-versions=v2draft --other-versions=v2draft,v1
client quic --preferred-versions=v2draft,v1 --other-versions=v2draft,v1
truth success - - - - - 1.3
remark 'begins with version 1, goes on with a draft of version 2 (RFC 9368)'

udp quic_ok_loss
server quic rsa
client quic
router in_router iptables -A FORWARD -p udp -m statistic --mode nth --every 4 --packet 1 -j DROP
truth success - - - - - 1.3
remark 'every fourth datagram is lost'

udp quic_cipher
server quic rsa --ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM
client quic --ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305
truth failure server quic_close 40 server no_shared_cipher -

udp quic_group
server quic rsa --groups=-GROUP-ALL:+GROUP-SECP384R1
client quic --groups=-GROUP-ALL:+GROUP-X25519
truth failure server quic_close 40 server no_shared_group -

udp quic_client_cert_missing
server quic rsa --verify-client
client quic
truth failure server quic_close 116 server client_certificate_missing 1.3
remark 'the close is encrypted; the server repeats it for every packet'

udp quic_closed_port
server none
client quic --timeout=8s
set_ limit 14
truth failure nobody timeout - - client_hello_unanswered -
remark 'ICMP port unreachable; the client gives up without a word'

udp quic_blackhole
server quic rsa
client quic
router in_router iptables -A FORWARD -p udp --dport 4433 -j DROP
set_ limit 14
truth failure client quic_close - - client_hello_unanswered -
remark 'the client closes when its handshake timer ends after ten seconds'
