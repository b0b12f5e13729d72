# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Programs and languages on libraries that other files know: what they make of an error
# differs. Needs besides the rest (Debian 12): ruby php-cli tcl-tls lua-sec w3m
# knot-dnsutils unbound fetchmail hitch nghttp2-proxy.

eval "$(declare -f version_of | sed '1s/version_of/version_of_known/')"
version_of() {
    case $1 in
    ruby | ruby_mtls) ruby -ropenssl -e 'print "Ruby #{RUBY_VERSION} (#{OpenSSL::OPENSSL_LIBRARY_VERSION[/\S+ \S+/]})"' ;;
    php) php -r 'echo "PHP ", PHP_VERSION, " (", implode(" ", array_slice(explode(" ", OPENSSL_VERSION_TEXT), 0, 2)), ")";' ;;
    tcl) echo "Tcl tls $(dpkg-query -f '${Version}' -W tcl-tls | sed 's/[+-].*//') (OpenSSL)" ;;
    lua) echo "LuaSec $(dpkg-query -f '${Version}' -W lua-sec | sed 's/-.*//') (OpenSSL)" ;;
    w3m) w3m -version | sed 's/^w3m version \([^,]*\),.*/\1 (OpenSSL)/' ;;
    kdig) kdig -V | sed 's/^\([^,]*\), Knot DNS \(.*\)/kdig \2 (GnuTLS)/' ;;
    unbound) unbound -V | sed -n '1s/Version/Unbound/p' ;;
    fetchmail) fetchmail -V | sed -n '1s/This is \(fetchmail release [^ ]*\) .*/\1 (OpenSSL)/p;1q' ;;
    hitch) hitch --version 2>&1 | head -n 1 ;;
    nghttpx) nghttpx -v ;;
    *) version_of_known "$@" ;;
    esac
}

client_ruby() {
    in_client timeout "$limit" ruby -ropenssl -rnet/http -e 'h = Net::HTTP.new(ARGV[0], ARGV[1].to_i)
        h.use_ssl = true; h.ca_file = ARGV[2]
        begin; puts "client: #{h.get("/").code}"; rescue => e; puts "client: error #{e}"; end' "$host" "$port" "$pki/root.crt"
}
server_ruby_mtls() { # CERTIFICATE
    in_server ruby -ropenssl -rsocket -e 'pki, name, port = ARGV
        c = OpenSSL::SSL::SSLContext.new
        chain = File.read("#{pki}/#{name}.pem").scan(/-----BEGIN CERT.*?END CERTIFICATE-----/m).map { |p| OpenSSL::X509::Certificate.new(p) }
        c.add_certificate(chain[0], OpenSSL::PKey.read(File.read("#{pki}/#{name}.key")), chain[1..])
        c.verify_mode = OpenSSL::SSL::VERIFY_PEER | OpenSSL::SSL::VERIFY_FAIL_IF_NO_PEER_CERT
        c.ca_file = "#{pki}/root.crt"
        s = OpenSSL::SSL::SSLServer.new(TCPServer.new("0.0.0.0", port.to_i), c)
        loop { begin; x = s.accept; x.gets; x.write("HTTP/1.0 200 OK\r\n\r\nhello\n"); x.close
               rescue => e; puts "server: error #{e}"; STDOUT.flush; end }' "$pki" "$1" "$port"
}
client_php() {
    in_client timeout "$limit" php -r '$c = stream_context_create(["ssl" => ["cafile" => $argv[3]]]);
        echo "client: ", strlen(file_get_contents("https://$argv[1]:$argv[2]/", false, $c)), " bytes\n";' -- "$host" "$port" "$pki/root.crt"
}
client_tcl() {
    cat >client.tcl <<END
package require tls
set s [tls::socket -cafile $pki/root.crt -require 1 -servername $host $host $port]
if {[catch {tls::handshake \$s} e]} { puts "client: error \$e"; exit 1 }
puts \$s "GET / HTTP/1.0\n"; flush \$s; puts [gets \$s]
END
    in_client timeout "$limit" tclsh client.tcl
}
client_lua() {
    cat >client.lua <<END
local c = require("socket").tcp()
c:connect("$host", $port)
c = require("ssl").wrap(c, {mode = "client", protocol = "any", verify = "peer", cafile = "$pki/root.crt", options = "all"})
c:sni("$host")
print("client:", c:dohandshake())
c:send("GET / HTTP/1.0\r\n\r\n")
print(c:receive("*l"))
END
    in_client timeout "$limit" lua5.3 client.lua
}
client_w3m() { in_client timeout "$limit" w3m -dump -o "ssl_ca_file=$pki/root.crt" -o ssl_verify_server=1 "https://$host:$port/" </dev/null; }
client_kdig() { in_client timeout "$limit" kdig "+tls-ca=$pki/root.crt" "+tls-hostname=$host" -p "$port" "@$address" example.com; }
server_unbound() { # CERTIFICATE
    cat >unbound.conf <<END
server:
  interface: 0.0.0.0@$port
  tls-port: $port
  tls-service-pem: $pki/$1.pem
  tls-service-key: $pki/$1.key
  username: ""
  chroot: ""
  directory: "$dir"
  pidfile: ""
  use-syslog: no
  verbosity: 1
  access-control: 0.0.0.0/0 allow
  do-ip6: no
END
    in_server unbound -d -c unbound.conf
}
client_fetchmail() {
    printf 'poll %s with proto imap port %s user u password p options ssl sslcertck sslcertfile "%s"\n' "$host" "$port" "$pki/root.crt" >fetchmailrc
    chmod 600 fetchmailrc
    in_client timeout "$limit" fetchmail -vv -f fetchmailrc --pidfile "$dir/fetchmail.pid"
}
server_hitch() { # CERTIFICATE OPTION...
    cat "$pki/$1.key" "$pki/$1.pem" >hitch.pem
    in_server hitch '--backend=[127.0.0.1]:9' -f "[*]:$port" --user=nobody "${@:2}" hitch.pem
}
server_nghttpx() { # CERTIFICATE OPTION...
    in_server nghttpx "-f*,$port" -b127.0.0.1,9 --no-ocsp "${@:2}" "$pki/$1.key" "$pki/$1.pem"
}

