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
