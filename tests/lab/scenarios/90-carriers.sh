# shellcheck shell=bash disable=SC2154,SC2030,SC2031,SC2317
# SPDX-License-Identifier: Apache-2.0
# What leads to TLS, with the servers that people run: asked for and granted,
# turned down, and failing inside. Needs besides the rest (Debian 12): postfix
# dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved vsftpd slapd
# ldap-utils postgresql mariadb-server prosody tinyproxy squid-openssl
# microsocks dante-server xrdp tigervnc-standalone-server
# freetds-bin.

eval "$(declare -f version_of | sed '1s/version_of/version_of_stack/')"
version_of() {
    case $1 in
    postfix) echo "Postfix $(dpkg-query -f '${Version}' -W postfix | sed 's/-.*//')" ;;
    dovecot) dovecot --version | sed 's/^\([^ ]*\).*/Dovecot \1/' ;;
    vsftpd) echo "vsftpd $(dpkg-query -f '${Version}' -W vsftpd | sed 's/-.*//')" ;;
    slapd) echo "OpenLDAP $(dpkg-query -f '${Version}' -W slapd | sed 's/+.*//') slapd (GnuTLS)" ;;
    ldapsearch) echo "OpenLDAP $(dpkg-query -f '${Version}' -W ldap-utils | sed 's/+.*//') ldapsearch (GnuTLS)" ;;
    postgresql) "$(pg_bin)/postgres" --version | sed 's/postgres (PostgreSQL) \([^ ]*\).*/PostgreSQL \1/' ;;
    psql) psql --version | sed 's/psql (PostgreSQL) \([^ ]*\).*/psql \1/' ;;
    mariadb | mariadb_client) mariadbd --version | sed 's/.*Ver \([^-]*\)-.*/MariaDB \1/' ;;
    prosody) echo "Prosody $(dpkg-query -f '${Version}' -W prosody | sed 's/-.*//')" ;;
    tinyproxy) tinyproxy -v ;;
    squid) squid -v | sed -n '1s/.*Version \(.*\)/Squid \1/p' ;;
    microsocks) echo "microsocks $(dpkg-query -f '${Version}' -W microsocks | sed 's/-.*//')" ;;
    danted) echo "Dante $(dpkg-query -f '${Version}' -W dante-server | sed 's/+.*//')" ;;
    xrdp) echo "xrdp $(dpkg-query -f '${Version}' -W xrdp | sed 's/-.*//')" ;;
    vnc) echo "TigerVNC $(dpkg-query -f '${Version}' -W tigervnc-standalone-server | sed 's/+.*//')" ;;
    via_haproxy) version_of_stack haproxy ;;
    tsql) tsql -C | sed -n 's/.*Version: freetds v\(.*\)/FreeTDS \1 (GnuTLS)/p' ;;
    tds | rdp_client | vnc_client) version_of_stack python ;;
    *) version_of_stack "$@" ;;
    esac
}

# A key that a service may read which does not run as root.
own_key() { # CERTIFICATE USER
    cp "$pki/$1.pem" server.pem
    cp "$pki/$1.key" server.key
    chown "$2" server.pem server.key
    chmod 600 server.key
}

server_postfix() { # CERTIFICATE, or `none`; SETTING...
    mkdir -p postfix queue data
    chown postfix data
    cat >postfix/main.cf <<END
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
myhostname = mail.example.test
maillog_file = /var/log/postfix-lab-$name.log
maillog_file_prefixes = /var/log
inet_protocols = all
smtputf8_enable = no
END
    [ "$1" = none ] || cat >>postfix/main.cf <<END
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_cert_file = $pki/$1.pem
smtpd_tls_key_file = $pki/$1.key
END
    printf '%s\n' "${@:2}" >>postfix/main.cf
    cat >postfix/master.cf <<END
$port inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
END
    : >"/var/log/postfix-lab-$name.log"
    in_server tail -F -n +1 "/var/log/postfix-lab-$name.log" 2>/dev/null &
    in_server postfix -c "$dir/postfix" start-fg
}

