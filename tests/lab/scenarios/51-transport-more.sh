# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# What the way does to handshakes that both ends would have finished, seen from
# either end: what one side believes done, the other still waits for.

scenario finish_lost_13
server nginx rsa 'ssl_protocols TLSv1.3'
client curl
router middlebox cut client 2
set_ limit 15
truth failure nobody timeout - - server_stalled 1.3
remark 'curl finished and asked for a page; nothing of it gets through'

scenario finish_late_13
server nginx rsa 'ssl_protocols TLSv1.3'
client curl
router middlebox lose client 2 4
truth success - - - - - 1.3
remark 'near miss: the Finished of curl is lost four times, then it arrives'

scenario finish_lost_12_server_side
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
router middlebox cut server 3
set_ where server
set_ limit 14
set_ capture_for 16
truth failure nobody timeout - - server_flight_lost 1.2
remark 'the last flight of nginx, which makes the handshake whole, never reaches curl'

scenario answer_lost_12
server nginx rsa 'ssl_protocols TLSv1.2'
client curl
router middlebox gone client 2
set_ limit 15
truth failure nobody timeout - - server_stalled 1.2
remark 'from the key exchange of curl on nothing passes, as when a NAT forgets'

scenario answer_torn_client_side
server nginx rsa 'ssl_protocols TLSv1.2' "ssl_client_certificate $pki/client_ca.pem" 'ssl_verify_client on'
client s_client -cert "$pki/client.pem" -key "$pki/client.key" -cert_chain "$pki/client_ca.pem"
router in_router iptables -A FORWARD -i c -m length --length 1300:65535 -j DROP
set_ limit 14
set_ capture_for 16
truth failure nobody timeout - - server_stalled 1.2
remark 'the certificate of the client takes two segments, of which the large one is lost'

scenario answer_torn_server_side
server nginx rsa 'ssl_protocols TLSv1.2' "ssl_client_certificate $pki/client_ca.pem" 'ssl_verify_client on'
client then_probe s_client -cert "$pki/client.pem" -key "$pki/client.key" -cert_chain "$pki/client_ca.pem"
router in_router iptables -A FORWARD -i c -m length --length 1300:65535 -j DROP
set_ where server
set_ limit 4
truth failure nobody timeout - - server_stalled 1.2
remark 'the same, captured at the server'

scenario flight_lost_client_gone
server nginx rsa 'ssl_protocols TLSv1.3'
client curl
router middlebox gone server 1
set_ where server
set_ limit 14
set_ capture_for 15
truth failure nobody timeout - - server_flight_lost,client_stalled -
remark 'captured at the server: from its answer on nothing passes, either way'

scenario hello_half_lost
server nginx rsa
client then_probe node24
router in_router iptables -A FORWARD -i c -p tcp -m length --length 150:500 -j DROP
set_ where server
set_ limit 4
truth failure nobody timeout - - large_client_hello,client_hello_lost -
remark 'captured at the server: of a post-quantum hello only the first segment passes'

scenario hello_lost_icmp
server nginx rsa
client curl
router in_router iptables -A FORWARD -i c -m length --length 400:65535 -j REJECT --reject-with icmp-admin-prohibited
set_ capture_for 15
set_ limit 16
truth failure nobody timeout - - client_hello_lost -
remark 'the router turns packets over 400 bytes down and says so by ICMP'

scenario fake_page
server nginx rsa
client curl
router middlebox page
truth failure middlebox plaintext - - connection_tampered -
remark 'a filter answers the hello with an HTTP redirect; nginx never gets it'

scenario page_portal
server raw portal
client curl
truth failure server plaintext - - server_not_tls -
remark 'near miss: whoever is asked says it, as captive portals do'

scenario starttls_then_plaintext
server raw smtp_421
client smtp_curl
set_ port 587
truth failure server plaintext - - server_not_tls -
remark 'the server agrees to STARTTLS and then says 421'

scenario reset_overtakes_alert
server raw alert_reset 40
client curl
router middlebox late server 40
truth failure server alert 40 server no_shared_cipher,unclassified -
remark 'the server says alert 40 and resets; the reset arrives first'

scenario alert_resent
server raw alert 40
client curl
router middlebox gone server 1
set_ where server
set_ limit 25
set_ capture_for 27
truth failure server alert 40 server no_shared_cipher,unclassified -
remark 'captured at the server: its alert never arrives and is sent again for 25 s'
