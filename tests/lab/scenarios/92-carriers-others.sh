# shellcheck shell=bash disable=SC2154,SC2030,SC2031,SC2317
# SPDX-License-Identifier: Apache-2.0
# Ways to TLS with other servers, clients and endings than those of
# 90-carriers.sh and 91-carriers-more.sh. Needs besides those (Debian 12):
# freerdp2-shadow-x11 ejabberd gnutls-bin swaks.

eval "$(declare -f version_of | sed '1s/version_of/version_of_way/')"
version_of() {
    case $1 in
    shadow) echo "FreeRDP $(dpkg-query -f '${Version}' -W freerdp2-shadow-x11 | sed 's/+.*//') shadow server" ;;
    amqp | plain_imap | plain_pop3) version_of_way python ;;
    plain_smtp) swaks --version | sed -n '1s/ version / /p' ;;
    plain_ftp) version_of_way curl ;;
    plain_ldap) version_of_way ldapsearch ;;
    with_header_and_without) version_of_way s_client ;;
    nginx_header) version_of_way nginx ;;
    slapd_12) version_of_way slapd ;;
    microsocks_before_tinyproxy) echo "$(version_of_way microsocks), $(version_of_way tinyproxy)" ;;
    ejabberd) echo "ejabberd $(dpkg-query -f '${Version}' -W ejabberd | sed 's/-.*//')" ;;
    nla_client) version_of_way rdp_client ;;
    *) version_of_way "$@" ;;
    esac
}

# A Windows desktop's way: TLS with CredSSP inside (network level authentication).
server_shadow() { # CERTIFICATE OPTION...
    mkdir -p .config/freerdp/shadow
    cp "$pki/$1.pem" .config/freerdp/shadow/shadow.crt
    cp "$pki/$1.key" .config/freerdp/shadow/shadow.key
    shift
    echo "lab:::$(winpr-hash -u lab -p secret -f default 2>/dev/null || echo 878D8014606CDA29677A44EFA1353FC7):::" >sam
    for _ in 1 2 3 4; do # sometimes it finds its screen without colours
        HOME=$dir in_server xvfb-run -a -s '-screen 0 640x480x24' \
            freerdp-shadow-cli "/port:$port" "/sam-file:$dir/sam" +auth "$@" && break
        sleep 1
    done
}
client_nla_client() { client_opening nla; }

carried carrier_shadow_credssp_ok 3389 rsa shadow rsa /sec:nla -- freerdp /sec:nla /cert:ignore +auth-only
set_ limit 8
truth success - - - - - 1.3
carried carrier_shadow_credssp_chain 3389 rsa shadow rsa /sec:nla -- nla_client
truth failure client alert 48 client server_certificate_incomplete_chain 1.2
remark 'the shadow server sends no more than the first certificate of its file'
turned_down carrier_shadow_credssp_only 3389 starttls_refused shadow rsa /sec:nla -- freerdp /sec:tls
set_ limit 8
remark 'the server has TLS with CredSSP only, the client wants it without'

# Chat: asked for without looking, and turned down; granted by a server that has no certificate
server_ejabberd() {
    cat >ejabberd.yml <<END
hosts: [$host]
loglevel: debug
log_rotate_size: infinity
auth_method: [anonymous]
listen:
  - port: $port
    ip: "::"
    module: ejabberd_c2s
    starttls: false
modules: {}
END
    mkdir -p ejabberd
    chown -R ejabberd .
    in_server setpriv --reuid ejabberd --regid ejabberd --clear-groups env HOME="$dir/ejabberd" ERL_EPMD_ADDRESS=127.0.0.1 \
        erl -noinput -pa /usr/lib/x86_64-linux-gnu/ejabberd-*/ebin -mnesia dir "\"$dir/ejabberd\"" \
        -ejabberd config "\"$dir/ejabberd.yml\"" log_path "\"$dir/ejabberd/ejabberd.log\"" -s ejabberd
}
turned_down carrier_ejabberd_refused 5222 starttls_refused ejabberd -- gnutls NORMAL --starttls-proto=xmpp
set_ patience 60
set_ stdin 'sleep 4'
turned_down carrier_prosody_unknown 5222 starttls_refused prosody_plain -- gnutls NORMAL --starttls-proto=xmpp
set_ stdin 'sleep 4'
remark 'the server has no TLS at all and does not know the request'
carried carrier_prosody_no_certificate 5222 rsa prosody_plain bare -- gnutls NORMAL --starttls-proto=xmpp
set_ stdin 'sleep 4'
truth failure server alert 40 server no_shared_cipher,no_shared_signature_algorithm,internal_error -
remark 'TLS is switched on, and the server has no certificate'

# Queues
server_amqp() { in_server "$python" "$here/peers/amqp.py" "$port" "$pki/$1.pem" "$pki/$1.key"; }
carried carrier_amqp_ok 5672 rsa amqp rsa -- starttls amqp
remark 'the server is peers/amqp.py'
carried carrier_amqp_expired 5672 expired amqp expired -- starttls amqp
remark 'the server is peers/amqp.py'

# The true client named by a header in plain text
carried carrier_proxy_protocol_expired 443 expired haproxy expired accept-proxy ssl-max-ver TLSv1.2 -- via_haproxy send-proxy

