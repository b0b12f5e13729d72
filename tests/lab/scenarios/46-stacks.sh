# shellcheck shell=bash disable=SC2154,SC2016,SC2086
# SPDX-License-Identifier: Apache-2.0
# Stacks that the other files don't have, as client and as server: Mbed TLS, wolfSSL,
# Caddy, Chromium, Perl, and the proxies in front of them; failing and succeeding.

# pair NAME SERVER CLIENT TRUTH...: the words of SERVER and CLIENT are read as the shell does.
pair() {
    scenario "$1"
    eval "server $2"
    eval "client $3"
    shift 3
    truth "$@"
}

# ---- clients that reject a certificate

bad cert_expired_12_mbedtls expired 1.2 45 server_certificate_expired mbedtls
bad cert_notyet_12_mbedtls notyet 1.2 46 server_certificate_not_yet_valid mbedtls
bad cert_selfsigned_12_mbedtls selfsigned 1.2 48 server_certificate_self_signed mbedtls
bad cert_unknown_12_mbedtls unknown 1.2 48 server_certificate_unknown_issuer mbedtls
bad cert_incomplete_12_mbedtls incomplete 1.2 48 server_certificate_incomplete_chain,server_certificate_unknown_issuer mbedtls
bad cert_name_12_mbedtls othername 1.2 42 server_certificate_name_mismatch mbedtls
bad cert_usage_12_mbedtls usage 1.2 43 server_certificate_wrong_usage mbedtls
pair cert_sha1_12_mbedtls 's_server sha1 -tls1_2 -cipher DEFAULT:@SECLEVEL=0' mbedtls failure client alert 46 client server_certificate_weak 1.2
pair cert_weakkey_12_mbedtls 's_server weakkey -tls1_2 -cipher DEFAULT:@SECLEVEL=0' mbedtls failure client alert 43 client server_certificate_weak 1.2

bad cert_expired_12_wolfssl expired 1.2 45 server_certificate_expired wolfssl
bad cert_notyet_12_wolfssl notyet 1.2 45 server_certificate_not_yet_valid wolfssl
bad cert_selfsigned_12_wolfssl selfsigned 1.2 42 server_certificate_self_signed wolfssl
bad cert_unknown_12_wolfssl unknown 1.2 48 server_certificate_unknown_issuer wolfssl
bad cert_incomplete_12_wolfssl incomplete 1.2 48 server_certificate_incomplete_chain,server_certificate_unknown_issuer wolfssl
bad cert_name_12_wolfssl othername 1.2 42 server_certificate_name_mismatch wolfssl
bad cert_usage_12_wolfssl usage 1.2 42 server_certificate_wrong_usage wolfssl
bad cert_expired_13_wolfssl expired 1.3 45 server_certificate_expired$hidden wolfssl
bad cert_unknown_13_wolfssl unknown 1.3 48 server_certificate_unknown_issuer$hidden wolfssl
bad cert_name_13_wolfssl othername 1.3 42 server_certificate_name_mismatch$hidden wolfssl
bad cert_selfsigned_13_wolfssl selfsigned 1.3 42 server_certificate_self_signed,server_certificate_unknown_issuer$hidden wolfssl

bad cert_expired_12_chromium expired 1.2 46 server_certificate_expired chromium
bad cert_notyet_12_chromium notyet 1.2 46 server_certificate_not_yet_valid chromium
bad cert_selfsigned_12_chromium selfsigned 1.2 46 server_certificate_self_signed chromium
bad cert_unknown_12_chromium unknown 1.2 46 server_certificate_unknown_issuer chromium
bad cert_incomplete_12_chromium incomplete 1.2 46 server_certificate_incomplete_chain,server_certificate_unknown_issuer chromium
bad cert_name_12_chromium othername 1.2 46 server_certificate_name_mismatch chromium
bad cert_usage_12_chromium usage 1.2 46 server_certificate_wrong_usage chromium
bad cert_expired_13_chromium expired 1.3 46 server_certificate_expired$hidden chromium
bad cert_unknown_13_chromium unknown 1.3 46 server_certificate_unknown_issuer$hidden chromium
bad cert_name_13_chromium othername 1.3 46 server_certificate_name_mismatch$hidden chromium

