# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# The two ends have nothing in common, or one insists on what the other lacks.

old='DEFAULT:@SECLEVEL=0'

scenario ver_client_old_nginx
server nginx rsa 'ssl_protocols TLSv1.2 TLSv1.3'
client s_client -tls1_1 -cipher $old
truth failure server alert 70 server no_shared_version -

scenario ver_client_old_go
server go rsa
client s_client -tls1 -cipher $old
truth failure server alert 70 server no_shared_version -

scenario ver_client_old_java
server java rsa TLSv1.2,TLSv1.3 -
client s_client -tls1 -cipher $old
truth failure server alert 70 server no_shared_version -

scenario ver_server13_client12_nginx
server nginx rsa 'ssl_protocols TLSv1.3'
client curl --tls-max 1.2
truth failure server alert 70 server no_shared_version -

scenario ver_server13_client12_gnutls
server gnutls rsa --priority NORMAL:-VERS-ALL:+VERS-TLS1.3
client curl --tls-max 1.2
truth failure server alert 40 server no_shared_version -

scenario ver_server12_client13_apache
server apache rsa 'SSLProtocol -all +TLSv1.2'
client s_client -tls1_3
truth failure server alert 70 server no_shared_version -

scenario ver_server12_client13_nss
server nss rsa -V tls1.2:tls1.2
client go -min 13
truth failure server alert 70 server no_shared_version -

scenario ver_server10_client12_go
server s_server rsa -tls1 -cipher $old
client go
truth failure server alert 70 server no_shared_version -

scenario ver_client_rejects_old_hello
server raw old_version
client curl --tlsv1.2
truth failure client alert 70 client no_shared_version 1.0
remark 'raw server: a ServerHello of TLS 1.0 to a client of 1.2 and up'

scenario ver_client_rejects_old_go
server raw old_version
client go
truth failure client alert 70 client no_shared_version 1.0
remark 'raw server: a ServerHello of TLS 1.0 to a client of 1.2 and up'

scenario ver_sslv3_hello_nginx
server nginx rsa 'ssl_protocols TLSv1.2 TLSv1.3'
client raw ssl3
truth failure server alert 40 server no_shared_version -
remark 'raw client: a ClientHello of SSL 3.0'

scenario cipher_12_nginx
server nginx rsa 'ssl_protocols TLSv1.2' 'ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384'
client curl --tls-max 1.2 --ciphers ECDHE-RSA-AES128-GCM-SHA256
truth failure server alert 40 server no_shared_cipher -

scenario cipher_12_go
server go rsa -max 12 -ciphers TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
client s_client -tls1_2 -cipher ECDHE-RSA-AES128-SHA256
truth failure server alert 40 server no_shared_cipher -

scenario cipher_12_java
server java rsa TLSv1.2 - ciphers=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
client s_client -tls1_2 -cipher AES128-SHA
truth failure server alert 40 server no_shared_cipher -

scenario cipher_13_openssl
server s_server rsa -tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384
client s_client -tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256
truth failure server alert 40 server no_shared_cipher -

scenario cipher_certificate_type_12
server nginx rsa 'ssl_protocols TLSv1.2'
client s_client -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
truth failure server alert 40 server no_shared_cipher,no_shared_signature_algorithm -
remark 'RSA certificate, client of ECDSA suites only'

scenario group_13_openssl
server s_server rsa -tls1_3 -groups P-521
client s_client -tls1_3 -groups X25519
truth failure server alert 40 server no_shared_group -

scenario group_13_go
server go rsa -min 13 -groups p384
client s_client -tls1_3 -groups X448
truth failure server alert 40 server no_shared_group -

scenario group_12_openssl
server s_server rsa -tls1_2 -groups P-521 -cipher ECDHE-RSA-AES128-GCM-SHA256
client s_client -groups X25519 -cipher ECDHE-RSA-AES128-GCM-SHA256
truth failure server alert 40 server no_shared_group,no_shared_cipher -

scenario sigalg_13_openssl
server s_server rsa -tls1_3
client s_client -tls1_3 -sigalgs ECDSA+SHA256
truth failure server alert 40 server no_shared_signature_algorithm -

