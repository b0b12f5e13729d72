# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# One end does not speak TLS, or the way to TLS is barred.

scenario not_tls_server_http_curl
server raw http
client curl
truth failure server plaintext - - server_not_tls -

scenario not_tls_server_http_gnutls
server raw http
client gnutls NORMAL
truth failure server plaintext - - server_not_tls -

scenario not_tls_server_http_java
server raw http
client java TLSv1.3,TLSv1.2
truth failure server plaintext - - server_not_tls -

scenario not_tls_server_ssh
server raw ssh
client s_client
truth failure server plaintext - - server_not_tls -

scenario not_tls_server_smtp
server raw smtp
client go
truth failure server plaintext - - server_not_tls -

scenario not_tls_server_http_port
server python_http
client curl
truth failure server plaintext - - server_not_tls -
remark 'Python http.server on the port'

scenario not_tls_client_nginx
server nginx rsa
client plain_curl
truth failure client plaintext - - client_not_tls -
remark 'nginx answers 400 in plaintext'

scenario not_tls_client_apache
server apache rsa
client plain_curl
truth failure client plaintext - - client_not_tls -
remark 'Apache answers 400 in plaintext'

scenario not_tls_client_openssl
server s_server rsa
client plain_curl
truth failure client plaintext - - client_not_tls -
remark 's_server closes without an alert'

scenario not_tls_client_java
server java rsa TLSv1.3,TLSv1.2 -
client plain_curl
truth failure client plaintext - - client_not_tls -
remark 'Java answers with alert 10'

scenario not_tls_client_connect_gnutls
server gnutls rsa
client proxied_curl
truth failure client plaintext - - client_not_tls -
remark 'curl takes a TLS port for a proxy and says CONNECT; GnuTLS answers with alert 10'

scenario not_tls_client_connect_openssl
server s_server rsa
client proxied_curl
truth failure server close - - proxy_refused,client_not_tls -
remark 'the same, and s_server closes: "https proxy request"'

scenario not_tls_client_socks_gnutls
server gnutls rsa
client socks_curl
set_ limit 4
truth failure client plaintext - - client_not_tls -
remark 'a TLS port for a SOCKS proxy, whose four bytes GnuTLS answers once the client has left'

# starts NAME PROTOCOL PORT CERTIFICATE: Python with STARTTLS first, s_client.
starts() {
    scenario "$1"
    server python "$4" "speak=$2" max=TLSv1_2
    client s_client -starttls "$2"
    set_ port "$3"
    case $4 in
    expired) truth failure client alert 45 client server_certificate_expired 1.2 ;;
    *) truth success - - - - - 1.2 ;;
    esac
}

starts starttls_smtp_ok smtp 587 rsa
starts starttls_smtp_expired smtp 587 expired
starts starttls_imap_ok imap 143 rsa
starts starttls_imap_expired imap 143 expired
starts starttls_pop3_ok pop3 110 rsa
starts starttls_ftp_expired ftp 21 expired
starts starttls_postgres_ok postgres 5432 rsa
starts starttls_postgres_expired postgres 5432 expired

scenario starttls_smtp_refused
server raw smtp_without_tls
client smtp_curl
set_ port 587
truth failure server plaintext - - starttls_refused -

scenario proxy_refused
server raw proxy_403
client proxied_curl
set_ port 3128
truth failure server plaintext - - proxy_refused -

scenario starttls_postgres_refused
server raw postgres_without_tls
client s_client -starttls postgres
set_ port 5432
truth failure server plaintext - - starttls_refused -

scenario proxy_ok
server python rsa speak=connect max=TLSv1_2
client proxied_curl
set_ port 3128
truth success - - - - - 1.2
remark 'the proxy is its own target'

scenario proxy_expired
server python expired speak=connect max=TLSv1_2
client proxied_curl
set_ port 3128
truth failure client alert 45 client server_certificate_expired 1.2
remark 'the proxy is its own target'

# ---- the port alone does not say that it is TLS's: other connections do

client_curl_then() { # COMMAND...: TLS first
    client_curl 2>&1 | sed 's/^/first: /'
    sleep 0.2
    "$@"
}
client_redis_cli() { in_client timeout "$limit" redis-cli -h "$host" -p "$port" ping </dev/null; }
client_psql() { in_client timeout "$limit" psql "host=$host port=$port sslmode=$1 user=lab" -c ''; }
server_echo() { in_server socat "TCP6-LISTEN:$port,fork,reuseaddr" EXEC:cat; }

scenario not_tls_client_openssl_known
server s_server rsa
client curl_then client_plain_curl
set_ port 8000
set_ stream last
truth failure client plaintext - - client_not_tls -
remark 's_server closes without an alert; a TLS connection before shows that the port is one'

scenario unknown_plain_closed
server raw close
client plain_curl
set_ port 8000
truth unknown - - - - client_not_tls -
remark 'no TLS anywhere: nothing says that the server wants it'

scenario not_tls_client_redis_nginx
server nginx rsa
client curl_then client_redis_cli
set_ port 6380
set_ stream last
truth failure client plaintext - - client_not_tls -
remark 'nginx answers 400 in plaintext, and does not say why'

scenario not_tls_client_psql_nginx
server nginx rsa
client psql disable
truth failure client plaintext - - client_not_tls -
remark 'nginx answers 400 in plaintext, and does not say why'

scenario not_tls_server_echo_curl
server echo
client curl
truth failure client alert 10 client server_not_tls,unexpected_message -

scenario not_tls_server_echo_go
server echo
client go
truth failure client alert 10 client server_not_tls,unexpected_message -
