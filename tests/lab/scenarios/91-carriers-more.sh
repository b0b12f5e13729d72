# shellcheck shell=bash disable=SC2154,SC2030,SC2031,SC2317
# SPDX-License-Identifier: Apache-2.0
# More of what leads to TLS: news, chat, message queues, printing, remote desktops, and
# more ways to be turned down. Needs besides those of 90-carriers.sh (Debian
# 12): inn2 ngircd inspircd rabbitmq-server cups cups-client freerdp2-x11
# xvfb openssh-server.

eval "$(declare -f version_of | sed '1s/version_of/version_of_service/')"
version_of() {
    case $1 in
    nnrpd) echo "INN $(dpkg-query -f '${Version}' -W inn2 | sed 's/-.*//') nnrpd" ;;
    inspircd) echo "InspIRCd $(dpkg-query -f '${Version}' -W inspircd | sed 's/-.*//') (GnuTLS)" ;;
    ngircd) echo "ngIRCd $(dpkg-query -f '${Version}' -W ngircd | sed 's/-.*//')" ;;
    rabbitmq) echo "RabbitMQ $(dpkg-query -f '${Version}' -W rabbitmq-server | sed 's/-.*//') (Erlang/OTP)" ;;
    cupsd) echo "CUPS $(dpkg-query -f '${Version}' -W cups-daemon | sed 's/-.*//') (GnuTLS)" ;;
    lpstat) echo "CUPS $(dpkg-query -f '${Version}' -W cups-client | sed 's/-.*//') lpstat (GnuTLS)" ;;
    freerdp) echo "FreeRDP $(dpkg-query -f '${Version}' -W freerdp2-x11 | sed 's/+.*//')" ;;
    ssh_socks) ssh -V 2>&1 | sed 's/,.*/ as SOCKS server/' ;;
    mariadb_plain) version_of_service mariadb ;;
    prosody_plain) version_of_service prosody ;;
    starttls) version_of_service python ;;
    *) version_of_service "$@" ;;
    esac
}

client_starttls() { # PROTOCOL
    in_client timeout "$limit" "$python" "$here/peers/starttls.py" "$1" "$host" "$port" "$pki/root.crt"
}

server_nnrpd() { # CERTIFICATE, or `none`
    mkdir -p news/{db,etc,run,log,tmp,spool/overview}
    : >news/db/active
    : >news/db/newsgroups
    cat >news/etc/inn.conf <<END
mta: "/bin/true -oi -oem %s"
domain: example.test
pathhost: news.example.test
pathnews: /usr/lib/news
pathdb: $dir/news/db
pathetc: $dir/news/etc
pathrun: $dir/news/run
pathlog: $dir/news/log
pathspool: $dir/news/spool
ovmethod: tradindexed
enableoverview: true
pathoverview: $dir/news/spool/overview
pathtmp: $dir/news/tmp
patharticles: $dir/news/spool
nnrpdloadlimit: 0
hismethod: hisv6
END
    printf 'method tradspool {\n newsgroups: *\n class: 0\n}\n' >news/etc/storage.conf
    cat >news/etc/readers.conf <<END
auth "all" { hosts: "*" default: "<FAIL>" }
access "all" { users: "*" newsgroups: "*" }
END
    if [ "$1" != none ]; then
        cp "$pki/$1.pem" news/etc/cert.pem
        cp "$pki/$1.key" news/etc/key.pem
        printf '%s\n' "tlscertfile: $dir/news/etc/cert.pem" "tlskeyfile: $dir/news/etc/key.pem" \
            "tlscafile: $dir/news/etc/cert.pem" 'tlscapath: ""' >>news/etc/inn.conf
    fi
    chown -R news news .
    chmod 600 news/etc/key.pem 2>/dev/null
    export INNCONF=$dir/news/etc/inn.conf
    setpriv --reuid news --regid news --clear-groups /usr/lib/news/bin/makehistory -O -x -F
    in_server /usr/lib/news/bin/nnrpd -D -f -p "$port" -c "$dir/news/etc/readers.conf"
}