scenario sigalg_12_openssl
server s_server rsa -tls1_2
client s_client -tls1_2 -sigalgs ECDSA+SHA256
truth failure server alert 40 server no_shared_signature_algorithm,no_shared_cipher -

scenario sigalg_13_go
server go rsa -min 13
client s_client -tls1_3 -sigalgs ECDSA+SHA256
truth failure server alert 40 server no_shared_signature_algorithm -

scenario alpn_12_openssl
server s_server rsa -tls1_2 -alpn http/1.1
client s_client -alpn h2
truth failure server alert 120 server no_shared_application_protocol -

scenario alpn_12_apache
server apache rsa
client s_client -tls1_2 -alpn spdy/3
truth failure client alert 50 client no_shared_application_protocol 1.2
remark 'Apache answers a protocol that it does not know with http/1.1, which OpenSSL takes for a decoding error'

scenario alpn_13_nginx
server nginx rsa 'ssl_protocols TLSv1.3'
client s_client -alpn imap
truth failure server alert 120 server no_shared_application_protocol -

scenario alpn_12_go
server go rsa -max 12 -alpn h2
client s_client -alpn spdy/3
truth failure server alert 120 server no_shared_application_protocol -

scenario alpn_13_go
server go rsa -alpn h2
client s_client -alpn spdy/3
truth failure server alert 120 server no_shared_application_protocol 1.3
remark 'Go 1.19 sends the alert encrypted, after ServerHello'

scenario alpn_12_java
server java rsa TLSv1.2 - alpn=h2
client s_client -alpn xmpp-client
truth failure server alert 120 server no_shared_application_protocol -

scenario sni_unknown_nginx
server nginx_strict rsa
client s_client -servername other.example.test
truth failure server alert 112 server unrecognized_name -

scenario sni_unknown_haproxy
server haproxy rsa strict-sni
client s_client -servername other.example.test
truth failure server alert 112 server unrecognized_name -

scenario sni_unknown_go
server go rsa -strict
client s_client -servername other.example.test
truth failure server alert 80 server unrecognized_name,internal_error -

scenario sni_unknown_java
server java rsa TLSv1.2,TLSv1.3 - 'sni=www\.example\.test'
client s_client -servername other.example.test
truth failure server alert 112 server unrecognized_name -

scenario sni_unknown_node
server node rsa '"known":"www.example.test"'
client s_client -servername other.example.test
truth failure server close - - server_closed,unrecognized_name -
remark 'Node closes without an alert when SNICallback fails'

scenario sni_missing_nginx
server nginx_strict rsa
client s_client -noservername
truth failure server alert 112 server sni_missing -

scenario sni_missing_haproxy
server haproxy rsa strict-sni
client s_client -noservername
truth failure server alert 112 server sni_missing -

scenario sni_missing_go
server go rsa -strict
client s_client -noservername
truth failure server alert 80 server sni_missing,internal_error -

scenario fallback_nginx
server nginx rsa 'ssl_protocols TLSv1.2 TLSv1.3'
client s_client -tls1_2 -fallback_scsv
truth failure server alert 86 server inappropriate_fallback -

scenario fallback_go
server go rsa
client s_client -tls1_2 -fallback_scsv
truth failure server alert 86 server inappropriate_fallback -

scenario reneg_curl_gnutls
server gnutls rsa --priority NORMAL:-VERS-TLS1.3:%DISABLE_SAFE_RENEGOTIATION
client curl
truth failure client alert 40 client unsafe_renegotiation 1.2

scenario reneg_python_gnutls
server gnutls ecdsa --priority NORMAL:-VERS-TLS1.3:%DISABLE_SAFE_RENEGOTIATION
client python
truth failure client alert 40 client unsafe_renegotiation 1.2

scenario reneg_node24_gnutls
server gnutls rsa --priority NORMAL:-VERS-TLS1.3:%DISABLE_SAFE_RENEGOTIATION
client node24
truth failure client alert 40 client unsafe_renegotiation 1.2

