// SPDX-License-Identifier: Apache-2.0
// @reclaimprotocol/tls, TLS 1.2 and 1.3 in TypeScript: `reclaim.mjs HOST PORT`. It does not verify.
import { makeTLSClient, setCryptoImplementation } from '@reclaimprotocol/tls';
import { webcryptoCrypto } from '@reclaimprotocol/tls/webcrypto';
import { Socket } from 'net';

const [host, port] = process.argv.slice(2);
const socket = new Socket();
setCryptoImplementation(webcryptoCrypto);
const tls = makeTLSClient({
    host,
    verifyServerCertificate: false,
    async write({ header, content }) {
        socket.write(header);
        socket.write(content);
    },
    onHandshake() {
        console.log('client: connected');
        tls.write(Buffer.from('GET / HTTP/1.0\r\n\r\n'));
    },
    onApplicationData() {},
    onTlsEnd(error) {
        console.log('client:', error ? error.message : 'end');
        socket.end();
    },
});
socket.on('data', (bytes) => tls.handleReceivedBytes(bytes));
socket.on('connect', () => tls.startHandshake());
socket.connect({ host, port: Number(port) });