server_dovecot() { # SERVICE CERTIFICATE, or `none`; SETTING...
    local ssl='ssl = no' listener
    [ "$2" = none ] || ssl="ssl = yes
ssl_cert = <$pki/$2.pem
ssl_key = <$pki/$2.key"
    mkdir -p run state
    case $1 in
    imap | pop3) listener="service $1-login {
  inet_listener $1 {
    port = $port
  }
  inet_listener ${1}s {
    port = 0
  }
}" ;;
    lmtp) listener="service lmtp {
  inet_listener lmtp {
    port = $port
  }
}" ;;
    sieve) listener="service managesieve-login {
  inet_listener sieve {
    port = $port
  }
}" ;;
    esac
    cat >dovecot.conf <<END
base_dir = $dir/run
state_dir = $dir/state
log_path = /dev/stderr
verbose_ssl = yes
auth_verbose = yes
protocols = $1
listen = *, ::
mail_location = maildir:$dir/mail
disable_plaintext_auth = no
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$dir
}
$listener
$ssl
$(printf '%s\n' "${@:3}")
END
    in_server dovecot -F -c "$dir/dovecot.conf"
}

server_vsftpd() { # CERTIFICATE, or `none`; SETTING...
    mkdir -p /run/vsftpd/empty
    cat >vsftpd.conf <<END
listen=YES
listen_port=$port
background=NO
anonymous_enable=YES
xferlog_enable=NO
seccomp_sandbox=NO
END
    [ "$1" = none ] || cat >>vsftpd.conf <<END
ssl_enable=YES
allow_anon_ssl=YES
debug_ssl=YES
ssl_ciphers=HIGH
rsa_cert_file=$pki/$1.pem
rsa_private_key_file=$pki/$1.key
END
    printf '%s\n' "${@:2}" >>vsftpd.conf
    in_server vsftpd "$dir/vsftpd.conf"
}

server_slapd() { # CERTIFICATE, or `none`; DIRECTIVE...
    cat >slapd.conf <<END
include /etc/ldap/schema/core.schema
pidfile $dir/slapd.pid
END
    [ "$1" = none ] || cat >>slapd.conf <<END
TLSCertificateFile $pki/$1.pem
TLSCertificateKeyFile $pki/$1.key
TLSCACertificateFile $pki/$1.pem
END
    printf '%s\n' "${@:2}" >>slapd.conf
    in_server slapd -d stats -f "$dir/slapd.conf" -h "ldap://:$port"
}
client_ldapsearch() {
    LDAPTLS_CACERT=$pki/root.crt in_client timeout "$limit" ldapsearch -x -ZZ \
        -H "ldap://$host:$port" -s base -b '' supportedExtension </dev/null
}

pg_bin() { printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1; }
server_postgresql() { # CERTIFICATE, or `none`; [hostssl: nobody without TLS]
    mkdir -p pgdata
    chown postgres pgdata .
    setpriv --reuid postgres --clear-groups "$(pg_bin)/initdb" -D pgdata -A trust -U postgres --no-sync >/dev/null
    cat >>pgdata/postgresql.conf <<END
listen_addresses = '*'
port = $port
unix_socket_directories = '$dir'
log_connections = on
END
    echo "${2-host} all all all trust" >>pgdata/pg_hba.conf
    if [ "$1" != none ]; then
        own_key "$1" postgres
        printf '%s\n' 'ssl = on' "ssl_cert_file = '$dir/server.pem'" "ssl_key_file = '$dir/server.key'" \
            >>pgdata/postgresql.conf
    fi
    in_server setpriv --reuid postgres --clear-groups "$(pg_bin)/postgres" -D "$dir/pgdata"
}
client_psql() { # SSLMODE
    in_client timeout "$limit" psql -At -c 'select ssl from pg_stat_ssl' \
        "host=$host port=$port user=postgres sslmode=$1 sslrootcert=$pki/root.crt" </dev/null
}

server_mariadb() { # CERTIFICATE
    mkdir -p mydata
    chown mysql mydata .
    mariadb-install-db --no-defaults --datadir="$dir/mydata" --user=mysql --skip-test-db >/dev/null 2>&1
    own_key "$1" mysql
    in_server mariadbd --no-defaults --datadir="$dir/mydata" --user=mysql --port="$port" \
        --socket="$dir/my.sock" --pid-file="$dir/my.pid" --skip-grant-tables --skip-networking=0 \
        --log-warnings=2 --ssl-cert="$dir/server.pem" --ssl-key="$dir/server.key"
}
client_mariadb_client() {
    in_client timeout "$limit" mariadb --no-defaults --protocol=tcp -h "$host" -P "$port" -u root \
        --tls-version=TLSv1.2 --ssl-ca="$pki/root.crt" --ssl-verify-server-cert -e 'show status like "Ssl_version"' </dev/null
}

