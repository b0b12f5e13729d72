# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# What the way does to handshakes that both ends would have finished, seen from
# either end: what one side believes done, the other still waits for.

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