# A proxy that closes with its 407: the client comes back on another connection.
tinyproxy_auth='BasicAuth lab secret'
turned_down carrier_tinyproxy_407 3128 proxy_refused tinyproxy rsa "$tinyproxy_auth" -- tunnel_curl -x http://www.example.test:3128
turned_down carrier_tinyproxy_407_then_ok 3128 proxy_refused tinyproxy rsa "$tinyproxy_auth" -- tunnel_curl --tls-max 1.2 --proxy-anyauth -x http://lab:secret@www.example.test:3128
remark 'closed with the challenge; the client comes back with its password on a new connection, and gets through'

# A server that expects the header, and somebody who comes without
client_with_header_and_without() {
    client_via_haproxy send-proxy
    client_s_client
}
carried carrier_proxy_protocol_missing 443 rsa haproxy rsa accept-proxy ssl-max-ver TLSv1.2 -- with_header_and_without
set_ stream last
set_ stdin 'sleep 0.3'
truth failure server reset - - client_hello_reset -
remark 'one came with the header and got through; this one comes without'
server_nginx_header() { # CERTIFICATE
    cat >nginx.conf <<END
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log stderr info;
events {}
http {
    access_log off;
    server {
        listen $port ssl proxy_protocol;
        ssl_certificate $pki/$1.pem;
        ssl_certificate_key $pki/$1.key;
        location / { return 200; }
    }
}
END
    in_server nginx -c "$dir/nginx.conf" -e /dev/stderr
}
carried carrier_proxy_protocol_nginx_v2 443 rsa nginx_header rsa -- via_haproxy send-proxy-v2

# Clients that look at the certificate behind the handshake
server_slapd_12() {
    server_slapd "$1" 'TLSCipherSuite NORMAL:-VERS-TLS1.3'
}
carried carrier_ldapsearch_expired 389 expired slapd expired -- ldapsearch
truth success - - - - - 1.3
remark 'the client does not accept the certificate and says goodbye without TLS, behind both Finished'
carried carrier_ldapsearch_expired_12 389 expired slapd_12 expired -- ldapsearch
truth success - - - - - 1.2
remark 'the client does not accept the certificate and says goodbye without TLS, behind both Finished'

# A tunnel within a tunnel: SOCKS to an HTTP proxy, that to the server
server_microsocks_before_tinyproxy() { # CERTIFICATE
    (port=8080 && server_tinyproxy "$1") &
    in_server microsocks -p "$port"
}
carried carrier_socks_connect_ok 1080 rsa microsocks_before_tinyproxy rsa -- tunnel_curl --tls-max 1.2 --preproxy socks5h://www.example.test:1080 -x http://127.0.0.1:8080
carried carrier_socks_connect_expired 1080 expired microsocks_before_tinyproxy expired -- tunnel_curl --tls-max 1.2 --preproxy socks5h://www.example.test:1080 -x http://127.0.0.1:8080
turned_down carrier_socks_connect_refused 1080 proxy_refused microsocks_before_tinyproxy rsa -- closed_port_curl --preproxy socks5h://www.example.test:1080 -x http://127.0.0.1:8080

# Servers that let nobody in without TLS, and clients that do not ask for it
demanded() { # NAME PORT SERVER... -- CLIENT...
    turned_down "$1" "$2" client_not_tls "${@:3}"
}
client_plain_smtp() { in_client timeout "$limit" swaks --server "$host:$port" --to lab@example.test --from lab@example.test </dev/null; }
client_plain_imap() {
    in_client timeout "$limit" "$python" -c "
import imaplib
m = imaplib.IMAP4('$host', $port)
try:
    m.login('lab', 'secret')
except m.error as e:
    print('client:', e)
m.logout()"
}
client_plain_ftp() { in_client curl -sS -m "$limit" "ftp://lab:secret@$host:$port/" </dev/null; }
client_plain_ldap() { in_client timeout "$limit" ldapsearch -x -H "ldap://$host:$port" -s base -b '' </dev/null; }
demanded carrier_postfix_demands 587 postfix rsa 'smtpd_tls_security_level = encrypt' -- plain_smtp
demanded carrier_dovecot_imap_demands 143 dovecot imap rsa 'disable_plaintext_auth = yes' -- plain_imap
demanded carrier_vsftpd_demands 21 vsftpd rsa local_enable=YES force_local_logins_ssl=YES -- plain_ftp
demanded carrier_slapd_demands 389 slapd rsa 'security tls=128' -- plain_ldap
demanded carrier_shadow_demands 3389 shadow rsa /sec:nla -- freerdp /sec:rdp
set_ limit 8
client_plain_pop3() {
    in_client timeout "$limit" "$python" -c "
import poplib
m = poplib.POP3('$host', $port)
try:
    m.user('lab')
    m.pass_('secret')
except poplib.error_proto as e:
    print('client:', e)
m.quit()"
}
demanded carrier_dovecot_pop3_demands 110 dovecot pop3 rsa 'disable_plaintext_auth = yes' -- plain_pop3
demanded carrier_postgresql_demands 5432 postgresql rsa hostssl -- psql disable
demanded carrier_postgresql_demands_then_ok 5432 postgresql rsa hostssl -- psql allow
remark 'sslmode=allow: tries without first, and comes back on another connection'
