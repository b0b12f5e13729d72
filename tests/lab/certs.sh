#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the certificates of the lab in the directory given: a root, an
# intermediate, server leaves with one fault each, client certificates. What is
# there already is kept, so that captures made later still chain to the same
# root. NAME.pem is what a server sends (leaf first), NAME.key its key.
#
# usage: certs.sh DIRECTORY
set -eu
dir=$1
mkdir -p "$dir"
cd "$dir"

host=www.example.test
long_ago=20200101000000Z
far_off=20490101000000Z

touch index.txt
echo 'unique_subject = no' >index.txt.attr
[ -e serial ] || openssl rand -hex 8 >serial

cat >ca.cnf <<END
[ca]
default_ca = lab
[lab]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
organizationName = optional
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:$host,DNS:example.test
[server_ec]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$host,DNS:example.test
[other_name]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:mail.example.test
[client]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
[critical]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:$host,DNS:example.test
1.3.6.1.4.1.99999.1 = critical,ASN1:UTF8String:nobody knows this
[must_staple]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = DNS:$host,DNS:example.test
tlsfeature = status_request
[nul_name]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth
# www.example.test, NUL, .evil.test
subjectAltName = DER:30:1d:82:1b:77:77:77:2e:65:78:61:6d:70:6c:65:2e:74:65:73:74:00:2e:65:76:69:6c:2e:74:65:73:74
[constrained]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
nameConstraints = critical,permitted;DNS:internal.example
[short]
basicConstraints = critical,CA:true,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
[wild]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:*.$host,DNS:*.mail.example.test
[cn_only]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
[client_as_server]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature,keyEncipherment
extendedKeyUsage = clientAuth
subjectAltName = DNS:$host
END

new_key() { # FILE TYPE
    case $2 in
    rsa*) openssl genrsa -out "$1" "${2#rsa}" ;;
    ec) openssl ecparam -name prime256v1 -genkey -noout -out "$1" ;;
    p521) openssl ecparam -name secp521r1 -genkey -noout -out "$1" ;;
    p384) openssl ecparam -name secp384r1 -genkey -noout -out "$1" ;;
    esac 2>/dev/null
    chmod 644 "$1" # servers drop privileges; these keys protect nothing
}

# issue NAME KEY SUBJECT EXTENSIONS SIGNER [START END [DIGEST]]: SIGNER `self`
# signs itself.
issue() {
    local name=$1 key=$2 subject=$3 ext=$4 signer=$5
    local start=${6:-$long_ago} end=${7:-$far_off} digest=${8:-sha256} by
    [ -s "$name.crt" ] && return
    new_key "$name.key" "$key"
    openssl req -new -config ca.cnf -key "$name.key" -subj "$subject" -out "$name.csr"
    by="-cert $signer.crt -keyfile $signer.key"
    [ "$signer" = self ] && by="-selfsign -keyfile $name.key"
    # shellcheck disable=SC2086 # options are words of their own
    openssl ca -batch -notext -config ca.cnf $by -in "$name.csr" -out "$name.crt" \
        -extensions "$ext" -startdate "$start" -enddate "$end" -md "$digest" 2>ca.log ||
        { cat ca.log >&2; exit 1; }
    rm -f "$name.csr"
}

# chain NAME PART...: what the server sends.
chain() {
    local name=$1
    shift
    [ -s "$name.pem" ] || cat "${@/%/.crt}" >"$name.pem"
}

leaf="/O=Example Lab/CN=$host"
issue root p384 '/O=Example Lab/CN=Example Lab Root' authority self
issue inter ec '/O=Example Lab/CN=Example Lab Issuing CA' authority root
issue stranger p384 '/O=Private/CN=Private Root' authority self
issue stranger_inter ec '/O=Private/CN=Private Issuing CA' authority stranger
issue inspector rsa2048 '/O=Fortinet/CN=FortiGate CA' authority self

