#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server that opens as SQL Server does: PRELOGIN, then TLS within TDS packets
([MS-TDS] 2.2.6.5), TLS 1.2 of Python's OpenSSL. Hangs up after the login.

usage: tds.py PORT ENCRYPTION CERTIFICATE KEY

ENCRYPTION is the byte of the answer: 0 off, 1 on, 2 not supported, 3 required.
"""
import socket
import ssl
import struct
import sys

port, encryption, cert, key = sys.argv[1:]


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            sys.exit("server: closed")
        data += more
    return data


def packet(s):
    header = exactly(s, 8)
    return exactly(s, struct.unpack(">H", header[2:4])[0] - 8)


def send(s, kind, body):
    for at in range(0, len(body), 4088):
        part = body[at:at + 4088]
        last = at + 4088 >= len(body)
        s.sendall(struct.pack(">BBHHBB", kind, last, 8 + len(part), 0, 0, 0) + part)


def main():
    listener = socket.create_server(("", int(port)))
    s, _ = listener.accept()
    print("server: PRELOGIN", packet(s).hex())
    options = b"\x00\x00\x0b\x00\x06" + b"\x01\x00\x11\x00\x01" + b"\xff"
    send(s, 4, options + b"\x10\x00\x10\x00\x00\x00" + bytes([int(encryption)]))
    if encryption == "2":
        print("server: got", s.recv(100).hex() or "nothing")
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(inside, outside, server_side=True)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            if outside.pending:
                send(s, 0x12, outside.read())
            inside.write(packet(s))
        except ssl.SSLError as error:
            sys.exit(f"server: {error}")
    if outside.pending:
        send(s, 0x12, outside.read())
    print("server: handshake done", tls.version())
    print("server: got", s.recv(4096)[:5].hex())


main()
