# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Handshakes that succeed.

scenario ok_tls10_openssl
server s_server rsa -tls1 -cipher DEFAULT:@SECLEVEL=0
client s_client -tls1 -cipher DEFAULT:@SECLEVEL=0
truth success - - - - - 1.0

scenario ok_tls11_gnutls
server gnutls rsa --priority NORMAL:+VERS-TLS1.1:%COMPAT
client gnutls NORMAL:-VERS-ALL:+VERS-TLS1.1
truth success - - - - - 1.1

scenario ok_tls12_curl_apache
server apache rsa 'SSLProtocol -all +TLSv1.2'
client curl
truth success - - - - - 1.2

scenario ok_tls12_rsa_key_exchange
server s_server rsa -tls1_2 -cipher AES128-SHA256
client s_client
truth success - - - - - 1.2
remark 'no forward secrecy: no ServerKeyExchange'

scenario ok_tls12_dhe
server s_server rsa -tls1_2 -cipher DHE-RSA-AES256-GCM-SHA384
client s_client
truth success - - - - - 1.2

scenario ok_tls12_session_id
server s_server rsa -tls1_2 -no_ticket
client resume -tls1_2 -no_ticket
truth success - - - - - 1.2
remark 'second of two connections: resumed by session id'
set_ stream last

scenario ok_tls12_ticket
server nginx rsa 'ssl_protocols TLSv1.2'
client resume -tls1_2
truth success - - - - - 1.2
remark 'second of two connections: resumed by ticket'
set_ stream last

scenario ok_tls13_openssl
server s_server ecdsa
client s_client
truth success - - - - - 1.3

scenario ok_tls13_psk_resumption
server s_server rsa
client resume -tls1_3
truth success - - - - - 1.3
remark 'second of two connections: resumed by PSK'
set_ stream last

scenario ok_tls13_early_data
server s_server_open rsa -early_data
client resume_early
truth success - - - - - 1.3
remark 'second of two connections: 0-RTT data accepted'
set_ stream last

scenario ok_tls13_external_psk
server s_server_psk -nocert -psk 001122334455667788 -psk_identity lab
client s_client -psk 001122334455667788 -psk_identity lab -ciphersuites TLS_AES_128_GCM_SHA256
truth success - - - - - 1.3

scenario ok_tls13_hello_retry
server s_server rsa -groups P-384
client s_client -groups X25519:P-384
truth success - - - - - 1.3

scenario ok_tls13_pq_node
server node24 rsa
client node24
truth success - - - - - 1.3
remark 'X25519MLKEM768; the ClientHello takes two segments'

scenario ok_tls13_pq_refused_hrr
server nginx rsa 'ssl_protocols TLSv1.3' 'ssl_ecdh_curve secp384r1'
client node24
truth success - - - - - 1.3
remark 'post-quantum hello answered by HelloRetryRequest'

scenario ok_tls13_go
server go ecdsa
client go
truth success - - - - - 1.3

scenario ok_tls13_java
server java rsa TLSv1.3,TLSv1.2 -
client java TLSv1.3,TLSv1.2
truth success - - - - - 1.3

scenario ok_tls13_nss
server nss rsa -V tls1.2:tls1.3
client nss -V tls1.2:tls1.3
truth success - - - - - 1.3

scenario ok_tls12_java_go
server go rsa -max 12
client java TLSv1.3,TLSv1.2
truth success - - - - - 1.2

scenario ok_tls12_node8_haproxy
server haproxy rsa ssl-max-ver TLSv1.2
client node8
truth success - - - - - 1.2

scenario ok_tls13_wget_stunnel
server stunnel rsa
client wget
truth success - - - - - 1.3

scenario ok_tls13_client_cert
server s_server rsa -Verify 3 -CAfile "$pki/client_ca.pem"
client s_client -cert "$pki/client.pem" -key "$pki/client.key"
truth success - - - - - 1.3

scenario ok_tls12_client_cert
server go rsa -max 12 -ca "$pki/client_ca.pem"
client curl --cert "$pki/client.pem" --key "$pki/client.key"
truth success - - - - - 1.2

scenario ok_tls13_alpn_h2
server nginx rsa 'ssl_protocols TLSv1.3'
client s_client -alpn h2,http/1.1
truth success - - - - - 1.3

scenario ok_ipv6_curl_nginx
server nginx rsa 'ssl_protocols TLSv1.2 TLSv1.3'
client curl
set_ family 6
truth success - - - - - 1.3

scenario ok_tls12_small_segments
server nginx rsa 'ssl_protocols TLSv1.2'
client python pieces=64
truth success - - - - - 1.2
remark 'the client sends segments of at most 64 bytes'

scenario ok_tls12_mss_100
server python rsa max=TLSv1_2
client python mss=100
truth success - - - - - 1.2
remark 'MSS 100 in both directions'

scenario ok_tls13_slow_path
server nginx rsa 'ssl_protocols TLSv1.3'
client curl
router middlebox delay 300
truth success - - - - - 1.3
remark 'round trip 600 ms'

scenario ok_tls12_optional_client_cert
server nginx rsa 'ssl_protocols TLSv1.2' "ssl_client_certificate $pki/client_ca.pem" 'ssl_verify_client on'
client curl
truth success - - - - - 1.2
remark 'nginx asks for a client certificate, gets none and answers HTTP 400 inside TLS'

scenario ok_tls12_fragmented_records
server s_server rsa -tls1_2 -max_send_frag 512
client s_client -max_send_frag 512
truth success - - - - - 1.2
remark 'handshake messages span records'

scenario ok_tls13_java_client
server s_server rsa
client java TLSv1.3
truth success - - - - - 1.3

scenario ok_tls13_java_server
server java rsa TLSv1.3 -
client s_client
truth success - - - - - 1.3

scenario ok_tls12_node12_nss
server nss rsa -V tls1.2:tls1.2
client node12
truth success - - - - - 1.2

scenario ok_tls13_ipv6_pq
server node24 ecdsa
client node24
set_ family 6
truth success - - - - - 1.3
remark 'X25519MLKEM768 over IPv6'