issue rsa rsa2048 "$leaf" server inter
issue ecdsa ec "$leaf" server_ec inter
issue expired rsa2048 "$leaf" server inter 20230101000000Z 20240101000000Z
issue notyet rsa2048 "$leaf" server inter 20400101000000Z 20480101000000Z
issue selfsigned rsa2048 "$leaf" server self
issue othername rsa2048 '/O=Example Lab/CN=mail.example.test' other_name inter
issue usage rsa2048 "$leaf" client_as_server inter
issue weakkey rsa1024 "$leaf" server inter
issue sha1 rsa2048 "$leaf" server inter '' '' sha1
issue unknown rsa2048 "$leaf" server stranger_inter
issue inspected rsa2048 "$leaf" server inspector
issue critical rsa2048 "$leaf" critical inter
issue muststaple rsa2048 "$leaf" must_staple inter
issue nulname rsa2048 "$leaf" nul_name inter
issue revoked rsa2048 "$leaf" server inter
if [ ! -s crl.pem ]; then
    openssl ca -config ca.cnf -cert inter.crt -keyfile inter.key -revoke revoked.crt 2>ca.log
    for signer in inter root; do
        openssl ca -config ca.cnf -cert $signer.crt -keyfile $signer.key -gencrl -crldays 7300
    done >crl.pem 2>>ca.log
fi
for name in rsa revoked ecdsa expired notyet othername usage weakkey sha1 critical muststaple nulname; do
    chain $name $name inter
done
chain incomplete rsa
[ -s incomplete.key ] || cp rsa.key incomplete.key
chain selfsigned selfsigned
chain unknown unknown stranger_inter
chain inspected inspected inspector

issue constrained_ca ec '/O=Example Lab/CN=Example Lab Constrained CA' constrained root
issue constrained ec "$leaf" server_ec constrained_ca
chain constrained constrained constrained_ca
issue short_ca ec '/O=Example Lab/CN=Example Lab Short CA' short root
issue deep_ca ec '/O=Example Lab/CN=Example Lab Too Deep CA' authority short_ca
issue deep ec "$leaf" server_ec deep_ca
chain deep deep deep_ca short_ca
issue old_ca ec '/O=Example Lab/CN=Example Lab Old CA' authority root '' 20230101000000Z
issue old_chain ec "$leaf" server_ec old_ca
chain old_chain old_chain old_ca
issue by_leaf ec "$leaf" server_ec ecdsa
chain by_leaf by_leaf ecdsa inter
issue wild ec '/O=Example Lab/CN=any' wild inter
chain wild wild inter
issue cn_only ec "$leaf" cn_only inter
chain cn_only cn_only inter
chain twice rsa rsa
[ -s twice.key ] || cp rsa.key twice.key
issue p521 p521 "$leaf" server_ec inter
chain p521 p521 inter

issue client_revoked ec '/O=Example Lab/CN=Carol' client inter
if [ ! -s client_crl.pem ]; then
    openssl ca -config ca.cnf -cert inter.crt -keyfile inter.key -revoke client_revoked.crt 2>ca.log
    for signer in inter root; do
        openssl ca -config ca.cnf -cert $signer.crt -keyfile $signer.key -gencrl -crldays 7300
    done >client_crl.pem 2>>ca.log
    for signer in inter root; do
        openssl ca -config ca.cnf -cert $signer.crt -keyfile $signer.key -gencrl \
            -crl_lastupdate 20240101000000Z -crl_nextupdate 20240201000000Z
    done >old_crl.pem 2>>ca.log
fi
chain client_revoked client_revoked inter
issue client ec '/O=Example Lab/CN=Alice' client inter
issue client_expired ec '/O=Example Lab/CN=Bob' client inter 20230101000000Z 20240101000000Z
issue client_stranger ec '/O=Private/CN=Mallory' client stranger
chain client client inter
chain client_expired client_expired inter
chain client_stranger client_stranger
cat root.crt inter.crt >client_ca.pem
cp root.crt root.pem

[ -s dh1024.pem ] || openssl dhparam -out dh1024.pem 1024 2>/dev/null
for name in rsa expired notyet selfsigned othername usage unknown incomplete weakkey client \
    client_expired client_stranger; do
    [ -s $name.p12 ] || openssl pkcs12 -export -inkey $name.key -in $name.pem -name $name \
        -passout pass:changeit -out $name.p12
done
rm -f [0-9A-F]*.pem ./*.old
