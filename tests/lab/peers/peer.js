// SPDX-License-Identifier: Apache-2.0
// The Node.js peer of the lab: `node peer.js server|client PORT OPTIONS`, with
// OPTIONS the JSON of tls.createServer or tls.connect; cert, key and ca are
// file names. Keys go to SSLKEYLOGFILE where this Node can log them.
'use strict';
const fs = require('fs');
const tls = require('tls');

const [mode, port, json] = process.argv.slice(2);
const options = JSON.parse(json || '{}');
for (const name of ['cert', 'key', 'ca']) {
  if (options[name]) {
    options[name] = fs.readFileSync(options[name]);
  }
}
function log(emitter, event) {
  emitter.on(event, (line) => {
    if (process.env.SSLKEYLOGFILE) {
      fs.appendFileSync(process.env.SSLKEYLOGFILE, line);
    }
  });
}

if (mode === 'server') {
  if (options.known) {
    const context = tls.createSecureContext(options);
    options.SNICallback = (name, done) => {
      if (name !== options.known) {
        return done(new Error('unknown name ' + name));
      }
      done(null, context);
    };
  }
  const server = tls.createServer(options, (socket) => {
    socket.on('error', (error) => console.log('server:', error.message));
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nhello\n'));
  });
  server.on('tlsClientError', (error) => console.log('server:', error.message));
  log(server, 'keylog');
  server.listen(+port);
} else {
  const host = 'www.example.test';
  const socket = tls.connect(Object.assign({ host, port: +port, servername: host }, options), () => {
    console.log('client: connected', socket.getProtocol(), socket.authorizationError || '');
    socket.write('GET / HTTP/1.0\r\n\r\n');
  });
  socket.on('error', (error) => console.log('client:', error.code, error.message));
  socket.on('data', () => {});
  log(socket, 'keylog');
}
