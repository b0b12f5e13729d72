# shellcheck shell=bash disable=SC2154,SC2016,SC2086
# SPDX-License-Identifier: Apache-2.0
# Stacks of other languages (Erlang, Haskell, Bouncy Castle, Deno's rustls, Botan, uTLS), Firefox,
# libcurl over NSS and GnuTLS, servers that close without a word; and what a reader of sizes
# mistakes for a failure.

# ---- clients that reject a certificate

bad cert_name_12_erlang othername 1.2 40 server_certificate_name_mismatch erlang
bad cert_usage_12_erlang usage 1.2 40 server_certificate_wrong_usage erlang
bad cert_unknown_12_erlang unknown 1.2 48 server_certificate_unknown_issuer erlang
bad cert_selfsigned_12_erlang selfsigned 1.2 42 server_certificate_self_signed erlang
bad cert_expired_13_erlang expired 1.3 45 server_certificate_expired$hidden erlang
bad cert_name_12_haskell othername 1.2 46 server_certificate_name_mismatch haskell
bad cert_notyet_12_haskell notyet 1.2 45 server_certificate_not_yet_valid haskell
bad cert_expired_13_haskell expired 1.3 45 server_certificate_expired$hidden haskell
bad cert_expired_12_bouncy expired 1.2 46 server_certificate_expired bouncy TLSv1.2
bad cert_usage_13_bouncy usage 1.3 46 server_certificate_wrong_usage$hidden bouncy TLSv1.3
bad cert_sha1_12_bouncy sha1 1.2 46 server_certificate_weak bouncy TLSv1.2
server s_server sha1 -tls1_2 -cipher DEFAULT:@SECLEVEL=0
bad cert_expired_12_deno expired 1.2 45 server_certificate_expired deno
bad cert_usage_13_deno usage 1.3 43 server_certificate_wrong_usage$hidden deno
bad cert_weakkey_12_deno weakkey 1.2 51 server_certificate_weak deno
server s_server weakkey -tls1_2 -cipher DEFAULT:@SECLEVEL=0
bad cert_unknown_12_utls_chrome unknown 1.2 42 server_certificate_unknown_issuer utls chrome
remark 'the hello of Chrome, the habits of Go'
bad cert_name_13_utls_firefox othername 1.3 42 server_certificate_name_mismatch$hidden utls firefox
bad cert_unknown_12_utls_ios unknown 1.2 42 server_certificate_unknown_issuer utls ios
bad cert_expired_12_firefox expired 1.2 45 server_certificate_expired firefox
remark 'Firefox rejects encrypted, behind both Finished'
set_ limit 60
set_ filter 'tcp port 443'
bad cert_name_13_firefox othername 1.3 42 server_certificate_name_mismatch$hidden firefox
set_ limit 60
set_ filter 'tcp port 443'
bad cert_expired_12_curl_nss expired 1.2 45 server_certificate_expired flavour nss
bad cert_usage_13_curl_nss usage 1.3 46 server_certificate_wrong_usage$hidden flavour nss

scenario cert_expired_12_gio
server nginx expired 'ssl_protocols TLSv1.2'
client gio
truth failure client reset - - client_closed,server_certificate_expired,server_certificate_rejected 1.2
remark 'glib-networking closes without an alert, with data unread'

# ---- nothing in common

pair cipher_12_erlang 'erlang rsa versions=tlsv1.2' 's_client -tls1_2 -cipher ADH:@SECLEVEL=0' \
    failure server alert 71 server no_shared_cipher -
remark 'Erlang says insufficient_security whenever nothing is shared'
pair group_13_erlang 'erlang rsa versions=tlsv1.3' 's_client -tls1_3 -groups ffdhe8192' failure server alert 71 server no_shared_group -
pair sigalg_13_erlang 'erlang rsa versions=tlsv1.3' 's_client -tls1_3 -sigalgs ECDSA+SHA384' \
    failure server alert 71 server no_shared_signature_algorithm -
pair ver_erlang_max12 'erlang rsa versions=tlsv1.2' 's_client -tls1_3' failure server alert 70 server no_shared_version -
pair ver_haskell_max12 'haskell rsa max=12' 's_client -tls1_3' failure server alert 40 server no_shared_version,no_shared_cipher -
pair ver_deno_11 'deno rsa' 's_client -tls1_1 -cipher DEFAULT:@SECLEVEL=0' failure server alert 40 server no_shared_version -
pair ver_h2o_11 'h2o rsa' 's_client -tls1_1 -cipher DEFAULT:@SECLEVEL=0' failure server close - - no_shared_version,server_closed -
remark 'h2o closes without an alert'
pair cipher_h2o_13 'h2o rsa "min-version: TLSv1.3"' 's_client -tls1_3 -ciphersuites TLS_AES_128_CCM_8_SHA256' \
    failure server close - - no_shared_cipher,server_closed -
remark 'h2o closes without an alert'
pair cipher_12_botan 'botan rsa' 's_client -tls1_2 -cipher ADH:@SECLEVEL=0' failure server alert 40 server no_shared_cipher -
pair alpn_13_deno 'deno rsa alpn=h2' 's_client -alpn spdy/3' failure server alert 120 server no_shared_application_protocol -
pair alpn_12_bouncy 'bouncy rsa TLSv1.2 - alpn=h2' 's_client -tls1_2 -alpn spdy/3' failure server alert 120 server no_shared_application_protocol -
pair sni_unknown_bouncy 'bouncy rsa TLSv1.3,TLSv1.2 - sni=www.example.test' 's_client -servername other.example.test' \
    failure server alert 112 server unrecognized_name -
pair dh1024_botan "s_server rsa -tls1_2 -cipher DHE:@SECLEVEL=0 -dhparam $pki/dh1024.pem" 'botan --tls1.2' \
    failure client alert 71 client weak_dh 1.2