server_prosody() { # CERTIFICATE
    own_key "$1" prosody
    mkdir -p prosody
    chown prosody prosody
    cat >prosody.cfg.lua <<END
run_as_root = false
daemonize = false
data_path = "$dir/prosody"
pidfile = "$dir/prosody/pid"
modules_enabled = { "tls", "saslauth", "posix" }
modules_disabled = { "s2s" }
c2s_ports = { $port }
c2s_interfaces = { "*" }
s2s_ports = {}
log = { debug = "*console" }
VirtualHost "$host"
    ssl = { certificate = "$dir/server.pem", key = "$dir/server.key" }
END
    in_server setpriv --reuid prosody --regid prosody --clear-groups prosody --config "$dir/prosody.cfg.lua" -F
}

# Proxies; their target is a TLS server on port 443 beside them.
server_target() { (port=443 && server_nginx "$1") & }
server_tinyproxy() { # CERTIFICATE DIRECTIVE...
    server_target "$1"
    shift
    cat >tinyproxy.conf <<END
Port $port
Timeout 20
LogLevel Info
Logfile "/dev/stderr"
$(printf '%s\n' "$@")
END
    in_server tinyproxy -d -c "$dir/tinyproxy.conf"
}
server_squid() { # CERTIFICATE DIRECTIVE...
    server_target "$1"
    shift
    mkdir -p squid
    chown proxy squid .
    cat >squid.conf <<END
http_port $port
cache deny all
pid_filename $dir/squid/pid
cache_log /dev/stderr
access_log stdio:$dir/squid/access.log
coredump_dir $dir/squid
visible_hostname proxy.example.test
acl CONNECT method CONNECT
acl lab port 443
$(printf '%s\n' "${@//PASSWORDS/$dir/passwords}")
http_access deny all
END
    printf 'lab:%s\n' "$(openssl passwd -apr1 secret)" >passwords
    chmod 644 passwords
    in_server squid -N -f "$dir/squid.conf"
}
server_microsocks() { # CERTIFICATE OPTION...
    server_target "$1"
    shift
    in_server microsocks -p "$port" "$@"
}
server_danted() { # CERTIFICATE RULE...
    server_target "$1"
    shift
    cat >danted.conf <<END
logoutput: stderr
internal: eth0 port = $port
external: eth0
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect }
$(printf '%s\n' "$@")
END
    in_server danted -f "$dir/danted.conf" -N 1
}
client_tunnel_curl() { # CURL-OPTION...
    SSLKEYLOGFILE=$keylog in_client curl -sS -m "$limit" -o /dev/null --cacert "$pki/root.crt" "$@" \
        "https://$host:443/" </dev/null
}

# HAProxy beside the client names it to the server in a PROXY header.
balancer_listens() { [ -n "$(in_client ss -Hltn 'sport = :4443')" ]; }
client_via_haproxy() { # send-proxy or send-proxy-v2
    cat >client-haproxy.cfg <<END
defaults
    mode tcp
    timeout client 5s
    timeout server 5s
    timeout connect 5s
listen lab
    bind 127.0.0.1:4443
    server lab $address:$port $1
END
    in_client haproxy -db -f client-haproxy.cfg &
    wait_for 10 balancer_listens
    SSLKEYLOGFILE=$keylog in_client curl -sS -m "$limit" -o /dev/null --cacert "$pki/root.crt" \
        --connect-to "$host:$port:127.0.0.1:4443" "https://$host:$port/" </dev/null
}

server_xrdp() { # SECURITY-LAYER CERTIFICATE
    cat >xrdp.ini <<END
[Globals]
port=tcp://:$port
security_layer=$1
certificate=$pki/$2.pem
key_file=$pki/$2.key
ssl_protocols=TLSv1.2
[Logging]
LogFile=$dir/xrdp.log
LogLevel=DEBUG
[Xorg]
name=Xorg
lib=libxup.so
END
    in_server xrdp --nodaemon --config "$dir/xrdp.ini"
}
server_vnc() { # SECURITY-TYPES CERTIFICATE
    in_server Xtigervnc ":$((100 + RANDOM % 800))" -rfbport "$port" -SecurityTypes "$1" -X509Cert "$pki/$2.pem" -X509Key "$pki/$2.key" \
        -geometry 64x64
}
# The opening of RDP and of VNC by hand, then Python's TLS.
client_rdp_client() { client_opening rdp; }
client_vnc_client() { client_opening vnc; }
client_opening() {
    SSLKEYLOGFILE=$keylog in_client timeout "$limit" "$python" "$here/peers/opening.py" \
        "$1" "$host" "$port" "$pki/root.crt"
}

