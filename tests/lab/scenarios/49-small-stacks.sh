# shellcheck shell=bash disable=SC2154,SC2016,SC2086
# SPDX-License-Identifier: Apache-2.0
# Stacks that seldom say what they mind: BearSSL, whose alerts to a hello have no version
# and which rejects certificates without a word, and s2n-tls (of the AWS SDKs), which keeps
# still for 10 to 30 seconds first; Pike's own TLS; and NBD, whose way to TLS is binary. Needs
# besides the rest (Debian 12): libbearssl-dev pike8.0-core nbdkit qemu-utils rsyslog-gnutls; aws-crt comes
# from npm.

eval "$(declare -f build_peers | sed '1s/build_peers/build_peers_before_small/')"
build_peers() {
    build_peers_before_small || return
    build_c_peer bear -lbearssl
    [ -d "$work/aws/node_modules" ] || npm install --silent --prefix "$work/aws" aws-crt@1.33.2 >&2 ||
        echo "make: no aws-crt: scenarios that need it will fail" >&2
}
eval "$(declare -f version_of | sed '1s/version_of/version_of_before_small/')"
version_of() {
    case $1 in
    bear | bear_*) echo "BearSSL $(dpkg-query -f '${Version}' -W libbearssl-dev | sed 's/[+-].*//')" ;;
    s2n) echo "aws-crt $(sed -n 's/.*"version": "\(.*\)".*/\1/p' "$work/aws/node_modules/aws-crt/package.json") (s2n-tls)" ;;
    pike) pike8.0 --version 2>&1 | sed -n '1s/^\(Pike v[^ ]* release [0-9]*\).*/\1/p' ;;
    nbdkit | nbdkit_psk) nbdkit --version | sed 's/$/ (GnuTLS)/' ;;
    nbd*) qemu-img --version | sed -n '1s/^\(qemu-img\) version \([^ ]*\).*/\1 \2 (GnuTLS)/p' ;;
    rsyslog) rsyslogd -v | sed -n '1s/^rsyslogd *\([^ ]*\).*/rsyslog \1 (GnuTLS)/p' ;;
    *) version_of_before_small "$@" ;;
    esac
}

der() { # FILE KIND: prints where it is as DER
    local out=$dir/${1//\//_}.der
    case $2 in
    key) openssl rsa -in "$pki/$1" -traditional -outform DER -out "$out" 2>/dev/null ;;
    *) openssl x509 -in "$pki/$1" -outform DER -out "$out" ;;
    esac
    printf '%s' "$out"
}
server_bear() { # CERTIFICATE KEY=VALUE...
    in_server "$work/bearpeer" server - "$port" "cert=$(der "$1.crt" certificate)" "cert=$(der inter.crt certificate)" \
        "key=$(der "$1.key" key)" "ca=$(der root.crt certificate)" "${@:2}"
}
client_bear() { in_client timeout "$limit" "$work/bearpeer" client "$host" "$port" "ca=$(der root.crt certificate)"; }
client_s2n() { NODE_NO_WARNINGS=1 NODE_PATH=$work/aws/node_modules in_client timeout "$limit" node "$here/peers/s2n.js" "$host" "$port" "$pki/root.crt"; }

pair ver_client_old_bear 'bear rsa min=12' 's_client -tls1_1 -cipher DEFAULT:@SECLEVEL=0' failure server alert 70 server no_shared_version -
remark 'the record of the alert has version 0'
pair cert_expired_12_bear 'nginx expired "ssl_protocols TLSv1.2"' bear failure client reset - - server_certificate_expired,client_closed 1.2
remark 'BearSSL rejects without an alert (54: expired)'
pair mtls_missing_12_bear 'bear rsa auth=required' s_client failure server reset - - client_certificate_missing,server_closed 1.2
remark 'BearSSL rejects without an alert (29: no client authentication)'
pair ok_12_bear 'bear rsa auth=optional' bear success - - - - - 1.2
remark 'a client certificate is asked for, and not sent'

for cause in expired:server_certificate_expired:1.2 othername:server_certificate_name_mismatch:1.3; do
    IFS=: read -r cert slug version <<<"$cause"
    pair "cert_${cert}_${version/./}_s2n" "nginx $cert 'ssl_protocols TLSv$version'" s2n \
        failure client alert 0 client "$slug$([ $version = 1.2 ] || echo "$hidden")" $version
    remark 's2n-tls keeps still for 10 to 30 seconds, and then says close_notify'
    set_ limit 40
done

server_pike() { in_server pike8.0 "$here/peers/peer.pike" "$port" "$pki/$1.pem" "$(rsa_key "$1")"; } # CERTIFICATE
rsa_key() { # NAME: prints where its key is in the old form
    openssl rsa -in "$pki/$1.key" -traditional -out "$dir/$1.old.key" 2>/dev/null
    printf '%s' "$dir/$1.old.key"
}
pair proto_pike_suite 'pike rsa' 'curl --tls-max 1.2' failure client alert 47 client illegal_parameter 1.2
remark 'Pike 8.0 chooses a suite for ECDSA and shows an RSA certificate: wrong certificate type'

server_nbdkit() { # CERTIFICATE
    mkdir tls
    cp "$pki/root.crt" tls/ca-cert.pem
    cp "$pki/$1.pem" tls/server-cert.pem
    cp "$pki/$1.key" tls/server-key.pem
    in_server nbdkit -f -p "$port" --tls=require --tls-certificates=tls memory 1M
}
server_nbdkit_psk() {
    psktool -u alice -p psk >/dev/null
    in_server nbdkit -f -p "$port" --tls=require --tls-psk=psk memory 1M
}
client_nbd() { # TLS-CREDENTIALS
    mkdir own
    cp "$pki/root.crt" own/ca-cert.pem
    echo 'alice:00112233445566778899aabbccddeeff' >own/keys.psk
    in_client timeout "$limit" qemu-img info --object "$1,id=t,dir=own,endpoint=client" \
        --image-opts "driver=nbd,host=$host,port=$port,tls-creds=t"
}
scenario nbd_ok
server nbdkit rsa
client nbd tls-creds-x509
set_ port 10809
truth success - - - - - 1.3
remark 'NBD_OPT_STARTTLS'
scenario nbd_psk_refused
server nbdkit_psk
client nbd tls-creds-psk,username=alice
set_ port 10809
truth failure server close - - unknown_psk,server_closed -
remark 'the key differs (illegal parameter: its binder); nbdkit closes without an alert'

server_rsyslog() { # CERTIFICATE
    cat >rsyslog.conf <<END
global(DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="$pki/root.crt"
       DefaultNetstreamDriverCertFile="$pki/$1.pem" DefaultNetstreamDriverKeyFile="$pki/$1.key" workDirectory="$dir")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
input(type="imtcp" port="$port")
*.* action(type="omfile" file="$dir/messages")
END
    in_server rsyslogd -n -f rsyslog.conf -i "$dir/rsyslog.pid"
}
pair hangup_client_unknown_12_rsyslog 'rsyslog rsa' "$(as client_stranger) -tls1_2" success - - - - - 1.2
set_ port 6514
remark 'rsyslog looks at the client certificate after the handshake: signer not found'