server_inspircd() { # CERTIFICATE
    own_key "$1" irc
    cat >inspircd.conf <<END
<server name="irc.example.test" description="lab" network="lab">
<admin name="lab" nick="lab" email="lab@example.test">
<bind address="" port="$port" type="clients">
<connect allow="*" timeout="20" pingfreq="120">
<path configdir="$dir" datadir="$dir" logdir="$dir" moduledir="/usr/lib/inspircd/modules" runtimedir="$dir">
<pid file="$dir/inspircd.pid">
<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="$dir/inspircd.log">
END
    [ "$1" = none ] || cat >>inspircd.conf <<END
<module name="ssl_gnutls">
<module name="starttls">
<sslprofile name="lab" provider="gnutls" certfile="$dir/server.pem" keyfile="$dir/server.key" requestclientcert="no">
<starttls provider="lab">
END
    chown -R irc .
    in_server setpriv --reuid irc --regid irc --clear-groups inspircd --nofork --config "$dir/inspircd.conf"
}
server_ngircd() {
    cat >ngircd.conf <<END
[Global]
Name = irc.example.test
Info = lab
Ports = $port
[Options]
DNS = no
Ident = no
PAM = no
END
    in_server ngircd -n -f "$dir/ngircd.conf"
}

# RabbitMQ with one listener: `plain`, or TLS with a certificate.
server_rabbitmq() { # CERTIFICATE, or `plain`
    own_key rsa rabbitmq
    [ "$1" = plain ] || own_key "$1" rabbitmq
    mkdir -p rabbit
    cat >rabbitmq.conf <<END
$([ "$1" = plain ] && echo "listeners.tcp.default = $port" || echo "listeners.tcp = none
listeners.ssl.default = $port
ssl_options.certfile = $dir/server.pem
ssl_options.keyfile = $dir/server.key")
log.console = true
log.console.level = info
log.file = false
END
    : >enabled_plugins
    chown -R rabbitmq .
    in_server setpriv --reuid rabbitmq --regid rabbitmq --clear-groups env HOME="$dir/rabbit" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME="lab@localhost" RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_MNESIA_BASE="$dir/rabbit" \
        RABBITMQ_LOGS=- RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" RABBITMQ_DIST_PORT=25672 \
        /usr/lib/rabbitmq/bin/rabbitmq-server
}

# Printing: the client asks for TLS by an HTTP Upgrade.
server_cupsd() { # CERTIFICATE [VERSIONS]
    mkdir -p cups/ssl cups/run cups/cache cups/spool cups/log
    cp "$pki/$1.pem" "cups/ssl/$host.crt"
    cp "$pki/$1.key" "cups/ssl/$host.key"
    cat >cups/cups-files.conf <<END
ServerRoot $dir/cups
StateDir $dir/cups/run
CacheDir $dir/cups/cache
RequestRoot $dir/cups/spool
ServerKeychain $dir/cups/ssl
CreateSelfSignedCerts no
ErrorLog stderr
AccessLog $dir/cups/log/access
PageLog $dir/cups/log/page
SystemGroup root
END
    cat >cups/cupsd.conf <<END
Listen $address:$port
ServerName $host
ServerAlias *
LogLevel debug
SSLOptions ${2-MinTLS1.2 MaxTLS1.2}
DefaultEncryption IfRequested
WebInterface No
<Location />
  Order allow,deny
  Allow all
</Location>
END
    in_server cupsd -f -c "$dir/cups/cupsd.conf" -s "$dir/cups/cups-files.conf"
}
client_lpstat() { # SETTING...
    mkdir -p home/.cups
    printf '%s\n' "$@" >home/.cups/client.conf
    HOME=$dir/home in_client timeout "$limit" lpstat -E -h "$host:$port" -r </dev/null
}

client_freerdp() { # OPTION...
    HOME=$dir in_client timeout "$limit" xvfb-run -a xfreerdp "/v:$host:$port" /u:lab /p:secret /log-level:INFO "$@" </dev/null
}

server_mariadb_plain() {
    mkdir -p mydata
    chown mysql mydata .
    mariadb-install-db --no-defaults --datadir="$dir/mydata" --user=mysql --skip-test-db >/dev/null 2>&1
    in_server mariadbd --no-defaults --datadir="$dir/mydata" --user=mysql --port="$port" --skip-ssl \
        --socket="$dir/my.sock" --pid-file="$dir/my.pid" --skip-grant-tables --skip-networking=0 --log-warnings=2
}
server_prosody_plain() { # [`bare`: TLS is switched on, without a certificate]
    local more='' less=', "tls"'
    [ "${1-}" != bare ] || { more=', "tls"'; less=''; }
    mkdir -p prosody
    chown prosody prosody .
    cat >prosody.cfg.lua <<END
run_as_root = false
daemonize = false
data_path = "$dir/prosody"
pidfile = "$dir/prosody/pid"
modules_enabled = { "saslauth", "posix"$more }
modules_disabled = { "s2s"$less }
c2s_ports = { $port }
c2s_interfaces = { "*" }
s2s_ports = {}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
log = { debug = "*console" }
VirtualHost "$host"
END
    in_server setpriv --reuid prosody --regid prosody --clear-groups prosody --config "$dir/prosody.cfg.lua" -F
}

# OpenSSH's dynamic forwarding speaks SOCKS 4, 4a and 5.
server_ssh_socks() { # CERTIFICATE
    server_target "$1"
    ssh-keygen -q -t ed25519 -N '' -f hostkey
    ssh-keygen -q -t ed25519 -N '' -f userkey
    mkdir -p /run/sshd
    cat >sshd_config <<END
Port 2222
ListenAddress 127.0.0.1
HostKey $dir/hostkey
AuthorizedKeysFile $dir/userkey.pub
StrictModes no
PidFile none
PermitRootLogin yes
UsePAM no
END
    in_server /usr/sbin/sshd -D -e -f "$dir/sshd_config" &
    sleep 1
    in_server ssh -N -F none -i userkey -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -D "0.0.0.0:$port" -p 2222 root@127.0.0.1
}

# News
carried carrier_nnrpd_ok 119 rsa nnrpd rsa -- s_client -starttls nntp -tls1_2
carried carrier_nnrpd_expired 119 expired nnrpd expired -- starttls nntp
turned_down carrier_nnrpd_refused 119 starttls_refused nnrpd none -- s_client -starttls nntp

# Chat
carried carrier_inspircd_ok 6667 rsa inspircd rsa -- starttls irc
carried carrier_inspircd_expired 6667 expired inspircd expired -- starttls irc
turned_down carrier_ngircd_unanswered 6667 starttls_refused ngircd -- starttls irc
truth failure client close - - starttls_refused -
remark 'ngIRCd passes over STARTTLS; the client gives up after eight seconds'
turned_down carrier_prosody_not_offered 5222 starttls_refused prosody_plain -- s_client -starttls xmpp -xmpphost www.example.test

# Queues
turned_down carrier_rabbitmq_refused 5672 starttls_refused rabbitmq plain -- starttls amqp
set_ patience 90
remark 'RabbitMQ has no TLS layer inside AMQP'
carried carrier_rabbitmq_amqps_expired 5671 expired rabbitmq expired -- s_client -tls1_2
set_ patience 90
remark 'AMQPS: TLS from the first byte'

# Printing
carried carrier_cups_ok 631 rsa cupsd rsa -- lpstat
carried carrier_cups_version 631 rsa cupsd rsa MinTLS1.3 -- lpstat 'SSLOptions MaxTLS1.2'
truth failure server close - - server_closed,no_shared_version -
remark 'the server takes TLS 1.3 only, the client offers 1.2; CUPS closes without an alert'
turned_down carrier_nginx_upgrade_refused 631 starttls_refused nginx_plain -- lpstat
server_nginx_plain() {
    cat >nginx.conf <<END
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log stderr info;
events {}
http {
    access_log /dev/stderr;
    server { listen $port; location / { return 405; } }
}
END
    in_server nginx -c "$dir/nginx.conf" -e /dev/stderr
}

# Mail
carried carrier_dovecot_pop3_ok 110 rsa dovecot pop3 rsa -- starttls pop3
carried carrier_dovecot_lmtp_ok 24 rsa dovecot lmtp rsa -- starttls lmtp
turned_down carrier_dovecot_lmtp_refused 24 starttls_refused dovecot lmtp none -- s_client -starttls lmtp
turned_down carrier_dovecot_sieve_refused 4190 starttls_refused dovecot sieve none -- s_client -starttls sieve
carried carrier_postfix_python_expired 587 expired postfix expired -- starttls smtp
carried carrier_dovecot_imap_python_expired 143 expired dovecot imap expired -- starttls imap
carried carrier_vsftpd_python_expired 21 expired vsftpd expired -- starttls ftp
carried carrier_postfix_inject 587 rsa postfix rsa -- starttls inject
remark 'RSET in the segment of STARTTLS; Postfix drops it'

# Not offered, and the client leaves
turned_down carrier_postfix_not_offered 587 starttls_refused postfix none -- starttls smtp
turned_down carrier_dovecot_imap_not_offered 143 starttls_refused dovecot imap none -- starttls imap
turned_down carrier_mariadb_refused 3306 starttls_refused mariadb_plain -- mariadb_client

# Remote desktops
carried carrier_freerdp_ok 3389 rsa xrdp tls rsa -- freerdp /sec:tls
set_ limit 12
carried carrier_freerdp_expired 3389 expired xrdp tls expired -- freerdp /sec:tls
set_ limit 12
truth success - - - - - 1.2
remark 'the client asks its user about the certificate and leaves, behind both Finished'
turned_down carrier_freerdp_refused 3389 starttls_refused xrdp rdp rsa -- freerdp /sec:tls
set_ limit 12
turned_down carrier_freerdp_credssp_refused 3389 starttls_refused xrdp rdp rsa -- freerdp /sec:nla
set_ limit 15
remark 'the client asks for CredSSP'
turned_down carrier_vnc_refused 5900 starttls_refused vnc VncAuth,None rsa -- vnc_client
remark 'VeNCrypt is not among the types'

# Proxies
turned_down carrier_squid_503 3128 proxy_refused squid rsa 'acl other port 444' 'http_access allow CONNECT other' -- closed_port_curl -x http://www.example.test:3128
client_closed_port_curl() {
    in_client curl -sS -m "$limit" -o /dev/null --cacert "$pki/root.crt" "$@" "https://$host:444/" </dev/null
}
turned_down carrier_microsocks_closed_port 1080 proxy_refused microsocks rsa -- closed_port_curl --socks5-hostname www.example.test:1080
turned_down carrier_danted_socks4_refused 1080 proxy_refused danted rsa 'socks block { from: 0.0.0.0/0 to: 0.0.0.0/0 log: error }' -- tunnel_curl --socks4 www.example.test:1080
carried carrier_ssh_socks4a_ok 1080 rsa ssh_socks rsa -- tunnel_curl --socks4a www.example.test:1080 --tls-max 1.2
carried carrier_ssh_socks4a_expired 1080 expired ssh_socks expired -- tunnel_curl --socks4a www.example.test:1080 --tls-max 1.2
turned_down carrier_ssh_socks4a_closed_port 1080 proxy_refused ssh_socks rsa -- closed_port_curl --socks4a www.example.test:1080
truth failure server close - - proxy_refused -
remark 'ssh hangs up'

server_mitmproxy_regular() { in_server mitmdump -q --mode regular -p "$port" --set "confdir=$dir/proxy"; }

scenario carrier_mitmproxy_502
server mitmproxy_regular
client closed_port_curl -x http://www.example.test:3128
set_ port 3128
truth failure server plaintext - - proxy_refused -
