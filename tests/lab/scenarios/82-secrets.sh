# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: Apache-2.0
# What only secrets show of datagrams: refusals in QUIC's Handshake and 1-RTT
# packets (Chromium, ngtcp2, Caddy with quic-go), DTLS 1.3 (wolfSSL), encrypted
# alerts of DTLS 1.2 in every kind of suite (OpenSSL, GnuTLS). Needs the
# packages caddy and chromium besides, and peers/dtls13.c (see README.md).

server_caddy_h3() { # CERTIFICATE TLS-DIRECTIVE...
    local cert=$1
    shift
    {
        printf '{\n auto_https off\n admin off\n servers {\n  protocols h3\n }\n log {\n  level FATAL\n }\n}\n'
        printf 'https://%s:%s {\n tls %s.pem %s.key {\n' "$host" "$port" "$pki/$cert" "$pki/$cert"
        printf '  %s\n' "$@"
        printf ' }\n respond "hello"\n}\n'
    } >"$dir/Caddyfile"
    HOME=$dir in_server caddy run --adapter caddyfile --config "$dir/Caddyfile" 2>&1 | grep -v '^{"level":"[iw]'
}
client_chromium_h3() {
    HOME=$dir SSLKEYLOGFILE=$keylog in_client timeout "$limit" chromium --headless --no-sandbox --disable-gpu \
        --disable-dev-shm-usage --disable-background-networking --user-data-dir="$dir/chromium" \
        --enable-logging=stderr --origin-to-force-quic-on="$host:$port" "$@" \
        --dump-dom "https://$host:$port/" </dev/null 2>&1 | grep -ao 'Page load failed.*'
    sleep 11 # the silence that is left shows by a packet of somebody else's
    in_client bash -c 'echo >/dev/udp/10.2.0.2/9'
}
client_quic_named() { # to a numeric address it says the name localhost
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" gtlsclient -q --exit-on-all-streams-close \
        "$@" "$host" "$port" "https://$host:$port/"
}
server_dtls13() { # CERTIFICATE OPTION...
    in_server "$work/dtls13" server "$address" "$port" "$pki/$1.pem" "$pki/$1.key" "$pki/client_ca.pem" "$keylog" "${@:2}"
}
client_dtls13() { # CERTIFICATE OPTION... (`-`: none)
    local cert=- key=-
    [ "$1" = - ] || { cert=$pki/$1.pem key=$pki/$1.key; }
    in_client timeout "$limit" "$work/dtls13" client "$address" "$port" "$cert" "$key" "$pki/root.crt" "$keylog" \
        name="$host" "${@:2}"
}

# ---- QUIC ----

udp quic_keys_ok_aes256
server quic rsa --ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM
client quic
truth success - - - - - 1.3

udp quic_keys_ok_chacha20
server quic rsa --ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305
client quic --ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305
truth success - - - - - 1.3

udp quic_keys_ok_ccm
server quic rsa --ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-CCM
client quic --ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-CCM
truth success - - - - - 1.3

udp quic_keys_ok_caddy
server caddy_h3 rsa
client quic_named
truth success - - - - - 1.3

udp quic_keys_ok_client_cert
server quic rsa --verify-client
client quic --cert="$pki/client.pem" --key="$pki/client.key"
truth success - - - - - 1.3

udp quic_keys_client_cert_missing_go
server caddy_h3 rsa 'client_auth {' '  mode require_and_verify' "  trusted_ca_cert_file $pki/client_ca.pem" ' }'
client quic_named
truth failure server quic_close 42 server client_certificate_missing 1.3

udp quic_keys_client_cert_expired
server caddy_h3 rsa 'client_auth {' '  mode require_and_verify' "  trusted_ca_cert_file $pki/client_ca.pem" ' }'
client quic_named --cert="$pki/client_expired.pem" --key="$pki/client_expired.key"
truth failure server quic_close 42 server client_certificate_expired,client_certificate_rejected 1.3

udp quic_keys_alpn
server caddy_h3 rsa
client quic_named -v 0xff00001d
truth failure server quic_close 120 server no_shared_application_protocol 1.3

udp quic_keys_cert_unknown_chromium
server caddy_h3 rsa
client chromium_h3
set_ filter 'udp port 4433 or udp port 9'
set_ limit 20
truth failure client quic_close 46 client server_certificate_unknown_issuer,server_certificate_rejected 1.3

udp quic_keys_cert_name_chromium
server caddy_h3 othername
client chromium_h3
set_ filter 'udp port 4433 or udp port 9'
set_ limit 20
truth failure client quic_close 46 client server_certificate_name_mismatch,server_certificate_rejected 1.3

# ---- DTLS 1.3 ----
# Not with ChaCha20: wolfSSL 5.5.4 takes the mask's block counter in the wrong
# byte order (RFC 9147 section 4.2.3; its own peers do so, too).

udp dtls_13_ok
server dtls13 rsa
client dtls13 -
truth success - - - - - 1.3

udp dtls_13_ok_aes256
server dtls13 rsa suite=TLS13-AES256-GCM-SHA384
client dtls13 -
truth success - - - - - 1.3

udp dtls_13_ok_ccm8
server dtls13 rsa suite=TLS13-AES128-CCM-8-SHA256
client dtls13 - suite=TLS13-AES128-CCM-8-SHA256
truth success - - - - - 1.3

udp dtls_13_ok_client_cert
server dtls13 rsa verify
client dtls13 client
truth success - - - - - 1.3

udp dtls_13_cert_expired
server dtls13 expired
client dtls13 -
truth failure client alert 45 client server_certificate_expired 1.3

udp dtls_13_cert_unknown
server dtls13 unknown
client dtls13 -
truth failure client alert 48 client server_certificate_unknown_issuer 1.3

udp dtls_13_client_cert_missing
server dtls13 rsa verify
client dtls13 -
truth failure server alert 116 server client_certificate_missing 1.3

udp dtls_13_client_cert_unknown
server dtls13 rsa verify
client dtls13 client_stranger
truth failure server alert 48 server client_certificate_unknown_issuer 1.3

# ---- DTLS 1.2: close_notify under each kind of suite ----

for suite in ECDHE-RSA-AES128-GCM-SHA256 AES128-CCM AES128-CCM8 ECDHE-RSA-CHACHA20-POLY1305 \
    ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES256-SHA384; do
    name=dtls_12_ok_$(tr 'A-Z-' 'a-z_' <<<"${suite#ECDHE-RSA-}")
    udp "$name"
    server dtls rsa -dtls1_2 -cipher "$suite:@SECLEVEL=0"
    client dtls -dtls1_2 -cipher "$suite:@SECLEVEL=0"
    truth success - - - - - 1.2
done

udp dtls_12_ok_without_etm
server dtls_gnutls rsa
client dtls_gnutls NORMAL:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL:+AES-128-CBC:%NO_ETM
truth success - - - - - 1.2