scenario dh1024_openssl
server s_server rsa -tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0 -dhparam "$pki/dh1024.pem"
client s_client
truth failure client alert 40 client weak_dh 1.2

scenario dh1024_gnutls
server s_server rsa -tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0 -dhparam "$pki/dh1024.pem"
client gnutls 'NORMAL:%PROFILE_MEDIUM:+DHE-RSA'
truth failure client alert 71 client weak_dh 1.2

scenario no_certificate_openssl
server s_server_psk -nocert
client curl
truth failure server alert 40 server no_shared_signature_algorithm,no_shared_cipher,internal_error -
remark 'the server has no certificate at all'

scenario psk_unknown_identity_12
server gnutls_psk --priority NORMAL:-VERS-TLS1.3:-KX-ALL:+PSK
client s_client -tls1_2 -psk 99887766 -psk_identity other -cipher PSK-AES128-GCM-SHA256
truth failure server alert 20 server bad_record_mac,unknown_psk 1.2
remark 'GnuTLS feigns a key for an unknown identity: the Finished does not decrypt'

scenario psk_unknown_identity_12_openssl
server s_server_psk -nocert -tls1_2 -psk 001122334455667788 -psk_identity lab
client s_client -tls1_2 -psk 99887766 -psk_identity other -cipher PSK-AES128-GCM-SHA256
truth failure server alert 20 server bad_record_mac,unknown_psk 1.2
remark 's_server goes on with its own key: the Finished does not decrypt'

scenario psk_wrong_key_12
server s_server_psk -nocert -tls1_2 -psk 001122334455667788 -psk_identity lab
client s_client -tls1_2 -psk 99887766 -psk_identity lab -cipher PSK-AES128-GCM-SHA256
truth failure server alert 20 server bad_record_mac,unknown_psk 1.2

scenario psk_wrong_key_13
server s_server_psk -nocert -tls1_3 -psk 001122334455667788 -psk_identity lab
client s_client -tls1_3 -psk 99887766 -psk_identity lab -ciphersuites TLS_AES_128_GCM_SHA256
truth failure server alert 47 server unknown_psk,illegal_parameter -

scenario psk_unknown_identity_13
server s_server_psk -nocert -tls1_3 -psk 001122334455667788 -psk_identity lab
client s_client -tls1_3 -psk 99887766 -psk_identity other -ciphersuites TLS_AES_128_GCM_SHA256
truth failure server alert 40 server unknown_psk -

# ---- what the security level of OpenSSL 3, and SHA-1's end, rule out

scenario ver_client_old_level_openssl
server s_server rsa
client s_client -tls1 -cipher $old
truth failure server alert 80 server no_shared_version,no_shared_signature_algorithm -
remark 'TLS 1.0 is allowed, its SHA-1 signatures are not: OpenSSL says internal_error'

scenario ver_client_old_level_nginx
server nginx rsa 'ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3'
client s_client -tls1_1 -cipher $old
truth failure server alert 80 server no_shared_version,no_shared_signature_algorithm -
remark 'TLS 1.1 is allowed, its SHA-1 signatures are not: OpenSSL says internal_error'

scenario ok_11_level0_nginx
server nginx rsa 'ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3' "ssl_ciphers $old"
client s_client -tls1_1 -cipher $old
truth success - - - - - 1.1

scenario sigalg_unsaid_12_nginx
server nginx rsa
client raw no_sigalgs12
truth failure server alert 40 server no_shared_signature_algorithm -
remark 'raw client: TLS 1.2 without signature_algorithms, which stands for SHA-1'

scenario sigalg_unsaid_12_java
server java rsa TLSv1.3,TLSv1.2 -
client raw no_sigalgs12
truth failure server alert 80 server no_shared_signature_algorithm 1.2
remark 'raw client: TLS 1.2 without signature_algorithms, which stands for SHA-1'

scenario sigalg_12_h2o
server h2o rsa
client s_client -tls1_2 -sigalgs ECDSA+SHA256
truth failure server close - - no_shared_signature_algorithm,no_shared_cipher -
remark 'h2o closes without an alert'
