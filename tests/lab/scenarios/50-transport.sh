# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Silence, loss, resets and closes: what the network and the hosts do.

scenario silence_openssl
server raw swallow
client s_client
set_ limit 12
truth failure nobody timeout - - client_hello_unanswered -

scenario silence_then_curl_gives_up
server raw silent
client curl -m 12
truth failure nobody timeout - - client_hello_unanswered -
remark 'curl closes after 12 s of silence'

scenario silence_ipv6
server raw swallow
client curl
set_ family 6
set_ limit 12
truth failure nobody timeout - - client_hello_unanswered -

scenario silence_then_other_traffic
server raw silent
client silent_then_probe
set_ capture_for 13
truth failure nobody timeout - - client_hello_unanswered -
remark 'the capture goes on with another connection, the silent one stays open'

scenario unknown_silence_at_end
server raw swallow
client s_client
set_ capture_for 5
truth unknown - - - - client_hello_unanswered -
remark 'nothing in the file shows how long the silence lasted'

scenario hello_lost_curl
server nginx rsa
client curl
router in_router iptables -A FORWARD -i c -m length --length 400:65535 -j DROP
set_ capture_for 15
set_ limit 16
truth failure nobody timeout - - client_hello_lost -
remark 'the router drops packets over 400 bytes, no ICMP'

scenario hello_lost_pq
server node24 rsa
client node24
router in_router iptables -A FORWARD -i c -m length --length 1400:65535 -j DROP
set_ capture_for 15
set_ limit 16
truth failure nobody timeout - - client_hello_lost,large_client_hello -
remark 'post-quantum hello of two segments, the large one lost: path MTU'

scenario hello_lost_ipv6
server nginx rsa
client curl
set_ family 6
router in_router ip6tables -A FORWARD -i c -m length --length 300:65535 -j DROP
set_ capture_for 15
set_ limit 16
truth failure nobody timeout - - client_hello_lost -

scenario hello_large_reset
server raw short_read
client node24
truth failure server reset - - large_client_hello,client_hello_reset -
remark 'raw server that takes the first segment for the whole hello'

scenario flight_lost_server_side
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
router in_router iptables -A FORWARD -o c -m length --length 1400:65535 -j DROP
set_ where server
set_ capture_for 15
set_ limit 16
truth failure nobody timeout - - server_flight_lost 1.2
remark 'captured at the server: its flight is retransmitted in vain'

scenario flight_lost_client_side
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
router in_router iptables -A FORWARD -o c -m length --length 1400:65535 -j DROP
set_ limit 12
truth failure nobody timeout - - server_flight_lost,client_hello_unanswered -
remark 'captured at the client: a hole, then the small end of the flight'

scenario flight_lost_13_server_side
server nginx rsa 'ssl_protocols TLSv1.3'
client s_client
router in_router iptables -A FORWARD -o c -m length --length 1400:65535 -j DROP
set_ where server
set_ capture_for 15
set_ limit 16
truth failure nobody timeout - - server_flight_lost 1.3

# The server's own patience ends first: its close is no answer to what it never
# got.
scenario hello_lost_then_close
server nginx rsa 'client_header_timeout 4s'
client curl
router in_router iptables -A FORWARD -i c -m length --length 400:65535 -j DROP
set_ limit 12
truth failure server close - - client_hello_lost -
remark 'the router drops packets over 400 bytes, and nginx gives up after 4 s'

scenario client_certificate_lost
server nginx rsa 'ssl_protocols TLSv1.2' 'client_header_timeout 4s' \
    "ssl_client_certificate $pki/client_ca.pem" 'ssl_verify_client on'
client s_client -cert "$pki/client.pem" -key "$pki/client.key" -cert_chain "$pki/client.pem"
router in_router iptables -A FORWARD -i c -m length --length 700:65535 -j DROP
set_ limit 12
truth failure server close - - server_closed 1.2
remark 'the packets with the certificate of the client never reach nginx'

scenario hello_resent_then_close
server raw close
client curl
router in_router iptables -A FORWARD -i c -m length --length 400:65535 -m quota --quota 2500 -j DROP
set_ limit 12
truth failure server close - - server_closed -
remark 'near miss: the router drops the hello four times, then it arrives and the server closes'

scenario reset_after_hello
server raw reset
client curl
truth failure server reset - - client_hello_reset -

scenario reset_after_hello_go
server raw reset
client go
truth failure server reset - - client_hello_reset -

