# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031
# SPDX-License-Identifier: Apache-2.0
# How scenarios are described and run; sourced by make. A scenario is a stanza:
#
#   scenario NAME                what follows belongs to it
#   server KIND [ARGUMENT]...    a server_KIND of peers.sh; `none` for no server
#   client KIND [ARGUMENT]...    a client_KIND of peers.sh
#   router COMMAND...            run before the client: `middlebox MODE`, `in_router iptables …`
#   set_ KEY VALUE               below
#   truth OUTCOME ENDED_BY ENDED_HOW ALERT ALERT_SENDER CAUSE[,CAUSE]... VERSION
#   remark TEXT
#
# Keys: family (4, 6), port (443), where (client, server: whose side is
# captured; router), interface (eth0) and link (EN10MB: link type) of the capture, overlay
# (through a VXLAN), encap (what peers/encap.py wraps the capture in), linger (seconds of capture after the client is gone), limit
# (seconds the client may run), patience (20: seconds the server has to start), stdin (shell command that feeds the client),
# capture_for (seconds until tcpdump is stopped), snaplen, filter, without (numbers
# of packets taken out afterwards), stream (first, last: the connection that truth is about),
# outside (not empty: the server's side is captured, too, in NAME.outside.pcap), outside_for (seconds until that ends),
# wire_port (the port that the client connects to, where a proxy stands before the server).
#
# Client 10.1.0.2, router 10.1.0.1 and 10.2.0.1, server 10.2.0.2; the last
# number is the same for fd00:1:: and fd00:2::. MTU 1500, no offloads.

names=()
declare -A server client router truth remark setting
current=

scenario() {
    current=$1
    names+=("$1")
}
server() { server[$current]=${*@Q}; }
client() { client[$current]=${*@Q}; }
router() { router[$current]+="${*@Q}"$'\n'; }
set_() { setting[$current.$1]=$2; }
truth() { truth[$current]="$*"; }
remark() { remark[$current]=$1; }
get() { printf '%s' "${setting[$1.$2]-$3}"; }

in_client() { ip netns exec "$tag-c" "$@"; }
in_router() { ip netns exec "$tag-r" "$@"; }
in_server() { ip netns exec "$tag-s" "$@"; }

# link SIDE NET: a cable from the client's or server's namespace to the router.
link() {
    local side=$1 net=$2
    ip link add eth0 netns "$tag-$side" type veth peer name "$side" netns "$tag-r"
    for end in "$tag-$side eth0 2" "$tag-r $side 1"; do
        # shellcheck disable=SC2086 # three words
        set -- $end
        ip -n "$1" link set lo up
        ip -n "$1" addr add "10.$net.0.$3/24" dev "$2"
        ip -n "$1" addr add "fd00:$net::$3/64" dev "$2" nodad
        ip -n "$1" link set "$2" up
        ip netns exec "$1" ethtool -K "$2" tso off gso off gro off tx off rx off >/dev/null
    done
    ip -n "$tag-$side" route add default via "10.$net.0.1"
    ip -n "$tag-$side" route add default via "fd00:$net::1"
}

network_up() {
    local side
    for side in c r s; do
        mkdir -p "/etc/netns/$tag-$side"
        printf '%s\n' '127.0.0.1 localhost' "$address www.example.test example.test" \
            >"/etc/netns/$tag-$side/hosts"
        ip netns add "$tag-$side"
        ip netns exec "$tag-$side" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
    done
    in_router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    for side in c s; do
        ip netns exec "$tag-$side" sysctl -qw net.ipv4.tcp_mtu_probing=0
    done
    link c 1
    link s 2
    [ -z "$(get "$name" overlay '')" ] || overlay
    # Client ports differ from scenario to scenario, so that captures can be merged.
    side=$((32768 + $(printf %s "$name" | cksum | cut -d' ' -f1) % 28000))
    in_client sysctl -qw "net.ipv4.ip_local_port_range=$side $((side + 50))"
}

