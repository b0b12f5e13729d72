# shellcheck shell=bash disable=SC2154,SC2016,SC2086
# SPDX-License-Identifier: Apache-2.0
# Stacks that leave out what others say: busybox (its own TLS 1.2, without
# signature_algorithms), node-forge (TLS 1.1 at most) and @reclaimprotocol/tls, both in
# JavaScript, and Bun (BoringSSL, which resets where a certificate does not please it). Needs
# besides the rest (Debian 12): busybox; the others come from npm.

eval "$(declare -f build_peers | sed '1s/build_peers/build_peers_before_scripts/')"
build_peers() {
    build_peers_before_scripts || return
    mkdir -p "$work/js"
    [ -d "$work/js/node_modules" ] ||
        npm install --silent --prefix "$work/js" node-forge @reclaimprotocol/tls bun >&2 ||
        echo "make: no node-forge: scenarios that need it will fail" >&2
    cp "$here/peers/forge.js" "$here/peers/reclaim.mjs" "$work/js/"
}
eval "$(declare -f version_of | sed '1s/version_of/version_of_before_scripts/')"
version_of() {
    case $1 in
    busybox) busybox | sed -n '1s/^\(BusyBox v[^ ]*\).*/\1/p' ;;
    forge*) echo "node-forge $(package_version node-forge)" ;;
    reclaim) echo "@reclaimprotocol/tls $(package_version @reclaimprotocol/tls)" ;;
    bun) echo "Bun $(package_version bun) (BoringSSL)" ;;
    *) version_of_before_scripts "$@" ;;
    esac
}
package_version() { node -p "require('$work/js/node_modules/$1/package.json').version"; }

# With openssl in its way busybox would call that.
client_busybox() { in_client timeout "$limit" env PATH=/nowhere "$(command -v busybox)" wget -O- "https://$host:$port/"; }
client_reclaim() { (cd "$work/js" && in_client timeout "$limit" node reclaim.mjs "$host" "$port"); }
client_bun() {
    cat >"$dir/get.js" <<'END'
const [url, root] = process.argv.slice(2);
try {
    console.log('client:', (await fetch(url, { tls: { ca: await Bun.file(root).text() } })).status);
} catch (e) {
    console.log('client: error', e.code);
}
END
    in_client timeout "$limit" "$work/js/node_modules/.bin/bun" run "$dir/get.js" "https://$host:$port/" "$pki/root.crt"
}

# node-forge knows RSA alone: a root and a leaf of their own.
rsa_alone() {
    [ -e rsa.crt ] || openssl req -x509 -newkey rsa:2048 -nodes -days 9000 -subj "/CN=$host" \
        -addext "subjectAltName=DNS:$host" -addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign \
        -keyout rsa.key -out rsa.crt 2>/dev/null
}
server_forge() { # [auth]
    rsa_alone
    (cd "$work/js" && in_server node forge.js server "$host" "$port" "$dir/rsa.crt" "$dir/rsa.crt" "$dir/rsa.key" "$@")
}
client_forge() {
    sleep 1
    (cd "$work/js" && in_client timeout "$limit" node forge.js client "$host" "$port" "$dir/rsa.crt")
}

pair ok_12_busybox 'gnutls rsa' busybox success - - - - - 1.2
remark 'no signature_algorithms; a client certificate is asked for, and not sent'
pair sigalg_none_busybox 's_server rsa' busybox failure server alert 40 server no_shared_signature_algorithm -
remark 'TLS 1.2 without signature_algorithms: SHA-1 alone'
pair mtls_missing_12_busybox 's_server rsa -Verify 1 -cipher DEFAULT:@SECLEVEL=0' busybox \
    failure server alert 40 server client_certificate_missing 1.2
remark 'the client answers with an empty list'
pair mtls_skipped_12_reclaim 's_server rsa -tls1_2 -Verify 1' reclaim \
    failure server alert 10 server unexpected_message,client_certificate_missing 1.2
remark 'the client passes over the CertificateRequest'
pair mtls_missing_11_forge 'forge auth' forge failure server alert 47 server client_certificate_missing 1.1
remark 'node-forge says 47 to an empty list: No client certificate provided'
pair ok_11_forge forge forge success - - - - - 1.1
pair cert_expired_13_bun 'nginx expired' bun failure client reset - - client_closed,server_certificate_rejected,server_certificate_expired 1.3
remark 'CERT_HAS_EXPIRED; Bun resets without an alert'