pair proto_botan_openssl 'botan rsa' 'curl --tls-max 1.2' failure client alert 50 client decode_error,illegal_parameter 1.2
remark 'OpenSSL finds an extension of Botan 2.19 bad'

# ---- client certificates

ask="auth=required ca=$pki/client_ca.pem"
as() { printf 's_client -cert %s/%s.pem -key %s/%s.key -cert_chain %s/%s.pem' "$pki" "$1" "$pki" "$1" "$pki" "$1"; }
pair mtls_missing_12_erlang "erlang rsa versions=tlsv1.2 $ask" s_client failure server alert 40 server client_certificate_missing 1.2
pair mtls_missing_13_erlang "erlang rsa versions=tlsv1.3 $ask" s_client failure server alert 116 server client_certificate_missing$guess 1.3
pair mtls_expired_12_haskell "haskell rsa max=12 $ask" "$(as client_expired)" failure server alert 45 server client_certificate_expired 1.2
pair mtls_missing_13_haskell "haskell rsa min=13 $ask" s_client failure server alert 46 server client_certificate_missing$guess 1.3
pair mtls_unknown_12_bouncy "bouncy rsa TLSv1.2 $pki/client_ca.pem auth" "$(as client_stranger)" \
    failure server alert 46 server client_certificate_unknown_issuer 1.2
pair mtls_missing_13_lighttpd_gnutls "lighttpd_gnutls rsa 'ssl.verifyclient.activate = \"enable\"' \
    'ssl.verifyclient.enforce = \"enable\"' 'ssl.ca-file = \"$pki/client_ca.pem\"'" s_client \
    failure server close - - client_certificate_missing$guess 1.3
remark 'closes without an alert; the request of 18 bytes has the size of a padded alert'
pair ok_13_erlang_client_cert "erlang rsa versions=tlsv1.3 $ask" "$(as client)" success - - - - - 1.3
pair ok_13_haskell_client_cert "haskell rsa min=13 $ask" "$(as client)" success - - - - - 1.3

# ---- servers that issue no tickets and close at once, after a whole handshake

client_idle() { sleep 2 | client_s_client -quiet "$@"; }
for how in close late data; do
    pair "ok_13_rude_${how}_go" "go rsa -rude $how" idle success - - - - - 1.3
    remark 'the server closes once the handshake is over'
done
pair ok_13_rude_java 'go rsa -rude close' 'java TLSv1.3' success - - - - - 1.3
pair ok_13_left_close_erlang 'erlang rsa versions=tlsv1.3' 'python leave=close' success - - - - - 1.3
pair ok_13_left_reset_haskell 'haskell rsa min=13' 'python leave=reset' success - - - - - 1.3
pair ok_13_left_half_bouncy 'bouncy rsa TLSv1.3 -' 'python leave=half' success - - - - - 1.3
pair ok_13_left_silent_deno 'deno rsa' 'python leave=silent' success - - - - - 1.3
pair ok_12_left_reset_botan 'botan rsa' 'python leave=reset' success - - - - - 1.2
pair ok_13_firefox_deno 'deno rsa' firefox success - - - - - 1.3
set_ limit 60
set_ filter 'tcp port 443'

# ---- silence, and no for an answer

pair silence_aria2 'raw silent' aria2 failure client alert 0 client client_hello_unanswered -
remark 'aria2 says close_notify when its patience is over'
pair silence_short_timeout 'raw silent' 'curl -m 2' failure client close - - client_hello_unanswered -
reject() { in_router iptables -A FORWARD -i c -p tcp -m string --algo bm --string "$host" -j REJECT --reject-with "$1"; }
pair tampered_reject 'nginx rsa' curl failure middlebox reset - - connection_tampered -
router reject tcp-reset
remark 'the router turns the name down by iptables -j REJECT --reject-with tcp-reset'
pair tampered_reject_erlang 'erlang rsa' erlang failure middlebox reset - - connection_tampered -
router reject tcp-reset
pair hello_lost_filtered 'nginx rsa' curl failure nobody timeout - - client_hello_lost -
router in_router iptables -A FORWARD -i c -p tcp -m string --algo bm --string "$host" -j DROP
set_ capture_for 15
set_ limit 16
remark 'the router drops what names the server'

# ---- plaintext to TLS ports

client_says() { # TEXT with escapes: to the server, and waits
    { printf %b "$1" && sleep 2; } | in_client timeout 5 socat -t 2 - "TCP:$host:$port" | head -c 200
}
pair not_tls_client_mqtt 'mosquitto rsa' "says '\\020\\016\\000\\004MQTT\\004\\002\\000\\074\\000\\002ab'" \
    failure client plaintext - - client_not_tls -
set_ port 8883
pair not_tls_client_ssh 'go rsa' "says 'SSH-2.0-lab\\r\\n'" failure client plaintext - - client_not_tls -
pair not_tls_server_deno 'python_http' deno failure server plaintext - - server_not_tls -
pair not_tls_server_bouncy 'python_http' 'bouncy TLSv1.3,TLSv1.2' failure server plaintext - - server_not_tls -

# ---- a PROXY header that the server does not expect

pair proxy_header_refused_openssl 's_server rsa' 'via_haproxy send-proxy' failure server close - - client_not_tls -
pair proxy_header_refused_nginx 'nginx rsa' 'via_haproxy send-proxy-v2' failure server plaintext - - client_not_tls -
pair proxy_header_refused_gnutls 'gnutls rsa' 'via_haproxy send-proxy' failure server alert 10 server client_not_tls,unexpected_message -
pair proxy_header_refused_wolfssl 'wolfssl rsa' 'via_haproxy send-proxy' failure server alert 22 server client_not_tls,record_overflow -