server_tds() { # ENCRYPTION CERTIFICATE
    in_server "$python" "$here/peers/tds.py" "$port" "$1" "$pki/$2.pem" "$pki/$2.key"
}
client_tsql() { # ENCRYPTION
    cat >freetds.conf <<END
[lab]
    host = $host
    port = $port
    tds version = 7.4
    encryption = $1
    ca file = $pki/root.crt
    check certificate hostname = yes
END
    FREETDSCONF=$dir/freetds.conf in_client timeout "$limit" tsql -S lab -U sa -P secret </dev/null
}

# carried NAME PORT CERTIFICATE SERVER... -- CLIENT...: granted; the certificate
# is good or expired.
carried() {
    local number=$2 cert=$3 label=$1 words=()
    shift 3
    while [ "$1" != -- ]; do
        words+=("$1")
        shift
    done
    shift
    scenario "$label"
    server "${words[@]}"
    client "$@"
    set_ port "$number"
    case $cert in
    expired) truth failure client alert 45 client server_certificate_expired 1.2 ;;
    *) truth success - - - - - 1.2 ;;
    esac
}
turned_down() { # NAME PORT CAUSE SERVER... -- CLIENT...
    carried "$1" "$2" refused "${@:4}"
    truth failure server plaintext - - "$3" -
}