pair cert_expired_12_ruby 'nginx expired "ssl_protocols TLSv1.2"' ruby failure client alert 45 client server_certificate_expired 1.2
pair cert_name_13_ruby 'nginx othername "ssl_protocols TLSv1.3"' ruby failure client alert 42 client "server_certificate_name_mismatch$hidden" 1.3
pair cert_expired_13_php 'nginx expired "ssl_protocols TLSv1.3"' php failure client alert 45 client server_certificate_expired 1.3
pair cert_unknown_12_tcl 'nginx unknown "ssl_protocols TLSv1.2"' tcl failure client alert 48 client server_certificate_unknown_issuer 1.2
pair cert_expired_12_lua 'nginx expired "ssl_protocols TLSv1.2"' lua failure client alert 45 client server_certificate_expired 1.2
pair hangup_expired_12_w3m 'nginx expired "ssl_protocols TLSv1.2"' w3m success - - - - - 1.2
remark 'w3m asks its user after the handshake'
pair mtls_missing_13_ruby 'ruby_mtls rsa' 's_client -tls1_3' failure server alert 116 server client_certificate_missing 1.3
pair ver_client_old_hitch 'hitch rsa' "s_client -tls1_1 -cipher DEFAULT:@SECLEVEL=0" failure server alert 70 server no_shared_version -
pair not_tls_client_hitch 'hitch rsa' plain_curl failure client plaintext - - client_not_tls -
pair cipher_12_nghttpx 'nghttpx rsa' 's_client -tls1_2 -cipher AES128-SHA' failure server alert 40 server no_shared_cipher -

scenario cert_expired_13_kdig
server unbound expired
client kdig
set_ port 853
truth failure client alert - - "server_certificate_expired$hidden" 1.3
remark 'DNS over TLS; neither end tells which alert GnuTLS sent'

scenario ok_13_kdig
server unbound rsa
client kdig
set_ port 853
truth success - - - - - 1.3
remark 'DNS over TLS'

scenario cert_name_13_fetchmail
server s_server othername
client fetchmail
set_ port 993
truth failure client alert 42 client "server_certificate_name_mismatch$hidden" 1.3
