// SPDX-License-Identifier: Apache-2.0
// The Deno peer of the lab, which is rustls: `deno run -A deno.js server|client PORT [key=value]...`.
// Keys: cert, key, ca, alpn (comma separated).
const [mode, port, ...words] = Deno.args;
const opt = Object.fromEntries(words.map((w) => [w.slice(0, w.indexOf('=')), w.slice(w.indexOf('=') + 1)]));
const bytes = (s) => new TextEncoder().encode(s);
const read = (name) => (opt[name] ? Deno.readTextFileSync(opt[name]) : undefined);
const own = opt.cert ? { cert: read('cert'), key: read('key') } : {};
const alpnProtocols = opt.alpn ? opt.alpn.split(',') : undefined;

async function answer(conn) {
  try {
    await conn.handshake();
    await conn.read(new Uint8Array(4096));
    await conn.write(bytes('HTTP/1.0 200 OK\r\n\r\nhello\n'));
  } catch (e) {
    console.log('server: error', e.message);
  }
  try {
    conn.close();
  } catch {
    // already gone
  }
}

if (mode === 'server') {
  const listener = Deno.listenTls({ port: +port, ...own, alpnProtocols });
  for (;;) {
    answer(await listener.accept());
  }
}
try {
  const hostname = 'www.example.test';
  const conn = await Deno.connectTls({ hostname, port: +port, caCerts: [read('ca')], ...own, alpnProtocols });
  await conn.handshake();
  await conn.write(bytes('GET / HTTP/1.0\r\n\r\n'));
  console.log('client:', await conn.read(new Uint8Array(4096)), 'bytes');
  conn.close();
} catch (e) {
  console.log('client: error', e.message);
}
