# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# The client turns the server's certificate down: certificate x client x version.

# bad NAME CERTIFICATE VERSION ALERT CAUSE[,…] CLIENT...
bad() {
    local name=$1 cert=$2 version=$3 alert=$4 causes=$5
    shift 5
    scenario "$name"
    case $version in
    1.2) server nginx "$cert" 'ssl_protocols TLSv1.2' ;;
    *) server nginx "$cert" 'ssl_protocols TLSv1.3' ;;
    esac
    client "$@"
    truth "failure client alert $alert client $causes $version"
}

# Where the certificate travels encrypted and the alert does not name the fault,
# the general cause is as right as the exact one.
hidden=,server_certificate_rejected

bad cert_expired_12_openssl expired 1.2 45 server_certificate_expired s_client
bad cert_expired_12_gnutls expired 1.2 42 server_certificate_expired gnutls NORMAL
bad cert_expired_12_go expired 1.2 42 server_certificate_expired go
bad cert_expired_12_java expired 1.2 45 server_certificate_expired java TLSv1.3,TLSv1.2
bad cert_expired_12_python expired 1.2 45 server_certificate_expired python
bad cert_expired_13_curl expired 1.3 45 server_certificate_expired curl
bad cert_expired_13_gnutls expired 1.3 42 server_certificate_expired$hidden gnutls NORMAL
bad cert_expired_13_go expired 1.3 42 server_certificate_expired$hidden go
bad cert_expired_13_java expired 1.3 46 server_certificate_expired$hidden java TLSv1.3
bad cert_expired_13_nss expired 1.3 45 server_certificate_expired$hidden nss -V tls1.2:tls1.3
bad cert_notyet_12_curl notyet 1.2 42 server_certificate_not_yet_valid curl
bad cert_notyet_12_java notyet 1.2 42 server_certificate_not_yet_valid java TLSv1.2
bad cert_notyet_13_python notyet 1.3 42 server_certificate_not_yet_valid$hidden python
bad cert_selfsigned_12_curl selfsigned 1.2 48 server_certificate_self_signed curl
bad cert_selfsigned_12_go selfsigned 1.2 42 server_certificate_self_signed go
bad cert_selfsigned_12_java selfsigned 1.2 46 server_certificate_self_signed java TLSv1.2
bad cert_selfsigned_13_openssl selfsigned 1.3 48 server_certificate_self_signed,server_certificate_unknown_issuer s_client
bad cert_unknown_12_curl unknown 1.2 48 server_certificate_unknown_issuer curl
bad cert_unknown_12_go unknown 1.2 42 server_certificate_unknown_issuer go
bad cert_unknown_12_gnutls unknown 1.2 42 server_certificate_unknown_issuer gnutls NORMAL
bad cert_unknown_12_java unknown 1.2 46 server_certificate_unknown_issuer java TLSv1.2
bad cert_unknown_13_curl unknown 1.3 48 server_certificate_unknown_issuer curl
bad cert_incomplete_12_curl incomplete 1.2 48 server_certificate_incomplete_chain,server_certificate_unknown_issuer curl
bad cert_incomplete_12_go incomplete 1.2 42 server_certificate_incomplete_chain,server_certificate_unknown_issuer go
bad cert_incomplete_12_java incomplete 1.2 46 server_certificate_incomplete_chain,server_certificate_unknown_issuer java TLSv1.2
bad cert_incomplete_13_python incomplete 1.3 48 server_certificate_incomplete_chain,server_certificate_unknown_issuer python
bad cert_name_12_python othername 1.2 42 server_certificate_name_mismatch python
bad cert_name_12_go othername 1.2 42 server_certificate_name_mismatch go
bad cert_name_12_java othername 1.2 46 server_certificate_name_mismatch java TLSv1.2
bad cert_name_12_gnutls othername 1.2 42 server_certificate_name_mismatch gnutls NORMAL
bad cert_name_13_openssl othername 1.3 42 server_certificate_name_mismatch$hidden s_client
bad cert_usage_12_curl usage 1.2 43 server_certificate_wrong_usage curl
bad cert_usage_12_go usage 1.2 42 server_certificate_wrong_usage go
bad cert_usage_12_java usage 1.2 46 server_certificate_wrong_usage java TLSv1.2
bad cert_inspected_12_curl inspected 1.2 48 interception_untrusted,server_certificate_unknown_issuer curl
bad cert_revoked_12_curl revoked 1.2 44 server_certificate_revoked curl --crlfile "$pki/crl.pem"
bad cert_revoked_13_curl revoked 1.3 44 server_certificate_revoked curl --crlfile "$pki/crl.pem"

