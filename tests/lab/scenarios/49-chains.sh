# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Chains and keys that are wrong in rarer ways, and what programs say to them.

eval "$(declare -f version_of | sed '1s/version_of/version_of_others/')"
version_of() {
    case $1 in
    mono) mono --version | sed -n '1s/.*version \([^ ]*\) .*/Mono \1 (BoringSSL)/p' ;;
    java_strict) version_of_others java ;;
    *) version_of_others "$@" ;;
    esac
}

client_java_strict() { # PROTOCOLS: with rules that RSA of 2048 bits does not meet
    printf '%s\n' 'jdk.certpath.disabledAlgorithms=RSA keySize < 3072' >strict.security
    in_client timeout "$limit" java -XX:TieredStopAtLevel=1 -Xmx128m "-Djava.security.properties=$PWD/strict.security" -cp "$work" \
        Peer client "$host" "$port" - "$pki/root.crt" "$1"
}
client_mono() {
    cat >client.cs <<END
class Client {
    static void Main() {
        try {
            new System.Net.WebClient().DownloadString("https://$host:$port/");
            System.Console.WriteLine("client: ok");
        } catch (System.Exception e) {
            System.Console.WriteLine("client: " + e.Message);
        }
    }
}
END
    mcs client.cs
    in_client timeout "$limit" mono client.exe
}
client_stunnel() { # LINE...
    cat >client.conf <<END
foreground = yes
debug = info
pid =
[lab]
client = yes
accept = 127.0.0.1:7777
connect = $host:$port
sni = $host
$(printf '%s\n' "$@")
END
    in_client timeout "$limit" stunnel client.conf &
    sleep 1
    in_client sh -c '{ echo hello; sleep 1; } | timeout 4 socat - TCP:127.0.0.1:7777'
}

rejected=server_certificate_rejected
unknown=server_certificate_unknown_issuer

pair cert_constrained_12_curl 's_server constrained -tls1_2' curl failure client alert 46 client $rejected 1.2
remark 'a name constraint of the intermediate forbids the name'
pair cert_constrained_13_gnutls 'nginx constrained "ssl_protocols TLSv1.3"' 'gnutls NORMAL' failure client alert 42 client $rejected 1.3
pair cert_deep_12_curl 's_server deep -tls1_2' curl failure client alert 48 client $rejected,$unknown 1.2
remark 'more intermediates than the path length allows'
pair cert_deep_12_java 'nginx deep "ssl_protocols TLSv1.2"' 'java TLSv1.2' failure client alert 46 client $rejected 1.2
pair cert_old_chain_12_go 'nginx old_chain "ssl_protocols TLSv1.2"' go failure client alert 42 client server_certificate_expired 1.2
remark 'the intermediate has expired'
pair cert_old_chain_12_gnutls 'nginx old_chain "ssl_protocols TLSv1.2"' 'gnutls NORMAL' failure client alert 42 client server_certificate_expired 1.2
pair cert_by_leaf_12_go 'nginx by_leaf "ssl_protocols TLSv1.2"' go failure client alert 42 client $unknown,server_certificate_wrong_usage,$rejected 1.2
remark 'issued by a certificate that is no authority'
pair cert_wild_12_go 'nginx wild "ssl_protocols TLSv1.2"' go failure client alert 42 client server_certificate_name_mismatch 1.2
remark 'wildcards for a label too deep, and for another name'
pair cert_cn_only_12_go 'nginx cn_only "ssl_protocols TLSv1.2"' go failure client alert 42 client server_certificate_name_mismatch 1.2
remark 'no subjectAltName; the common name is the one asked for'
pair cert_constrained_12_go 'nginx constrained "ssl_protocols TLSv1.2"' go failure client alert 42 client $rejected 1.2
pair cert_twice_12_curl 'nginx twice "ssl_protocols TLSv1.2"' curl failure client alert 48 client server_certificate_incomplete_chain,$unknown 1.2
remark 'the server sends its own certificate twice, and no intermediate'
pair cert_crl_expired_12_openssl 's_server ecdsa -tls1_2' 's_client -CRL "$pki/old_crl.pem" -crl_check -verify_return_error' \
    failure client alert 45 client server_certificate_expired,$rejected,server_certificate_revoked 1.2
remark 'the list of revoked certificates is out of date, not the certificate'
pair cert_crl_missing_12_openssl 's_server ecdsa -tls1_2' 's_client -crl_check -verify_return_error' \
    failure client alert 48 client $unknown,$rejected 1.2
remark 'the client is to check for revocation and has no list'
pair cert_keysize_12_java 'nginx rsa "ssl_protocols TLSv1.2"' 'java_strict TLSv1.2' \
    failure client alert 43 client server_certificate_weak,$rejected 1.2
remark 'jdk.certpath.disabledAlgorithms forbids RSA below 3072 bits'
pair cert_unknown_12_mono 'nginx rsa "ssl_protocols TLSv1.2"' mono failure client reset - - client_closed,$rejected,$unknown 1.2
pair cert_pinned_12_stunnel_host 'nginx rsa "ssl_protocols TLSv1.2"' 'stunnel "CAfile = $pki/root.crt" "verifyChain = yes" "checkHost = other.example.test"' \
    failure client alert 80 client server_certificate_name_mismatch,$rejected 1.2
remark 'stunnel wants a name that it did not ask for'
pair mtls_revoked_12_haproxy "haproxy rsa verify required ca-file $pki/client_ca.pem crl-file $pki/client_crl.pem ssl-max-ver TLSv1.2" \
    "s_client -cert $pki/client_revoked.pem -key $pki/client_revoked.key -cert_chain $pki/client_revoked.pem" \
    failure server alert 44 server client_certificate_rejected 1.2
pair mtls_depth_12_apache 'apache rsa "SSLProtocol TLSv1.2" "SSLVerifyClient require" "SSLVerifyDepth 0" "SSLCACertificateFile $pki/client_ca.pem"' \
    "s_client -cert $pki/client.crt -key $pki/client.key -cert_chain $pki/client.pem" \
    failure server alert 80 server client_certificate_rejected,internal_error 1.2
remark 'the chain is longer than SSLVerifyDepth allows'
pair sigalg_p521_chromium 'nginx p521' chromium failure server alert 40 server no_shared_signature_algorithm -
remark 'browsers do not sign with P-521'
