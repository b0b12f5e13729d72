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