scenario close_after_hello
server raw close
client curl
truth failure server close - - server_closed -

scenario close_after_hello_gnutls
server raw close
client gnutls NORMAL
truth failure server close - - server_closed -

scenario close_after_hello_java
server raw close
client java TLSv1.3,TLSv1.2
truth failure server close - - server_closed -
remark 'the alert of the client is a consequence'

scenario close_after_server_hello
server raw server_hello 0.3
client curl
truth failure server close - - server_closed 1.2

scenario stall_after_server_hello
server raw server_hello
client s_client
set_ limit 12
truth failure nobody timeout - - server_stalled 1.2

scenario stall_in_server_hello
server raw half_record
client curl
set_ limit 12
truth failure nobody timeout - - server_stalled -
remark 'the server stops within its first record'

scenario stall_client
server nginx rsa 'ssl_protocols TLSv1.2'
client raw hello_then_silence 11.5
set_ limit 12
truth failure nobody timeout - - client_stalled 1.2

scenario stall_client_half_hello
server nginx rsa
client raw half_hello 11.5
set_ limit 12
truth failure nobody timeout - - client_stalled -
remark 'the client stops within its ClientHello'

scenario stall_client_haproxy_gives_up
server haproxy rsa ssl-max-ver TLSv1.2
client raw hello_then_silence 9
truth failure server close - - client_stalled,server_closed 1.2
remark 'HAProxy closes after five seconds (timeout client)'

scenario client_quits
server nginx rsa 'ssl_protocols TLSv1.2'
client raw quit
truth failure client close - - client_closed 1.2

scenario client_cancels_early
server nginx rsa
client curl -m 0.8
router middlebox delay 300
truth failure client close - - client_cancelled -
remark 'round trip 600 ms, the client gives up 200 ms after its hello'

scenario client_killed
server raw swallow
client killed 1
truth failure client close - - client_cancelled,client_hello_unanswered -
remark 's_client killed after one second without an answer'

scenario connect_and_close
server nginx rsa
client raw connect
truth unknown - - - - client_cancelled -
remark 'health check: no hello at all, a record is optional'

scenario tampered_reset
server nginx rsa
client curl
router middlebox rst
truth failure middlebox reset - - connection_tampered -
remark 'forged reset to both ends, TTL 50, IP ID 0x1234; the hello is dropped'

scenario tampered_reset_late
server nginx rsa
client go
router middlebox rst_late
truth failure middlebox reset - - connection_tampered -
remark 'forged reset to both ends, the hello passed on'

scenario tampered_reset_server_side
server nginx rsa
client curl
router middlebox rst
set_ where server
truth unknown - - - - connection_tampered -
remark 'captured at the server: a reset and no hello'

scenario tampered_on_server_flight
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
router middlebox rst_server
truth failure middlebox reset - - connection_tampered -
remark 'forged reset in place of the server flight'

scenario tampered_fin
server nginx rsa
client curl
router middlebox fin
truth failure middlebox close - - connection_tampered,server_closed -
remark 'forged FIN to the client, the hello dropped'

scenario unknown_capture_ends
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
set_ without 7-99
truth unknown - - - - - 1.2
remark 'the capture ends while the handshake is moving'

scenario unknown_midstream
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
set_ without 1-12
truth unknown - - - - - -
remark 'the capture begins after the handshake; a record is optional'

scenario blind_client_only
server nginx expired 'ssl_protocols TLSv1.2'
client curl
set_ filter 'src host 10.1.0.2'
truth failure client alert 45 client server_certificate_expired -
remark 'only one direction was captured'

scenario blind_snaplen
server nginx expired 'ssl_protocols TLSv1.2'
client curl
set_ snaplen 128
truth failure client alert 45 client server_certificate_expired -
remark 'packets cut at 128 bytes'

# ---- who waits for whom

scenario silence_after_starttls
server raw smtp_silent
client smtp_curl
set_ port 587
set_ limit 12
truth failure nobody timeout - - client_hello_unanswered -

scenario silence_after_starttls_short
server raw smtp_silent
client smtp_curl
set_ port 587
set_ limit 5
truth failure client close - - client_hello_unanswered -

scenario reset_after_starttls
server raw smtp_reset
client smtp_curl
set_ port 587
truth failure server reset - - client_hello_reset -

scenario stall_client_half_hello_haproxy
server haproxy rsa
client raw half_hello 8
truth failure server close - - client_stalled,server_closed -
remark 'HAProxy gives up after five seconds (timeout client)'