bad cert_expired_12_perl expired 1.2 45 server_certificate_expired perl
bad cert_unknown_13_perl unknown 1.3 48 server_certificate_unknown_issuer perl
bad cert_notyet_12_gnutls notyet 1.2 42 server_certificate_not_yet_valid gnutls NORMAL
bad cert_notyet_12_go notyet 1.2 42 server_certificate_not_yet_valid go
bad cert_notyet_13_nss notyet 1.3 45 server_certificate_not_yet_valid$hidden nss -V tls1.2:tls1.3
bad cert_usage_12_python usage 1.2 43 server_certificate_wrong_usage python
bad cert_usage_13_java usage 1.3 46 server_certificate_wrong_usage$hidden java TLSv1.3
bad cert_name_13_java othername 1.3 46 server_certificate_name_mismatch$hidden java TLSv1.3
bad cert_incomplete_12_gnutls incomplete 1.2 42 server_certificate_incomplete_chain,server_certificate_unknown_issuer gnutls NORMAL

pair cert_expired_12_caddy_go 'caddy expired "protocols tls1.2 tls1.2"' go failure client alert 42 client server_certificate_expired 1.2
pair cert_unknown_12_mbedtls_curl 'mbedtls unknown' curl failure client alert 48 client server_certificate_unknown_issuer 1.2
pair cert_name_12_wolfssl_go 'wolfssl othername max=12' go failure client alert 42 client server_certificate_name_mismatch 1.2
pair cert_expired_13_wolfssl_curl 'wolfssl expired min=13' curl failure client alert 45 client server_certificate_expired 1.3
pair cert_selfsigned_13_caddy_java 'caddy selfsigned "protocols tls1.3"' 'java TLSv1.3' failure client alert 46 client \
    server_certificate_self_signed,server_certificate_unknown_issuer$hidden 1.3
pair cert_notyet_12_haproxy_mbedtls 'haproxy notyet ssl-max-ver TLSv1.2' mbedtls failure client alert 46 client server_certificate_not_yet_valid 1.2
pair cert_expired_12_mbedtls_java 'mbedtls expired' 'java TLSv1.2' failure client alert 45 client server_certificate_expired 1.2
pair cert_unknown_13_stunnel_wolfssl 'stunnel unknown' wolfssl failure client alert 48 client server_certificate_unknown_issuer$hidden 1.3

# ---- nothing in common

pair ver_wolfssl_min13 'wolfssl rsa min=13' mbedtls failure server alert 70 server no_shared_version -
pair ver_mbedtls_max12 'mbedtls rsa' 's_client -tls1_3' failure server alert 40 server no_shared_version,no_shared_cipher -
remark 'Mbed TLS looks for a suite first, and finds none'
pair ver_caddy_min13 'caddy rsa "protocols tls1.3"' 'curl --tls-max 1.2' failure server alert 70 server no_shared_version -
pair ver_haproxy_mbedtls_11 'haproxy rsa ssl-min-ver TLSv1.2' 'mbedtls min=10 max=11' failure server alert 70 server no_shared_version -
pair ver_stunnel_min13 'stunnel rsa "sslVersionMin = TLSv1.3"' 'gnutls NORMAL:-VERS-TLS1.3' failure server alert 70 server no_shared_version -
pair ver_apache_min13_node8 'apache rsa "SSLProtocol -all +TLSv1.3"' node8 failure server alert 70 server no_shared_version -
pair ver_chromium_tls11 's_server rsa -tls1_1 -cipher DEFAULT:@SECLEVEL=0' chromium failure server alert 70 server no_shared_version -
pair ver_wolfssl_client_min13 'nginx rsa "ssl_protocols TLSv1.2"' 'wolfssl min=13' failure server alert 70 server no_shared_version -
pair ver_wolfssl_server_max12 'wolfssl rsa max=12' 's_client -tls1_3' failure server alert 40 server no_shared_version,no_shared_cipher -
remark 'wolfSSL looks for a suite first, and finds none'

pair cipher_mbedtls 'mbedtls rsa suites=TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256' \
    's_client -tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305' failure server alert 40 server no_shared_cipher -
pair cipher_wolfssl_12 'wolfssl rsa max=12 suites=ECDHE-RSA-AES128-GCM-SHA256' \
    's_client -tls1_2 -cipher AES256-SHA' failure server alert 40 server no_shared_cipher -
