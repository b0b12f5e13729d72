# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031,SC2317
# SPDX-License-Identifier: Apache-2.0
# 802.1X log-ins: wpa_supplicant against hostapd over a wire (EAPOL), and
# eapol_test against FreeRADIUS. Needs besides the rest (Debian 12): radsecproxy hostapd
# wpasupplicant eapoltest freeradius. hostapd authenticates at the router's end of
# the client's cable, with the EAP server that it brings or by RADIUS.

eval "$(declare -f version_of | sed '1s/version_of/version_of_carrier/')"
version_of() {
    case $1 in
    supplicant) wpa_supplicant -v | sed -n '1s/ v/ /p' ;;
    eapol_test | eapol_test_proxied) echo "eapol_test $(dpkg-query -f '${Version}' -W eapoltest | sed 's/.*://;s/-.*//') (OpenSSL)" ;;
    hostapd) hostapd -v 2>&1 | sed -n '1s/ v/ /p' ;;
    freeradius) freeradius -v | sed -n '1s/.*\(FreeRADIUS\) Version \([^,]*\).*/\1 \2/p' ;;
    *) version_of_carrier "$@" ;;
    esac
}

# METHOD CERTIFICATE OPTION...: hostapd's own EAP server. Options are lines of
# its configuration.
server_hostapd() {
    local method=$1 cert=$2
    shift 2
    cat >users <<END
"alice" $method
* $method
"alice" MSCHAPV2 "secret" [2]
END
    cat >hostapd.conf <<END
interface=c
driver=wired
ieee8021x=1
eap_server=1
eap_user_file=$dir/users
use_pae_group_addr=0
server_cert=$pki/$cert.pem
private_key=$pki/$cert.key
ca_cert=$pki/client_ca.pem
END
    printf '%s\n' "$@" >>hostapd.conf
    (sleep 60 | in_server nc -lk "$port" >/dev/null 2>&1) & # what the runner waits for
    in_router hostapd -t "$dir/hostapd.conf"
}

