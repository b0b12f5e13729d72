# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# A peer breaks the protocol, or bytes are damaged on the way. The breaking peer
# is a raw socket script, the one that notices a real stack.

scenario proto_cipher_not_offered
server raw cipher_not_offered
client curl
truth failure client alert 47 client illegal_parameter 1.2

scenario proto_short_server_hello
server raw short_server_hello
client curl
truth failure client alert 50 client decode_error 1.2

scenario proto_done_first
server raw done_first
client go
truth failure client alert 10 client unexpected_message -

scenario proto_done_first_openssl
server raw done_first
client curl
truth failure client alert 10 client unexpected_message -

scenario proto_server_record_too_large
server raw huge_record
client s_client
truth failure client alert 22 client record_overflow 1.2

scenario proto_broken_hello_nginx
server nginx rsa
client raw broken
truth failure server alert 50 server decode_error -

scenario proto_broken_hello_gnutls
server gnutls rsa --priority NORMAL
client raw broken
truth failure server alert 50 server decode_error -

scenario proto_no_null_compression
server nginx rsa
client raw no_null_compression
truth failure server alert 50 server decode_error,illegal_parameter -

scenario proto_no_sigalgs
server s_server rsa
client raw no_sigalgs13
truth failure server alert 109 server missing_extension -

scenario proto_finished_first
server nginx rsa
client raw finished_first
truth failure server alert 10 server unexpected_message -

scenario proto_client_record_too_large
server gnutls rsa --priority NORMAL
client raw huge_record
truth failure server alert 22 server record_overflow -

scenario proto_user_canceled
server nginx rsa 'ssl_protocols TLSv1.2'
client raw user_canceled
truth failure client alert 90 client user_canceled 1.2

scenario proto_internal_error
server raw alert 80
client curl
truth failure server alert 80 server internal_error -

scenario proto_access_denied
server raw alert 49
client curl
truth failure server alert 49 server access_denied,unrecognized_name -

scenario proto_insufficient_security
server raw alert 71
client s_client
truth failure server alert 71 server insufficient_security -

scenario proto_ech_required
server raw alert 121
client go
truth failure server alert 121 server ech_required -
remark 'raw server: no stack here speaks Encrypted ClientHello'

scenario proto_unknown_alert
server raw alert 200
client go
truth failure server alert 200 server unclassified -

scenario damage_client_finished
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
router middlebox flip client 2
truth failure server alert 20 server bad_record_mac 1.2
remark 'a bit of the client Finished is turned on the way'

scenario damage_client_finished_go
server go rsa -max 12
client s_client
router middlebox flip client 2
truth failure server alert 20 server bad_record_mac 1.2
remark 'a bit of the client Finished is turned on the way'

scenario damage_server_flight_13
server nginx rsa 'ssl_protocols TLSv1.3'
client curl
router middlebox flip server 1
truth failure client alert 20 client bad_record_mac 1.3
remark 'a bit of the encrypted server flight is turned on the way'

scenario damage_key_exchange_signature
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
router middlebox flip server 2 -20
truth failure client alert 51 client decrypt_error 1.2
remark 'a bit of the signature in ServerKeyExchange is turned on the way'

scenario proto_unknown_psk_identity
server raw alert 115
client s_client -tls1_2 -psk 99887766 -psk_identity other -cipher PSK-AES128-GCM-SHA256
truth failure server alert 115 server unknown_psk -
remark 'raw server: the stacks here do not tell that an identity is unknown'