pair cipher_wolfssl_13 'wolfssl rsa min=13 suites=TLS13-AES128-GCM-SHA256' \
    's_client -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256' failure server alert 40 server no_shared_cipher -
pair cipher_caddy 'caddy rsa "protocols tls1.2 tls1.2" "ciphers TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"' \
    's_client -tls1_2 -cipher AES128-SHA' failure server alert 40 server no_shared_cipher -
pair cipher_haproxy_mbedtls 'haproxy rsa ssl-max-ver TLSv1.2 ciphers ECDHE-RSA-AES128-GCM-SHA256' \
    'mbedtls suites=TLS-RSA-WITH-AES-256-CBC-SHA256' failure server alert 40 server no_shared_cipher -
pair cipher_stunnel_wolfssl 'stunnel rsa "sslVersionMax = TLSv1.2" "ciphers = AES256-GCM-SHA384"' \
    'wolfssl max=12 suites=ECDHE-RSA-AES128-GCM-SHA256' failure server alert 40 server no_shared_cipher -
pair cipher_apache_chromium 'apache rsa "SSLProtocol -all +TLSv1.2" "SSLCipherSuite AES256-SHA256"' chromium \
    failure server alert 40 server no_shared_cipher -
pair cipher_mbedtls_ecdsa 'mbedtls ecdsa' 's_client -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256' \
    failure server alert 40 server no_shared_cipher,no_shared_signature_algorithm -
pair cipher_caddy_ecdsa 'caddy ecdsa "protocols tls1.2 tls1.2"' 's_client -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256' \
    failure server alert 40 server no_shared_cipher,no_shared_signature_algorithm -

pair group_wolfssl_13 'wolfssl rsa min=13 curve=p521' 's_client -groups X25519' failure client alert 47 client no_shared_group,illegal_parameter 1.3
remark 'wolfSSL sends a HelloRetryRequest for a group that was not offered'
pair group_mbedtls_12 'mbedtls rsa curve=secp521r1' 's_client -tls1_2 -groups P-256 -cipher ECDHE' failure server close - - no_shared_group,no_shared_cipher,server_closed 1.2
remark 'Mbed TLS fails in its ServerKeyExchange and closes without an alert'
pair group_caddy_13 'caddy rsa "curves secp521r1"' 's_client -groups X25519' failure server alert 40 server no_shared_group -
pair group_haproxy_wolfssl 'haproxy rsa curves P-521' 'wolfssl min=13 curve=p256' failure server alert 40 server no_shared_group -
pair group_stunnel_chromium 'stunnel rsa "curves = P-521"' chromium failure server alert 40 server no_shared_group -
pair group_apache_mbedtls 'apache rsa "SSLProtocol -all +TLSv1.2" "SSLCipherSuite ECDHE" "SSLOpenSSLConfCmd Curves P-521"' \
    'mbedtls curve=secp256r1' failure server alert 40 server no_shared_group,no_shared_cipher -

pair sigalg_wolfssl_13 'wolfssl rsa min=13' 's_client -sigalgs ECDSA+SHA256' failure server alert 40 server no_shared_signature_algorithm -
pair sigalg_mbedtls_12 'mbedtls rsa' 's_client -tls1_2 -sigalgs ECDSA+SHA256 -cipher ECDHE' \
    failure server alert 40 server no_shared_signature_algorithm,no_shared_cipher -
remark 'OpenSSL then offers no suite for RSA either'
pair sigalg_caddy_13 'caddy rsa' 's_client -tls1_3 -sigalgs ECDSA+SHA256' failure server alert 40 server no_shared_signature_algorithm -
pair sigalg_haproxy_12 'haproxy rsa ssl-max-ver TLSv1.2' 's_client -tls1_2 -sigalgs ECDSA+SHA256' \
    failure server alert 40 server no_shared_signature_algorithm,no_shared_cipher -

pair alpn_12_mbedtls 'mbedtls rsa alpn=h2' 's_client -tls1_2 -alpn spdy/3' failure server alert 120 server no_shared_application_protocol -
pair alpn_13_wolfssl 'wolfssl rsa min=13 alpn=h2' 's_client -alpn spdy/3' failure server alert 120 server no_shared_application_protocol -
pair alpn_12_wolfssl 'wolfssl rsa max=12 alpn=h2' 's_client -alpn spdy/3' failure server alert 120 server no_shared_application_protocol -
pair alpn_13_caddy 'caddy rsa' 's_client -alpn spdy/3' failure server alert 120 server no_shared_application_protocol -