# METHOD CERTIFICATE MIN MAX: FreeRADIUS with users alice and bob.
server_freeradius() {
    [ "${1-}" != behind ] || { shift; behind_hostapd & }
    local raddb=$dir/raddb
    cp -rL /etc/freeradius/3.0 "$raddb"
    rm -f "$raddb"/sites-enabled/* "$raddb/mods-enabled/eap"
    cp "$raddb/sites-available/inner-tunnel" "$raddb/sites-enabled/"
    sed "s/^\( *\)listen {/\1&/; s/port = 18120/port = 18120/" -i "$raddb/sites-enabled/inner-tunnel"
    cat >"$raddb/sites-enabled/lab" <<END
server default {
  listen {
    type = auth
    ipaddr = *
    port = 1812
  }
  authorize {
    eap {
      ok = return
    }
    files
  }
  authenticate {
    eap
  }
  post-auth {
    Post-Auth-Type REJECT {
      attr_filter.access_reject
    }
  }
}
END
    cat >"$raddb/mods-enabled/eap" <<END
eap {
  default_eap_type = $1
  timer_expire = 60
  max_sessions = 64
  tls-config tls-common {
    certificate_file = $pki/$2.pem
    private_key_file = $pki/$2.key
    ca_file = $pki/client_ca.pem
    tls_min_version = "${3:-1.2}"
    tls_max_version = "${4:-1.2}"
    cipher_list = "DEFAULT@SECLEVEL=0"
    fragment_size = 1024
  }
$(for method in ${5:-tls ttls peap}; do
        printf '  %s {\n    tls = tls-common\n' "$method"
        [ "$method" = tls ] || printf '    default_eap_type = mschapv2\n    virtual_server = inner-tunnel\n'
        printf '  }\n'
    done)
  mschapv2 {
  }
  md5 {
  }
}
END
    printf '%s\n' 'alice Cleartext-Password := "secret"' 'bob Cleartext-Password := "secret", Auth-Type := Reject' \
        >"$raddb/mods-config/files/authorize"
    printf '%s\n' 'client lab {' 'ipaddr = 10.0.0.0/8' 'secret = testing123' '}' >"$raddb/clients.conf"
    chown -R freerad:freerad "$raddb"
    chmod a+rx "$dir" "$work"
    in_server freeradius -d "$raddb" -f -l stdout -xx
}

# hostapd at the router's end of the cable, which asks FreeRADIUS.
behind_hostapd() {
    cat >hostapd.conf <<END
interface=c
driver=wired
ieee8021x=1
use_pae_group_addr=0
own_ip_addr=10.2.0.1
auth_server_addr=10.2.0.2
auth_server_port=1812
auth_server_shared_secret=testing123
END
    sleep 2
    in_router hostapd -t "$dir/hostapd.conf"
}

# What a supplicant is told: METHOD CA LINE...
network_block() {
    local eap=$1 ca=$2
    shift 2
    printf '%s\n' 'network={' "  key_mgmt=${key_mgmt:-IEEE8021X}" '  eapol_flags=0' "  eap=$eap" '  identity="alice"' \
        '  password="secret"' "  ca_cert=\"$pki/$ca.crt\""
    printf '  %s\n' "$@"
    printf '}\n'
}
# METHOD CA LINE...
client_supplicant() {
    { printf 'ap_scan=0\n'; network_block "$@"; } >supplicant.conf
    in_client timeout "$limit" wpa_supplicant -t -D wired -i eth0 -c "$dir/supplicant.conf"
}
client_eapol_test() {
    key_mgmt=WPA-EAP network_block "$@" >eapol_test.conf
    in_client eapol_test -c "$dir/eapol_test.conf" -a "$address" -p 1812 -s testing123 -t "$limit" -r 0 \
        -M 02:00:00:00:00:02 -N 30:s:02-00-00-00-00-01
}

# eapol NAME, radius NAME: a scenario of that kind.
eapol() {
    scenario "$1"
    set_ filter 'ether proto 0x888e'
    set_ limit 6
}
radius() {
    scenario "$1"
    set_ port 1812
    set_ filter 'udp port 1812'
    set_ limit 8
}
alice_certificate="client_cert=\"$pki/client.pem\" private_key=\"$pki/client.key\""
with_certificate() { # NAME
    printf 'client_cert="%s"\n  private_key="%s"' "$pki/$1.pem" "$pki/$1.key"
}

# ---- over a wire ----

eapol eap_tls_ok_12
server hostapd TLS rsa 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant TLS root "$(with_certificate client)"
truth success - - - - - 1.2

eapol eap_tls_ok_13
server hostapd TLS rsa 'tls_flags=[ENABLE-TLSv1.3]'
client supplicant TLS root "$(with_certificate client)" 'phase1="tls_disable_tlsv1_3=0"'
truth success - - - - - 1.3

eapol eap_tls_ok_fragments
server hostapd TLS rsa fragment_size=200 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant TLS root "$(with_certificate client)" fragment_size=150
truth success - - - - - 1.2
remark 'both sides split their messages into fragments of 200 and 150 bytes'

eapol eap_tls_client_expired
server hostapd TLS rsa 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant TLS root "$(with_certificate client_expired)"
truth failure server close - - client_certificate_expired 1.2
remark 'hostapd keeps its alert to itself and sends EAP-Failure'

eapol eap_tls_client_expired_13
server hostapd TLS rsa 'tls_flags=[ENABLE-TLSv1.3]'
client supplicant TLS root "$(with_certificate client_expired)" 'phase1="tls_disable_tlsv1_3=0"'
truth failure server close - - client_certificate_rejected,client_certificate_expired 1.3
remark 'hostapd keeps its alert to itself and sends EAP-Failure'

eapol eap_tls_client_unknown
server hostapd TLS rsa 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant TLS root "$(with_certificate client_stranger)"
truth failure server close - - client_certificate_unknown_issuer 1.2
remark 'hostapd keeps its alert to itself and sends EAP-Failure'

eapol peap_ok
server hostapd PEAP rsa 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant PEAP root 'phase2="auth=MSCHAPV2"'
truth success - - - - - 1.2

eapol peap_wrong_password
server hostapd PEAP rsa 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant PEAP root 'phase2="auth=MSCHAPV2"' 'password="wrong"'
truth success - - - - - 1.2
remark 'the user is turned down inside the tunnel: TLS itself went through'

eapol peap_unknown_ca
server hostapd PEAP unknown 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant PEAP root 'phase2="auth=MSCHAPV2"'
truth failure client alert 48 client server_certificate_unknown_issuer 1.2

eapol peap_expired
server hostapd PEAP expired 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant PEAP root 'phase2="auth=MSCHAPV2"'
truth failure client alert 45 client server_certificate_expired 1.2

eapol peap_name
server hostapd PEAP rsa 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant PEAP root 'phase2="auth=MSCHAPV2"' 'domain_suffix_match="radius.example.test"'
truth failure client alert 80 client server_certificate_rejected,server_certificate_name_mismatch 1.2
remark 'the supplicant wants another name (domain_suffix_match), which the wire does not show'

eapol ttls_ok
server hostapd TTLS rsa 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant TTLS root 'phase2="auth=MSCHAPV2"'
truth success - - - - - 1.2

eapol ttls_expired
server hostapd TTLS expired 'tls_flags=[DISABLE-TLSv1.3]'
client supplicant TTLS root 'phase2="auth=MSCHAPV2"'
truth failure client alert 45 client server_certificate_expired 1.2

eapol ttls_version
server hostapd TTLS rsa 'tls_flags=[DISABLE-TLSv1.0][DISABLE-TLSv1.1][DISABLE-TLSv1.3]'
client supplicant TTLS root 'phase2="auth=MSCHAPV2"' 'phase1="tls_disable_tlsv1_2=1 tls_disable_tlsv1_0=0 tls_disable_tlsv1_1=0"' 'openssl_ciphers="DEFAULT@SECLEVEL=0"'
truth failure server close - - no_shared_version -
remark 'the server keeps its alert to itself and sends EAP-Failure'

eapol eap_nak
server hostapd TLS rsa
client supplicant PEAP root 'phase2="auth=MSCHAPV2"'
truth failure server plaintext - - starttls_refused -
remark 'the server offers EAP-TLS only, the supplicant wants PEAP (Nak)'

# ---- over RADIUS ----

radius radius_tls_ok
server freeradius tls rsa
client eapol_test TLS root "$(with_certificate client)"
truth success - - - - - 1.2

radius radius_tls_ok_13
server freeradius tls rsa 1.2 1.3
client eapol_test TLS root "$(with_certificate client)" 'phase1="tls_disable_tlsv1_3=0"'
truth success - - - - - 1.3

radius radius_tls_client_expired
server freeradius tls rsa
client eapol_test TLS root "$(with_certificate client_expired)"
truth failure server close - - client_certificate_expired 1.2
remark 'FreeRADIUS keeps its alert to itself: Access-Reject with EAP-Failure'

radius radius_tls_unknown_ca
server freeradius tls unknown
client eapol_test TLS root "$(with_certificate client)"
truth failure client alert 48 client server_certificate_unknown_issuer 1.2

radius radius_peap_ok
server freeradius peap rsa
client eapol_test PEAP root 'phase2="auth=MSCHAPV2"'
truth success - - - - - 1.2

radius radius_peap_expired
server freeradius peap expired
client eapol_test PEAP root 'phase2="auth=MSCHAPV2"'
truth failure client alert 45 client server_certificate_expired 1.2

radius radius_peap_rejected
server freeradius peap rsa
client eapol_test PEAP root 'phase2="auth=MSCHAPV2"' 'identity="mallory"'
truth success - - - - - 1.2
remark 'the user is turned down in phase 2: TLS itself went through'

radius radius_ttls_unknown_ca
server freeradius ttls unknown
client eapol_test TTLS root 'phase2="auth=MSCHAPV2"'
truth failure client alert 48 client server_certificate_unknown_issuer 1.2

radius radius_ttls_version
server freeradius ttls rsa 1.2 1.2
client eapol_test TTLS root 'phase2="auth=MSCHAPV2"' 'phase1="tls_disable_tlsv1_2=1 tls_disable_tlsv1_0=0 tls_disable_tlsv1_1=0"' 'openssl_ciphers="DEFAULT@SECLEVEL=0"'
truth failure server close - - no_shared_version -
remark 'the server keeps its alert to itself and sends EAP-Failure'

radius radius_nak
server freeradius tls rsa 1.2 1.2 tls
client eapol_test TTLS root 'phase2="auth=MSCHAPV2"'
truth failure server plaintext - - starttls_refused -
remark 'the server has EAP-TLS only, the supplicant wants EAP-TTLS'

radius radius_silent_server
server freeradius tls rsa
client eapol_test TLS root "$(with_certificate client)"
router in_router sh -c 'sleep 0.5; iptables -A FORWARD -p udp --dport 1812 -m length --length 400:2000 -j DROP'
set_ limit 26
truth failure nobody timeout - - server_stalled 1.2
remark 'large requests get lost: the one with the client certificate is repeated and never answered'

# ---- both ways at once ----

for word in expired ok; do
    radius "radius_both_$word"
    server freeradius behind tls "${word/ok/rsa}"
    client supplicant TLS root "$(with_certificate client)"
    set_ where router
    set_ interface any
    set_ link LINUX_SLL2
    set_ snaplen 4000
    set_ filter 'ether proto 0x888e or udp port 1812'
    set_ limit 9
    truth success - - - - - 1.2
    [ $word = ok ] || truth failure client alert 45 client server_certificate_expired 1.2
    remark 'EAPOL and RADIUS of one log-in'
done

# ---- over a RADIUS proxy: two legs of one log-in ----

radius_proxy() { # on the router, towards the server
    cat >"$dir/radsecproxy.conf" <<END
ListenUDP 10.1.0.1:1812
LogDestination file://$dir/radsecproxy.log
client 10.1.0.2 {
  type udp
  secret testing123
}
server home {
  host 10.2.0.2
  port 1812
  type udp
  secret testing123
}
realm * {
  server home
}
END
    in_router radsecproxy -f -c "$dir/radsecproxy.conf"
}

radius radius_proxied_expired
server freeradius tls expired
router radius_proxy
client eapol_test_proxied TLS root "$(with_certificate client)"
set_ where router
set_ interface any
set_ link LINUX_SLL2
truth failure client alert 45 client server_certificate_expired 1.2
remark 'from the NAS to a proxy (radsecproxy), and on to the server: one log-in'

client_eapol_test_proxied() { # as eapol_test, to the router
    local address=10.1.0.1
    client_eapol_test "$@"
}
