// SPDX-License-Identifier: Apache-2.0
// node-forge, TLS 1.0 and 1.1 in JavaScript: `forge.js server|client HOST PORT ROOT CERTIFICATE KEY [auth]`.
const forge = require('node-forge');
const net = require('net');
const { readFileSync } = require('fs');

const [who, host, port, root, certificate, key, auth] = process.argv.slice(2);
const text = (file) => readFileSync(file, 'utf8');
const say = (...words) => console.log(`${who}:`, ...words);

function connection(socket) {
    const c = forge.tls.createConnection({
        server: who === 'server',
        caStore: [text(root)],
        sessionCache: {},
        virtualHost: host,
        verifyClient: auth !== undefined,
        verify: (_, verified) => verified,
        getCertificate: () => (certificate ? text(certificate) : null),
        getPrivateKey: () => text(key),
        connected: () => {
            say('connected', c.session.version.minor);
            if (who === 'client') c.prepare('GET / HTTP/1.0\r\n\r\n');
        },
        tlsDataReady: () => socket.write(c.tlsData.getBytes(), 'binary'),
        dataReady: () => {
            c.data.getBytes();
            if (who === 'server') c.prepare('HTTP/1.0 200 OK\r\n\r\nhello\n');
            c.close();
        },
        closed: () => socket.end(),
        error: (_, e) => say('error', e.message),
    });
    socket.on('data', (bytes) => c.process(bytes.toString('binary')));
    socket.on('error', (e) => say(e.message));
    return c;
}

if (who === 'server') {
    net.createServer(connection).listen(Number(port));
} else {
    const socket = net.connect(Number(port), host, () => connection(socket).handshake());
}