pair sni_unknown_caddy_13 'caddy rsa' 's_client -servername other.example.test' failure server alert 80 server unrecognized_name,internal_error -
pair sni_unknown_caddy_12 'caddy rsa' 's_client -tls1_2 -servername other.example.test' failure server alert 80 server unrecognized_name,internal_error -
pair sni_missing_caddy_13 'caddy rsa' 's_client -noservername' failure server alert 80 server sni_missing,internal_error -
pair sni_unknown_wolfssl 'wolfssl rsa name=www.example.test' 's_client -servername other.example.test' \
    failure server alert 112 server unrecognized_name -

# ---- client certificates

mutual mtls_missing_12_mbedtls 1.2 - client_certificate_missing mbedtls -
truth failure server close - - client_certificate_missing 1.2
remark 'Mbed TLS closes without an alert'
mutual mtls_expired_12_mbedtls 1.2 45 client_certificate_expired mbedtls client_expired
mutual mtls_unknown_12_mbedtls 1.2 48 client_certificate_unknown_issuer mbedtls client_stranger
mutual mtls_missing_12_wolfssl 1.2 - client_certificate_missing wolfssl -
truth failure server reset - - client_certificate_missing 1.2
remark 'wolfSSL closes without an alert, the socket resets'
mutual mtls_expired_12_wolfssl 1.2 45 client_certificate_expired wolfssl client_expired
mutual mtls_unknown_12_wolfssl 1.2 48 client_certificate_unknown_issuer wolfssl client_stranger
mutual mtls_missing_13_wolfssl 1.3 116 client_certificate_missing$guess wolfssl -
mutual mtls_expired_13_wolfssl 1.3 45 client_certificate_expired$guess wolfssl client_expired
mutual mtls_unknown_13_wolfssl 1.3 48 client_certificate_unknown_issuer$guess wolfssl client_stranger
mutual mtls_missing_12_caddy 1.2 42 client_certificate_missing caddy -
mutual mtls_expired_12_caddy 1.2 42 client_certificate_expired caddy client_expired
mutual mtls_missing_13_caddy 1.3 42 client_certificate_missing$guess caddy -
mutual mtls_unknown_13_caddy 1.3 42 client_certificate_unknown_issuer$guess caddy client_stranger
mutual mtls_missing_12_stunnel 1.2 40 client_certificate_missing stunnel -
mutual mtls_expired_12_stunnel 1.2 45 client_certificate_expired stunnel client_expired
mutual mtls_unknown_13_stunnel 1.3 48 client_certificate_unknown_issuer$guess stunnel client_stranger
mutual mtls_missing_13_apache 1.3 116 client_certificate_missing$guess apache -
mutual mtls_missing_12_haproxy 1.2 40 client_certificate_missing haproxy -
mutual mtls_expired_13_haproxy 1.3 45 client_certificate_expired$guess haproxy client_expired
mutual mtls_missing_12_python 1.2 40 client_certificate_missing python -

pair mtls_missing_12_go_mbedtls "go rsa -max 12 -ca $pki/client_ca.pem" mbedtls failure server alert 42 server client_certificate_missing 1.2
pair mtls_missing_12_haproxy_wolfssl "haproxy rsa ssl-max-ver TLSv1.2 ca-file $pki/client_ca.pem verify required" wolfssl \
    failure server alert 40 server client_certificate_missing 1.2
pair mtls_missing_13_apache_chromium "apache rsa 'SSLCACertificateFile $pki/client_ca.pem' 'SSLVerifyClient require'" \
    chromium failure server alert 116 server client_certificate_missing$guess 1.3
set_ stream last

# ---- successes