# A VXLAN of the kernel's between client and server: they meet at 10.3.0.1 and .2.
overlay() {
    local end
    for end in "c 2 1" "s 1 2"; do
        # shellcheck disable=SC2086 # three words
        set -- $end
        ip -n "$tag-$1" link add vxlan0 type vxlan id 42 remote "10.$2.0.2" dstport 4789 dev eth0
        ip -n "$tag-$1" addr add "10.3.0.$3/24" dev vxlan0
        ip -n "$tag-$1" link set vxlan0 up
        ip netns exec "$tag-$1" ethtool -K vxlan0 tso off gso off gro off >/dev/null
    done
}

network_down() {
    local side
    for side in c r s; do
        ip netns pids "$tag-$side" 2>/dev/null | xargs -r kill -9 2>/dev/null
        ip netns del "$tag-$side" 2>/dev/null
        rm -rf "/etc/netns/$tag-$side"
    done
}

wait_for() { # SECONDS COMMAND...
    local tries=$(($1 * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}
listening() { [ -n "$(in_server ss -Hltun "sport = :$port")" ]; }
capturing() { grep -qs 'listening on' "$dir/tcpdump.log"; }

# Runs one scenario in a subshell of its own.
run() (
    name=$1
    dir=$work/$name
    tag=lab$BASHPID
    port=$(get "$name" port 443)
    family=$(get "$name" family 4)
    address=10.2.0.2
    [ "$family" = 6 ] && address=fd00:2::2
    [ -z "$(get "$name" overlay '')" ] || address=10.3.0.2
    rm -rf "$dir"
    mkdir -p "$dir"
    trap network_down EXIT
    network_up
    export keylog=$dir/keys
    eval "set -- ${server[$name]}"
    server_name="$1"
    (
        cd "$dir" || exit
        "server_$1" "${@:2}"
    ) >"$dir/server.log" 2>&1 &
    if [ "$server_name" != none ] && ! wait_for "$(get "$name" patience 20)" listening; then
        echo "$name: the server did not start: $(tail -n 3 "$dir/server.log")" >&2
        exit 1
    fi
    while IFS= read -r line; do
        [ -z "$line" ] && continue
        eval "set -- $line"
        "$@" >>"$dir/router.log" 2>&1 &
        sleep 0.5
    done <<<"${router[$name]-}"

    side=$(get "$name" where client)
    timeout "$(get "$name" capture_for 60)" ip netns exec "$tag-${side:0:1}" \
        tcpdump -Z root -i "$(get "$name" interface eth0)" -y "$(get "$name" link EN10MB)" -U -B 16384 --immediate-mode -s "$(get "$name" snaplen 262144)" -w "$dir/capture.pcap" \
        "$(get "$name" filter 'tcp or icmp or (icmp6 and ip6[40] < 128)')" 2>"$dir/tcpdump.log" &
    if [ -n "$(get "$name" outside '')" ]; then
        timeout "$(get "$name" outside_for "$(get "$name" capture_for 60)")" ip netns exec "$tag-s" tcpdump -Z root -i eth0 -U --immediate-mode \
            -w "$dir/outside.pcap" 'tcp or icmp' 2>"$dir/outside.log" &
        wait_for 5 grep -qs 'listening on' "$dir/outside.log"
    fi
    wait_for 5 capturing
    eval "set -- ${client[$name]}"
    eval "$(get "$name" stdin 'sleep 0.3; printf "GET / HTTP/1.0\r\n\r\n"; sleep 0.7')" 2>/dev/null |
        (
            cd "$dir" || exit
            limit=$(get "$name" limit 15)
            "client_$1" "${@:2}"
        ) >"$dir/client.log" 2>&1
    sleep "$(get "$name" linger 0.5)"
    network_down_processes
    # Packets taken out stand for a capture that began late or ended early.
    # shellcheck disable=SC2046 # several ranges
    editcap -F pcap "$dir/capture.pcap" "$top/pcaps/$name.pcap" $(get "$name" without '')
    [ -s "$dir/outside.pcap" ] && editcap -F pcap "$dir/outside.pcap" "$top/pcaps/$name.outside.pcap"
    rm -f "$top/pcaps/$name.keys"
    [ -s "$dir/keys" ] && sort -u "$dir/keys" | grep -v '^#' >"$top/pcaps/$name.keys"
    write_row
    local wrapping
    wrapping=$(get "$name" encap '')
    if [ -n "$wrapping" ]; then
        mv "$top/pcaps/$name.pcap" "$dir/inner.pcap"
        $python "$here/peers/encap.py" "$wrapping" "$dir/inner.pcap" "$top/pcaps/$name.pcap"
    fi
    [ -n "$keep" ] || rm -rf "$dir/nss" "$dir/html"
)

network_down_processes() {
    local side
    for side in c s r; do
        ip netns pids "$tag-$side" 2>/dev/null | xargs -r kill -TERM 2>/dev/null
    done
    sleep 0.3
}

# What a peer said: its first lines that tell of an error, else its last line.
said() {
    local text
    text=$(tr -d '\000\r' <"$1" | sed 's/\x1b\[[0-9;]*m//g' | grep -aiE "$complaint" | grep -avE "$noise" | head -n 3 | paste -sd'|')
    [ -n "$text" ] || text=$(tr -d '\000\r' <"$1" | sed 's/\x1b\[[0-9;]*m//g' | grep -avE "$noise" | grep -a . | tail -n 1)
    printf '%s' "${text:--}" | sed -E 's/(20[0-9/-]+ |\[[A-Z][a-z]{2} [A-Z].{20,25}\] )[^|]*\[(info|ssl:info)\] /[info] /g' | sed "s|$dir/||g; s|$here/||g; s|$top/||g" | tr '\t' ' ' | sed 's/|/ | /g' | cut -c1-400
}
complaint='error|is not trusted|client: |server: |resumed|reused|alert|fail|exception|refused|reset|timed out|timeout|mismatch|expired|not yet|untrusted|unknown|invalid|closed|curl: \(|bad |denied|unable|no shared|verify return code: [1-9]|client sent|handshake'
noise='SIGTERM|AH02568|Reading configuration|compiled against|^Terminated|: exit$|via signal|Timeout +:|cache timeouts|New Session Ticket arrived|ticket parse|SSL_shutdown success|^ACCEPT|^/usr|^usage|epoll_wait|keepalive connection|failed to verify the leg|--cacert|errors?=0|GET / |SSL handshake has read|^\*|New, TLS|no error|error.?log|depth=|rror_page|Handshake was completed|SIGPIPE|stapling OCSP|choosing certificate|certificate selection|matched certificate|ertificate (loaded )?from file|ey (loaded )?from file|Insecure file'

write_row() { # of the scenario $name
    local words made
    eval "words=(${client[$name]})"
    made="client: $(version_of "${words[0]}")"
    eval "words=(${server[$name]})"
    made+="; server: $(version_of "${words[0]}")"
    "$here/wire" "$name" "$top/pcaps/$name.pcap" "$(get "$name" wire_port "$port")" "${truth[$name]}" \
        "$(said "$dir/client.log")" "$(said "$dir/server.log")" "$made" "${remark[$name]--}" "$(get "$name" stream first)" \
        >"$work/$name.row"
}

merge_truth() {
    local file=$top/pcaps/truth.tsv rows=()
    for name in "${names[@]}"; do
        [ -s "$work/$name.row" ] && rows+=("$work/$name.row")
    done
    local header
    if [ -e "$top/pcaps/demo_expired.pcap" ] && [ -e "$top/pcaps/demo_success.pcap" ]; then
        mergecap -F pcap -w "$top/pcaps/demo.pcap" "$top"/pcaps/demo_{expired,success}.pcap
    fi
    header=$(printf '%s\t' name file client_port outcome ended_by ended_how alert alert_sender \
        causes version client_said server_said made alert_visible remark)
    {
        printf '%s\n' "${header%$'\t'}"
        {
            cat "${rows[@]}"
            [ -e "$file" ] && tail -n +2 "$file"
        } | awk -F'\t' -v names=" ${names[*]} " '!seen[$1]++ && index(names, " " $1 " ")'
    } >"$file.new"
    { head -n 1 "$file.new"; tail -n +2 "$file.new" | sort; } >"$file"
    rm -f "$file.new"
}
