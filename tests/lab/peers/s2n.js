// SPDX-License-Identifier: Apache-2.0
// A client of the AWS Common Runtime, which brings s2n-tls: `s2n.js HOST PORT CA`.
const { http, io } = require('aws-crt');
const { readFileSync } = require('fs');

const [host, port, ca] = process.argv.slice(2);
const options = new io.TlsContextOptions();
options.override_default_trust_store(readFileSync(ca, 'utf8'));
const context = new io.ClientTlsContext(options);
const socket = new io.SocketOptions(io.SocketType.STREAM, io.SocketDomain.IPV4, 3000);
const connection = new http.HttpClientConnection(new io.ClientBootstrap(), host, Number(port), socket,
    new io.TlsConnectionOptions(context, host, []));
connection.on('connect', () => {
    const request = connection.request(new http.HttpRequest('GET', '/', new http.HttpHeaders([['host', host]])));
    request.on('response', (status) => console.log('client:', status));
    request.on('end', () => connection.close());
    request.on('error', (e) => console.log('client: error', e.message));
    request.activate();
});
connection.on('error', (e) => console.log('client: error', e.error_name));