pair ok_12_mbedtls_caddy 'caddy rsa' mbedtls success - - - - - 1.2
pair ok_13_wolfssl_caddy 'caddy rsa' wolfssl success - - - - - 1.3
pair ok_12_wolfssl_mbedtls 'mbedtls ecdsa' wolfssl success - - - - - 1.2
pair ok_12_mbedtls_resumed 'mbedtls rsa' 'mbedtls twice=1' success - - - - - 1.2
set_ stream last
pair ok_13_wolfssl_resumed 'wolfssl rsa' 'wolfssl twice=1' success - - - - - 1.3
set_ stream last
pair ok_13_wolfssl_hrr 'nginx rsa "ssl_protocols TLSv1.3" "ssl_ecdh_curve secp521r1"' wolfssl success - - - - - 1.3
pair ok_13_chromium_caddy 'caddy rsa' chromium success - - - - - 1.3
pair ok_12_chromium_apache 'apache rsa "SSLProtocol -all +TLSv1.2"' chromium success - - - - - 1.2
pair ok_13_chromium_hrr 'nginx ecdsa "ssl_protocols TLSv1.3" "ssl_ecdh_curve secp384r1"' chromium success - - - - - 1.3
pair ok_12_chromium_mbedtls 'mbedtls rsa' chromium success - - - - - 1.2
pair ok_13_chromium_wolfssl 'wolfssl ecdsa' chromium success - - - - - 1.3
pair ok_12_chromium_weak_key 's_server weakkey -tls1_2 -cipher DEFAULT:@SECLEVEL=0' chromium success - - - - - 1.2
remark 'Chromium takes a key of 1024 bits under an authority that was added to its list'
pair ok_13_node24_caddy 'caddy rsa' node24 success - - - - - 1.3
pair ok_13_java_caddy_client_cert "caddy rsa 'client_auth {' 'mode request' '}'" 'java TLSv1.3' success - - - - - 1.3
pair ok_12_wolfssl_client_cert "haproxy rsa ssl-max-ver TLSv1.2 ca-file $pki/client_ca.pem verify required" \
    "wolfssl cert=$pki/client.pem key=$pki/client.key" success - - - - - 1.2
pair ok_13_wolfssl_client_cert "haproxy rsa ca-file $pki/client_ca.pem verify required" \
    "wolfssl cert=$pki/client.pem key=$pki/client.key" success - - - - - 1.3
pair ok_12_mbedtls_client_cert "stunnel rsa 'verifyChain = yes' 'requireCert = yes' 'CAfile = $pki/client_ca.pem'" \
    "mbedtls cert=$pki/client.pem key=$pki/client.key" success - - - - - 1.2
pair ok_13_wolfssl_asks_go "wolfssl rsa min=13 auth=required ca=$pki/client_ca.pem" \
    "go -cert $pki/client.pem -key $pki/client.key" success - - - - - 1.3
pair ok_12_mbedtls_asks_curl "mbedtls rsa auth=optional ca=$pki/client_ca.pem" curl success - - - - - 1.2
pair ok_13_perl_apache 'apache rsa' perl success - - - - - 1.3
pair ok_13_head_haproxy 'haproxy rsa' 'curl -I' success - - - - - 1.3
pair ok_12_head_caddy 'caddy rsa' 'curl -I --tls-max 1.2' success - - - - - 1.2
pair ok_13_keepalive_apache 'apache rsa' "curl https://$host/ -o /dev/null" success - - - - - 1.3
pair ok_alpn_ignored_haproxy 'haproxy rsa' 's_client -alpn spdy/3' success - - - - - 1.3
pair ok_13_early_data_haproxy 'haproxy rsa allow-0rtt' resume_early success - - - - - 1.3
set_ stream last
pair ok_12_ticket_caddy 'caddy rsa' 'resume -tls1_2' success - - - - - 1.2
set_ stream last
pair ok_13_psk_wolfssl 'wolfssl rsa' 'resume -tls1_3' success - - - - - 1.3
set_ stream last
for way in close reset half silent; do
    pair ok_12_left_${way}_nginx 'nginx rsa "ssl_protocols TLSv1.2"' "python leave=$way" success - - - - - 1.2
    pair ok_13_left_${way}_haproxy 'haproxy rsa' "python leave=$way" success - - - - - 1.3
    pair ok_13_left_${way}_wolfssl 'wolfssl rsa' "python leave=$way" success - - - - - 1.3
    pair ok_12_left_${way}_mbedtls 'mbedtls rsa' "python leave=$way" success - - - - - 1.2
done
