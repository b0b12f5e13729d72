# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# The server turns the client's certificate down, or gets none.

# mutual NAME VERSION ALERT CAUSE SERVER CERTIFICATE: SERVER asks for a client
# certificate of the lab's CA; CERTIFICATE is what s_client has, `-` nothing.
mutual() {
    local name=$1 version=$2 alert=$3 cause=$4 kind=$5 cert=$6 no=${2/./}
    scenario "$name"
    case $kind in
    openssl) server s_server rsa "-tls${version/./_}" -Verify 3 -verify_return_error -CAfile "$pki/client_ca.pem" ;;
    go) server go rsa -min "${no/1/1}" -max "$no" -ca "$pki/client_ca.pem" ;;
    gnutls) server gnutls rsa --priority "NORMAL:-VERS-ALL:+VERS-TLS$version" --require-client-cert \
        --verify-client-cert --x509cafile "$pki/client_ca.pem" ;;
    java) server java rsa "TLSv$version" "$pki/client_ca.pem" auth ;;
    apache) server apache rsa "SSLProtocol -all +TLSv$version" "SSLCACertificateFile $pki/client_ca.pem" \
        'SSLVerifyClient require' 'SSLVerifyDepth 3' ;;
    haproxy) server haproxy rsa "ssl-min-ver TLSv$version ssl-max-ver TLSv$version" ca-file "$pki/client_ca.pem" \
        verify required ;;
    python) server python rsa "min=TLSv${version/./_}" "max=TLSv${version/./_}" "ca=$pki/client_ca.pem" ;;
    stunnel) server stunnel rsa "sslVersionMin = TLSv$version" "sslVersionMax = TLSv$version" 'verifyChain = yes' \
        'requireCert = yes' "CAfile = $pki/client_ca.pem" ;;
    caddy) server caddy rsa "protocols tls$version tls$version" 'client_auth {' 'mode require_and_verify' \
        "trusted_ca_cert_file $pki/root.crt" "trusted_ca_cert_file $pki/inter.crt" '}' ;;
    mbedtls) server mbedtls rsa auth=required "ca=$pki/client_ca.pem" ;;
    wolfssl) server wolfssl rsa "min=$no" "max=$no" auth=required "ca=$pki/client_ca.pem" ;;
    nss) server nss rsa -V "tls$version:tls$version" -rr ;;
    esac
    if [ "$cert" = - ]; then
        client s_client
    else
        client s_client -cert "$pki/$cert.pem" -key "$pki/$cert.key" -cert_chain "$pki/$cert.pem"
    fi
    truth "failure server alert $alert server $cause $version"
}

guess=,client_certificate_rejected
mutual mtls_missing_12_openssl 1.2 40 client_certificate_missing openssl -
mutual mtls_missing_12_go 1.2 42 client_certificate_missing go -
mutual mtls_missing_12_gnutls 1.2 50 client_certificate_missing gnutls -
mutual mtls_missing_12_java 1.2 42 client_certificate_missing java -
mutual mtls_missing_12_apache 1.2 40 client_certificate_missing apache -
mutual mtls_missing_12_nss 1.2 42 client_certificate_missing nss -
mutual mtls_missing_13_openssl 1.3 116 client_certificate_missing$guess openssl -
mutual mtls_missing_13_go 1.3 42 client_certificate_missing$guess go -
mutual mtls_missing_13_haproxy 1.3 116 client_certificate_missing$guess haproxy -
mutual mtls_missing_13_java 1.3 42 client_certificate_missing$guess java -
mutual mtls_expired_12_openssl 1.2 45 client_certificate_expired openssl client_expired
mutual mtls_expired_12_go 1.2 42 client_certificate_expired go client_expired
mutual mtls_expired_12_python 1.2 45 client_certificate_expired python client_expired
mutual mtls_expired_13_openssl 1.3 45 client_certificate_expired$guess openssl client_expired
mutual mtls_expired_13_gnutls 1.3 49 client_certificate_expired$guess gnutls client_expired
mutual mtls_unknown_12_openssl 1.2 48 client_certificate_unknown_issuer openssl client_stranger
mutual mtls_unknown_12_java 1.2 46 client_certificate_unknown_issuer java client_stranger
mutual mtls_unknown_12_gnutls 1.2 49 client_certificate_unknown_issuer gnutls client_stranger
mutual mtls_unknown_12_haproxy 1.2 48 client_certificate_unknown_issuer haproxy client_stranger
mutual mtls_unknown_13_apache 1.3 48 client_certificate_unknown_issuer$guess apache client_stranger
mutual mtls_unknown_13_python 1.3 48 client_certificate_unknown_issuer$guess python client_stranger
mutual mtls_usage_12_openssl 1.2 43 client_certificate_rejected openssl rsa
mutual mtls_usage_13_openssl 1.3 43 client_certificate_rejected openssl rsa
