# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# One failing and one succeeding connection as seen in each encapsulation. VXLAN
# and the "cooked" captures are the kernel's own; the others are put around a real
# capture by peers/encap.py, since this kernel has no such devices.

seen() { # NAME CERTIFICATE [CLIENT-OPTION]...
    scenario "$1"
    server s_server "$2"
    client s_client -tls1_2 "${@:3}"
    set_ stdin 'sleep 1.5' # no request, so that the capture stays small
    set_ snaplen 4000
    case $2 in
    expired) truth failure client alert 45 client server_certificate_expired 1.2 ;;
    *) truth success - - - - - 1.2 ;;
    esac
}

for word in expired ok; do
    cert=${word/ok/ecdsa}
    for kind in vlan qinq mpls pseudowire pppoe snap gre nvgre gre6 erspan1 erspan2 erspan3 ipip \
        4in6 gpe geneve gtp l2tp lisp mplsudp etherip radiotap wifi ppp hdlc raw nflog ipnet null \
        fragments twice-vlan twice-vxlan twice-mirror vxlan+gre+mpls; do
        seen "encap_${kind//[-+]/_}_$word" "$cert"
        set_ encap "$kind"
        remark "the capture was wrapped by peers/encap.py $kind"
    done
    for kind in 6in4 teredo; do
        seen "encap_${kind}_$word" "$cert"
        set_ family 6
        set_ encap "$kind"
        remark "the capture was wrapped by peers/encap.py $kind"
    done

    seen "encap_vxlan_$word" "$cert"
    set_ overlay yes
    set_ filter udp
    remark "a VXLAN of the kernel's"
    seen "encap_vxlan_both_$word" "$cert"
    set_ overlay yes
    set_ interface any
    set_ link LINUX_SLL2
    set_ filter 'udp port 4789 or tcp'
    remark 'each packet was seen inside and outside of the tunnel'
    seen "encap_sll_$word" "$cert"
    set_ interface any
    set_ link LINUX_SLL
    seen "encap_sll2_twice_$word" "$cert"
    set_ where router
    set_ interface any
    set_ link LINUX_SLL2
    remark 'captured on all interfaces of a router: each packet twice'
done

scenario probe_connect_twice
server s_server rsa
client raw connect
truth unknown - - - - - -
set_ encap twice-mirror
remark 'connected and closed, seen twice: the decode_error of the server answers that'
