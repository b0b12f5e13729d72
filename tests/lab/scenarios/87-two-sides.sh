# shellcheck shell=bash disable=SC2154,SC2034
# SPDX-License-Identifier: Apache-2.0
# The same connection on both sides of a router that translates addresses: what the
# router leaves alone, drops, forges or terminates.

translate() {
    in_router iptables -t nat -A POSTROUTING -o s -j MASQUERADE
    "$@"
}
# Drops the ClientHello and answers it with a reset in the server's name.
refuse_hello() { in_router iptables -A FORWARD -i c -p tcp -m string --algo bm --string www.example.test -j REJECT --reject-with tcp-reset; }
# Drops what is large on its way to the client: a hole in the path.
drop_large() { in_router iptables -A FORWARD -i s -m length --length 600:65535 -j DROP; }

# two_sides NAME ROUTER SERVER... -- TRUTH...
two_sides() {
    local kind=$2
    scenario "$1"
    shift 2
    local served=()
    while [ "$1" != -- ]; do
        served+=("$1")
        shift
    done
    server "${served[@]}"
    router translate $kind
    client curl --tls-max 1.2
    set_ outside yes
    set_ limit 8
    truth "${@:2}"
}
two_sides two_sides_passed true nginx rsa -- success - - - - - 1.2
two_sides two_sides_expired true nginx expired -- failure client alert 45 client server_certificate_expired 1.2
two_sides two_sides_reset_forged refuse_hello nginx rsa -- failure middlebox reset - - connection_tampered -
remark 'the router sent the reset'
two_sides two_sides_reset_own true raw reset -- failure server reset - - client_hello_reset -
two_sides two_sides_lost drop_large nginx rsa -- failure client close - - server_flight_lost,client_hello_unanswered -
inspected two_sides_intercepted mitmproxy 'sites_curl --tls-max 1.2' failure client alert 48 client $lost 1.2
set_ outside yes
scenario two_sides_tampered # the hello goes on, and the router resets it towards both
server nginx rsa
router middlebox rst_late
client curl --tls-max 1.2
set_ outside yes
truth failure middlebox reset - - connection_tampered -
# The outer capture ends before the second visit.
client_visits_apart() {
    client_curl "$@"
    sleep 8
    client_curl "$@"
}
two_sides two_sides_part true nginx rsa -- success - - - - - 1.2
client visits_apart --tls-max 1.2
set_ outside_for 3
set_ limit 20
