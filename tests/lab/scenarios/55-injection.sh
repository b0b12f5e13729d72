# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Packets injected beside the real ones: fakes that no end accepts, so that the
# handshake goes on, and one that is accepted. What a rule of iptables drops at the
# receiving end stands for what expires in hops behind the place of the capture.

ignored() { # NAME MODE WHY WHERE DIRECTIVE VERSION
    scenario "$1"
    server nginx rsa "$5"
    client curl
    router middlebox "$2" "$3"
    set_ where "$4"
    truth success - - - - - "$6"
    if [ "$3" = ttl ]; then
        router "in_$4" iptables -A INPUT -m ttl --ttl-lt 5 -j DROP
    fi
    remark "$2 injected, wrong is its $3; the ends ignore it"
}

ignored fake_hello_checksum fake_hello checksum server 'ssl_protocols TLSv1.3' 1.3
ignored fake_hello_ttl fake_hello ttl server 'ssl_protocols TLSv1.2' 1.2
ignored fake_hello_ack fake_hello ack server 'ssl_protocols TLSv1.2' 1.2
ignored fake_alert_checksum fake_alert checksum client 'ssl_protocols TLSv1.2' 1.2
ignored fake_alert_ttl fake_alert ttl client 'ssl_protocols TLSv1.3' 1.3
ignored fake_rst_checksum fake_rst checksum client 'ssl_protocols TLSv1.2' 1.2
ignored fake_rst_window fake_rst window client 'ssl_protocols TLSv1.2' 1.2
ignored fake_rst_sequence fake_rst sequence client 'ssl_protocols TLSv1.2' 1.2
ignored fake_rst_ttl fake_rst ttl client 'ssl_protocols TLSv1.3' 1.3
ignored fake_fin_checksum fake_fin checksum client 'ssl_protocols TLSv1.2' 1.2
ignored fake_fin_window fake_fin window client 'ssl_protocols TLSv1.2' 1.2

scenario fake_alert_taken
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
router middlebox fake_alert nothing
truth failure middlebox alert 40 server connection_tampered -
remark 'an alert in the name of the server, which curl believes; TTL 50, IP ID 0x1234'

scenario fake_alert_taken_13
server nginx rsa 'ssl_protocols TLSv1.3'
client s_client
router middlebox fake_alert nothing
truth failure middlebox alert 40 server connection_tampered -
remark 'an alert in the name of the server, which OpenSSL believes; TTL 50, IP ID 0x1234'
