# shellcheck shell=bash disable=SC2154,SC2030,SC2031
# SPDX-License-Identifier: Apache-2.0
# QUIC by quic-go, and DTLS inside WebRTC by aiortc. Needs the packages
# golang-github-lucas-clemente-quic-go-dev and python3-aiortc besides.

eval "$(declare -f version_of | sed '1s/version_of/version_of_udp/')"
version_of() {
    case $1 in
    quic_go | quic_go_again) echo "quic-go $(dpkg-query -f '${Version}' -W golang-github-lucas-clemente-quic-go-dev | sed 's/-.*//')" ;;
    webrtc) echo "aiortc $(dpkg-query -f '${Version}' -W python3-aiortc | sed 's/-.*//') (OpenSSL)" ;;
    *) version_of_udp "$@" ;;
    esac
}

build_quic_peer() {
    [ "$work/quicpeer" -nt "$here/peers/quic.go" ] ||
        GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$work/quicpeer" "$here/peers/quic.go"
}
server_quic_go() { # CERTIFICATE OPTION...
    local cert=$1
    shift
    SSLKEYLOGFILE=$keylog in_server "$work/quicpeer" server -addr ":$port" -cert "$pki/$cert.pem" -key "$pki/$cert.key" "$@"
}
client_quic_go() {
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" "$work/quicpeer" client -addr "$address:$port" -ca "$pki/root.crt" "$@"
}
# Eleven seconds later somebody comes who knows version 1.
client_quic_go_again() {
    client_quic_go "$@"
    sleep 11
    client_quic_go -versions 1
}
server_webrtc() { in_server "$python" "$here/peers/webrtc.py" server - "$port"; }
client_webrtc() { in_client timeout "$limit" "$python" "$here/peers/webrtc.py" client "$address" "$port" "$@"; }

udp quic_go_many
server quic_go ecdsa
client quic_go -names www.example.test,www.example.test,www.example.test
truth success - - - - - 1.3
remark 'three connections at once between the same two ports'

udp quic_go_early
server quic_go ecdsa
client quic_go -early
truth success - - - - - 1.3
remark 'the second connection from the same port begins with 0-RTT'

udp quic_go_version
set_ limit 8
server quic_go ecdsa -versions 1
client quic_go_again -versions 2
truth failure server quic_close - - no_shared_version -
remark 'Version Negotiation: the client knows none of the versions that the server names, and leaves without a word; another one comes eleven seconds later'

udp quic_go_version_ok
server quic_go ecdsa -versions 1
client quic_go -versions 2,1
truth success - - - - - 1.3
remark 'Version Negotiation: the client begins anew with version 1'

udp quic_go_expired
set_ limit 8
server quic_go expired
client quic_go_again
truth failure client quic_close 42 client server_certificate_expired 1.3
remark 'another one comes eleven seconds later'

udp quic_go_name
set_ limit 8
server quic_go ecdsa
client quic_go_again -names other.example.test
truth failure client quic_close 42 client server_certificate_name_mismatch 1.3
remark 'another one comes eleven seconds later'

udp quic_go_alpn
server quic_go ecdsa -alpn other
client quic_go -alpn lab
truth failure server quic_close 120 server no_shared_application_protocol 1.3

udp quic_go_client_cert_missing
server quic_go ecdsa -verify
client quic_go
truth failure server quic_close 42 server client_certificate_missing 1.3

udp webrtc_ok
server webrtc
client webrtc
set_ limit 40
truth success - - - - - 1.2
remark 'STUN and DTLS share a port'

udp webrtc_fingerprint
server webrtc
client webrtc wrong
set_ limit 40
truth success - - - - - 1.2
remark 'the fingerprint is not that of the certificate; aiortc leaves behind both Finished'

udp webrtc_cipher
server webrtc
client webrtc ECDHE-RSA-AES128-GCM-SHA256
set_ limit 20
truth failure server alert 40 server no_shared_cipher -
remark 'the client of the lab is the DTLS server: its certificate is for ECDSA, its suites are for RSA'