carried carrier_postfix_ok 587 rsa postfix rsa -- s_client -starttls smtp -tls1_2
carried carrier_postfix_expired 587 expired postfix expired -- s_client -starttls smtp -tls1_2
turned_down carrier_postfix_refused 587 starttls_refused postfix none -- s_client -starttls smtp
remark 'STARTTLS is not offered; s_client tries anyway'
carried carrier_dovecot_imap_ok 143 rsa dovecot imap rsa -- s_client -starttls imap -tls1_2
carried carrier_dovecot_imap_expired 143 expired dovecot imap expired -- s_client -starttls imap -tls1_2
turned_down carrier_dovecot_imap_refused 143 starttls_refused dovecot imap none -- s_client -starttls imap
carried carrier_dovecot_pop3_expired 110 expired dovecot pop3 expired -- s_client -starttls pop3 -tls1_2
turned_down carrier_dovecot_pop3_refused 110 starttls_refused dovecot pop3 none -- s_client -starttls pop3
carried carrier_dovecot_lmtp_expired 24 expired dovecot lmtp expired -- s_client -starttls lmtp -tls1_2
carried carrier_dovecot_sieve_ok 4190 rsa dovecot sieve rsa -- s_client -starttls sieve -tls1_2
carried carrier_dovecot_sieve_expired 4190 expired dovecot sieve expired -- s_client -starttls sieve -tls1_2
carried carrier_vsftpd_ok 21 rsa vsftpd rsa -- s_client -starttls ftp -tls1_2
carried carrier_vsftpd_expired 21 expired vsftpd expired -- s_client -starttls ftp -tls1_2
turned_down carrier_vsftpd_refused 21 starttls_refused vsftpd none -- s_client -starttls ftp
carried carrier_slapd_ok 389 rsa slapd rsa -- s_client -starttls ldap -tls1_2
carried carrier_slapd_expired 389 expired slapd expired -- s_client -starttls ldap -tls1_2
turned_down carrier_slapd_refused 389 starttls_refused slapd none -- ldapsearch
carried carrier_postgresql_ok 5432 rsa postgresql rsa -- s_client -starttls postgres -tls1_2
carried carrier_postgresql_expired 5432 expired postgresql expired -- s_client -starttls postgres -tls1_2
turned_down carrier_postgresql_refused 5432 starttls_refused postgresql none -- psql require
turned_down carrier_postgresql_goes_on 5432 starttls_refused postgresql none -- psql prefer
remark 'sslmode=prefer: the session goes on in plaintext'
carried carrier_mariadb_ok 3306 rsa mariadb rsa -- mariadb_client
carried carrier_mariadb_expired 3306 expired mariadb expired -- s_client -starttls mysql -tls1_2
carried carrier_prosody_ok 5222 rsa prosody rsa -- s_client -starttls xmpp -xmpphost www.example.test -tls1_2
carried carrier_prosody_expired 5222 expired prosody expired -- s_client -starttls xmpp -xmpphost www.example.test -tls1_2
carried carrier_tinyproxy_ok 3128 rsa tinyproxy rsa -- tunnel_curl -x http://www.example.test:3128 --tls-max 1.2
carried carrier_tinyproxy_expired 3128 expired tinyproxy expired -- tunnel_curl -x http://www.example.test:3128 --tls-max 1.2
turned_down carrier_tinyproxy_refused 3128 proxy_refused tinyproxy rsa 'ConnectPort 563' -- tunnel_curl -x http://www.example.test:3128
turned_down carrier_squid_refused 3128 proxy_refused squid rsa -- tunnel_curl -x http://www.example.test:3128
squid_auth=('auth_param basic program /usr/lib/squid/basic_ncsa_auth PASSWORDS' 'acl known proxy_auth REQUIRED' 'http_access allow CONNECT lab known')
turned_down carrier_squid_407 3128 proxy_refused squid rsa "${squid_auth[@]}" -- tunnel_curl -x http://www.example.test:3128
carried carrier_squid_407_then_ok 3128 rsa squid rsa "${squid_auth[@]}" -- tunnel_curl --tls-max 1.2 --proxy-anyauth -x http://lab:secret@www.example.test:3128
remark 'curl asks again with credentials, on the same connection where the proxy keeps it'
set_ stream last
carried carrier_microsocks_ok 1080 rsa microsocks rsa -- tunnel_curl --socks5-hostname www.example.test:1080 --tls-max 1.2
carried carrier_microsocks_password_expired 1080 expired microsocks expired -u lab -P secret -- tunnel_curl --socks5-hostname lab:secret@www.example.test:1080 --tls-max 1.2
turned_down carrier_microsocks_no_method 1080 proxy_refused microsocks rsa -u lab -P secret -- tunnel_curl --socks5-hostname www.example.test:1080
turned_down carrier_microsocks_bad_password 1080 proxy_refused microsocks rsa -u lab -P secret -- tunnel_curl --socks5-hostname lab:wrong@www.example.test:1080
turned_down carrier_danted_refused 1080 proxy_refused danted rsa 'socks block { from: 0.0.0.0/0 to: 0.0.0.0/0 log: error }' -- tunnel_curl --socks5 www.example.test:1080
carried carrier_danted_socks4_ok 1080 rsa danted rsa 'socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: error }' -- tunnel_curl --socks4 www.example.test:1080 --tls-max 1.2
carried carrier_proxy_protocol_ok 443 rsa haproxy rsa accept-proxy ssl-max-ver TLSv1.2 -- via_haproxy send-proxy
carried carrier_proxy_protocol_v2_expired 443 expired haproxy expired accept-proxy ssl-max-ver TLSv1.2 -- via_haproxy send-proxy-v2
carried carrier_xrdp_ok 3389 rsa xrdp tls rsa -- rdp_client
carried carrier_xrdp_expired 3389 expired xrdp tls expired -- rdp_client
turned_down carrier_xrdp_refused 3389 starttls_refused xrdp rdp rsa -- rdp_client
carried carrier_vnc_ok 5900 rsa vnc X509None rsa -- vnc_client
carried carrier_vnc_expired 5900 expired vnc X509None expired -- vnc_client
carried carrier_tds_ok 1433 rsa tds 1 rsa -- tsql require
remark 'the server is peers/tds.py'
carried carrier_tds_expired 1433 expired tds 1 expired -- tsql require
truth failure client close - - client_closed,server_certificate_expired,server_certificate_rejected 1.2
remark 'the server is peers/tds.py; FreeTDS closes without an alert'
turned_down carrier_tds_refused 1433 starttls_refused tds 2 rsa -- tsql require
remark 'the server is peers/tds.py'

# hangs_up NAME PORT CAUSE close|reset CLIENT...: in place of an answer
hangs_up() {
    turned_down "$1" "$2" "$3" raw "$4" -- "${@:5}"
    truth failure server "$4" - - "$3" -
}
hangs_up carrier_proxy_closes 3128 proxy_refused,server_closed close proxied_curl
hangs_up carrier_proxy_resets 3128 proxy_refused reset proxied_curl
hangs_up carrier_postgresql_closes 5432 starttls_refused,server_closed close s_client -starttls postgres
