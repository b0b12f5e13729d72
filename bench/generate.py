#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a capture for the benchmark: generate.py KIND FILE MEGABYTES

The same arguments give the same bytes. Kinds:
  bulk        a few long TLS 1.3 connections, nearly all application data
  handshakes  short TLS 1.3 and 1.2 connections one after the other; 5 % fail
  mixed       mostly DNS and HTTP, with TLS connections between them
  flood       three SYNs and one unanswered ClientHello, again and again

and, of a number of connections that all stop at one point within a second,

  syn, hello, certificate, servers, settled

with that number in place of the megabytes.
"""
import random
import struct
import sys

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
STOPS = ('syn', 'hello', 'certificate', 'servers', 'settled')


def vec(n, data):
    return len(data).to_bytes(n, 'big') + data


def record(kind, data, version=0x0303):
    return struct.pack('>BH', kind, version) + vec(2, data)


def handshake(kind, body):
    return bytes([kind]) + vec(3, body)


def extension(kind, body):
    return struct.pack('>H', kind) + vec(2, body)


def client_hello(rng, name, tls13=True):
    ext = [extension(0, vec(2, b'\0' + vec(2, name))),
           extension(10, vec(2, bytes.fromhex('001d00170018'))),
           extension(11, vec(1, b'\0')),
           extension(13, vec(2, bytes.fromhex('040308040401050308050501'))),
           extension(16, vec(2, vec(1, b'h2') + vec(1, b'http/1.1')))]
    if tls13:
        ext += [extension(43, vec(1, bytes.fromhex('03040303'))),
                extension(45, vec(1, b'\1')),
                extension(51, vec(2, b'\0\x1d' + vec(2, rng.randbytes(32))))]
    suites = bytes.fromhex('130113021303c02bc02fc02cc030cca9cca8c013c014')
    body = (b'\3\3' + rng.randbytes(32) + vec(1, rng.randbytes(32))
            + vec(2, suites) + b'\1\0' + vec(2, b''.join(ext)))
    return record(22, handshake(1, body), 0x0301)


def server_hello(rng, tls13=True):
    ext = extension(0xff01, b'\0')
    if tls13:
        ext = (extension(43, b'\3\4')
               + extension(51, b'\0\x1d' + vec(2, rng.randbytes(32))))
    suite = b'\x13\1' if tls13 else b'\xc0\x2f'
    return record(22, handshake(2, b'\3\3' + rng.randbytes(32)
                                + vec(1, rng.randbytes(32)) + suite + b'\0'
                                + vec(2, ext)))


class Capture:
    """Ethernet frames with a clock that runs the same step every frame."""

    def __init__(self, path, limit, step_us):
        self.file = open(path, 'wb')
        self.file.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        self.bytes, self.limit, self.step_us = 24, limit, step_us
        self.us = 1_700_000_000_000_000

    def full(self):
        return self.bytes >= self.limit

    def packet(self, src, dst, proto, transport):
        ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(transport), 0,
                         0x4000, 64, proto, 0, src, dst)
        frame = b'\2' + bytes(10) + b'\1\x08\0' + ip + transport
        self.us += self.step_us
        self.file.write(struct.pack('<IIII', self.us // 1_000_000,
                                    self.us % 1_000_000, len(frame), len(frame)))
        self.file.write(frame)
        self.bytes += 16 + len(frame)


class Tcp:
    """One connection; send() cuts data into segments and has them acknowledged."""

    def __init__(self, cap, rng, server, port=443):
        self.cap = cap
        self.ip = (struct.pack('>BBH', 10, rng.randrange(256), rng.randrange(65536)),
                   struct.pack('>BBBB', 198, 18, 0, server))
        self.port = (rng.randrange(1024, 65536), port)
        self.seq = [rng.randrange(1 << 32), rng.randrange(1 << 32)]

    def segment(self, way, flags, data=b''):
        ack = self.seq[1 - way] if flags & ACK else 0
        self.cap.packet(self.ip[way], self.ip[1 - way], 6, struct.pack(
            '>HHIIBBHHH', self.port[way], self.port[1 - way], self.seq[way], ack,
            0x50, flags, 65535, 0, 0) + data)
        self.seq[way] = (self.seq[way] + len(data)
                         + bool(flags & (SYN | FIN))) & 0xffffffff

    def open(self):
        self.segment(0, SYN)
        self.segment(1, SYN | ACK)
        self.segment(0, ACK)

    def send(self, way, data):
        for i in range(0, len(data), 1448):
            self.segment(way, PSH | ACK, data[i:i + 1448])
            if i // 1448 % 2:
                self.segment(1 - way, ACK)

    def close(self):
        self.segment(0, FIN | ACK)
        self.segment(1, FIN | ACK)
        self.segment(0, ACK)


def data(rng, n):
    return record(23, rng.randbytes(n))


def tls13(c, rng, name):
    c.open()
    c.send(0, client_hello(rng, name))
    flight = data(rng, 23) + data(rng, 2500) + data(rng, 281) + data(rng, 69)
    c.send(1, server_hello(rng) + record(20, b'\1') + flight)
    c.send(0, record(20, b'\1') + data(rng, 69) + data(rng, 120))
    c.send(1, data(rng, 250) + data(rng, 250) + data(rng, 1800))


def certificates(rng):
    """A Certificate whose DER does not matter: the connection does not fail."""
    return record(22, handshake(11, vec(3, vec(3, rng.randbytes(1100))
                                        + vec(3, rng.randbytes(1300)))))


def tls12(c, rng, name):
    c.open()
    c.send(0, client_hello(rng, name, False))
    key = b'\3\0\x1d' + vec(1, rng.randbytes(32)) + b'\4\1' + vec(2, rng.randbytes(256))
    c.send(1, server_hello(rng, False) + certificates(rng)
           + record(22, handshake(12, key)) + record(22, handshake(14, b'')))
    done = record(20, b'\1') + record(22, rng.randbytes(40))
    c.send(0, record(22, handshake(16, vec(1, rng.randbytes(32)))) + done)
    c.send(1, done)
    c.send(0, data(rng, 150))
    c.send(1, data(rng, 1800))


def failing(c, rng, name):
    c.open()
    c.send(0, client_hello(rng, name))
    how = rng.randrange(4)
    if how == 0:
        c.segment(1, RST | ACK)
    elif how == 1:
        c.close()
    else:
        c.send(1, record(21, bytes([2, (40, 70)[how - 2]])))
        c.close()


def one_tls(cap, rng):
    server = rng.randrange(64)
    name = b'host%02d.example' % server
    c = Tcp(cap, rng, server)
    if rng.random() < 0.05:
        failing(c, rng, name)
        return
    (tls13 if rng.random() < 0.7 else tls12)(c, rng, name)
    c.close()


def bulk(cap, rng):
    c = Tcp(cap, rng, rng.randrange(64))
    tls13(c, rng, b'bulk.example')
    piece = data(rng, 16000)
    for _ in range(400):
        c.send(1, piece)
        if cap.full():
            return
    c.close()


def dns(cap, rng):
    port = struct.pack('>H', rng.randrange(1024, 65536))
    a, b = b'\x0a\0' + rng.randbytes(2), b'\xc6\x12\0\x35'
    for src, dst, ports, n in ((a, b, port + b'\0\x35', 40), (b, a, b'\0\x35' + port, 90)):
        cap.packet(src, dst, 17, ports + struct.pack('>HH', 8 + n, 0) + rng.randbytes(n))


def http(cap, rng):
    c = Tcp(cap, rng, rng.randrange(64), 80)
    c.open()
    c.send(0, b'GET / HTTP/1.1\r\nHost: www.example\r\n\r\n')
    n = rng.randrange(500, 60000)
    c.send(1, b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % n + bytes(n))
    c.close()


def mixed(cap, rng):
    rng.choices((dns, http, one_tls), (60, 25, 15))[0](cap, rng)


def flood(cap, rng):
    for _ in range(3):
        Tcp(cap, rng, rng.randrange(64)).segment(0, SYN)
    server = rng.randrange(64)
    c = Tcp(cap, rng, server)
    c.open()
    c.send(0, client_hello(rng, b'host%02d.example' % server))


def stopping(cap, rng, how):
    """A connection that goes no further; what it costs is memory."""
    server = rng.randrange(64)
    c = Tcp(cap, rng, server)
    if how == 'syn':
        c.segment(0, SYN)
    elif how == 'settled':
        tls12(c, rng, b'host.example')
    else:
        c.open()
        c.send(0, client_hello(rng, b'host.example', False))
        if how == 'certificate':
            c.send(1, server_hello(rng, False) + certificates(rng))
        elif how == 'servers':
            c.send(1, server_hello(rng, False) + certificates(random.Random(server)))


def stopped(how, path, n):
    cap = Capture(path, 0, 0)
    rng = random.Random(how)
    for _ in range(n):
        stopping(cap, rng, how)
    cap.file.close()


def main():
    if len(sys.argv) == 4 and sys.argv[1] in STOPS:
        stopped(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        return
    kinds = {f.__name__: f for f in (bulk, mixed, flood)}
    kinds['handshakes'] = one_tls
    if len(sys.argv) != 4 or sys.argv[1] not in kinds:
        sys.exit(__doc__)
    rng = random.Random(sys.argv[1])
    # A flood lasts longer than any timeout.
    step_us = 40 if sys.argv[1] == 'flood' else 20
    cap = Capture(sys.argv[2], int(sys.argv[3]) * 1_000_000, step_us)
    while not cap.full():
        kinds[sys.argv[1]](cap, rng)
    cap.file.close()


if __name__ == '__main__':
    main()