scenario cert_weakkey_12_openssl
server s_server weakkey -tls1_2 -cipher DEFAULT:@SECLEVEL=0
client s_client
truth failure client alert 42 client server_certificate_weak 1.2

scenario cert_sha1_12_curl
server s_server sha1 -tls1_2 -cipher DEFAULT:@SECLEVEL=0
client curl
truth failure client alert 42 client server_certificate_weak 1.2

scenario cert_malformed_12_curl
server raw bad_certificate
client curl
truth failure client alert 42 client server_certificate_malformed 1.2
remark 'raw server: 600 random bytes in place of a certificate'

scenario hangup_expired_13_wget
server nginx expired 'ssl_protocols TLSv1.3'
client wget
truth success - - - - - 1.3
remark 'wget sends its Finished, then resets: a success on the wire'

scenario cert_expired_13_node
server nginx expired 'ssl_protocols TLSv1.3'
client node
truth failure client close - - client_closed,server_certificate_rejected,server_certificate_expired 1.3
remark 'Node closes without an alert before its Finished'

scenario cert_expired_12_nss
server nginx expired 'ssl_protocols TLSv1.2'
client nss -V tls1.2:tls1.3
router middlebox delay 20
truth failure client alert 45 client server_certificate_expired,server_certificate_rejected 1.2
remark 'NSS rejects encrypted after its own Finished, before that of the server has come'

scenario cert_expired_13_node24
server apache expired 'SSLProtocol -all +TLSv1.3'
client node24
truth failure client close - - client_closed,server_certificate_rejected,server_certificate_expired 1.3
remark 'Node closes without an alert before its Finished'

scenario cert_pinned_12_go
server nginx rsa 'ssl_protocols TLSv1.2'
client go -pin
truth failure client alert 42 client server_certificate_rejected 1.2
remark 'the certificate is good, the client wants another one'

scenario cert_pinned_13_go
server nginx rsa 'ssl_protocols TLSv1.3'
client go -pin
truth failure client alert 42 client server_certificate_rejected 1.3
remark 'the certificate is good, the client wants another one'

scenario cert_expired_12_ipv6
server apache expired 'SSLProtocol -all +TLSv1.2'
client python
set_ family 6
truth failure client alert 45 client server_certificate_expired 1.2

scenario cert_unknown_12_stunnel
server stunnel unknown 'sslVersionMax = TLSv1.2'
client curl
truth failure client alert 48 client server_certificate_unknown_issuer 1.2

scenario hangup_expired_12_node
server nginx expired 'ssl_protocols TLSv1.2'
client node
truth success - - - - - 1.2
remark 'Node finishes the handshake, then hangs up: a success on the wire'

scenario hangup_expired_12_wget
server nginx expired 'ssl_protocols TLSv1.2'
client wget
truth success - - - - - 1.2
remark 'wget finishes the handshake, then hangs up: a success on the wire'

scenario hangup_name_12_curl
server nginx othername 'ssl_protocols TLSv1.2'
client curl
truth success - - - - - 1.2
remark 'curl checks the name after the handshake and hangs up: a success on the wire'

scenario hangup_name_13_curl
server nginx othername 'ssl_protocols TLSv1.3'
client curl
truth success - - - - - 1.3
remark 'curl checks the name after the handshake and hangs up: a success on the wire'

scenario hangup_pin_13_curl
server nginx rsa 'ssl_protocols TLSv1.3'
client curl --pinnedpubkey sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
truth success - - - - - 1.3
remark 'curl compares the pinned key after the handshake and hangs up: a success on the wire'

scenario hangup_unknown_12_wget
server nginx unknown 'ssl_protocols TLSv1.2'
client wget
truth success - - - - - 1.2
remark 'wget finishes the handshake, then hangs up: a success on the wire'

client_curl_twice() { # in TLS 1.2, then in TLS 1.3
    client_curl --tls-max 1.2 2>&1 | sed 's/^/first: /'
    sleep 0.2
    client_curl --tlsv1.3
}

scenario hangup_name_elsewhere_13_curl
server nginx othername 'ssl_protocols TLSv1.2 TLSv1.3'
client curl_twice
set_ stream last
truth success - - - - - 1.3
remark 'curl checks the name after the handshake and hangs up; the certificate shows in the TLS 1.2 connection before it'

scenario ok_13_idle_close
server nginx rsa 'ssl_protocols TLSv1.3'
client s_client
set_ stdin 'sleep 6'
set_ limit 10
truth success - - - - - 1.3
remark 'a connection kept in store and never used: no late refusal'

# The client asks the DNS for the address, and the server for no name.
scenario names_dns
server dnsmasq_and_s_server expired
client dig_and_s_client -tls1_2
truth failure client alert 45 client server_certificate_expired 1.2
set_ filter 'tcp or udp port 53'
