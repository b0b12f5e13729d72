#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server that opens as AMQP 1.0 does when TLS is negotiated in the stream
(section 5.2.1), then TLS 1.2 of Python's OpenSSL: no broker of Debian's has that.

usage: amqp.py PORT CERTIFICATE KEY
"""
import socket
import ssl
import sys

port, cert, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.maximum_version = ssl.TLSVersion.TLSv1_2
context.load_cert_chain(cert, key)
s, _ = socket.create_server(("", int(port))).accept()
header = s.recv(8)
print("server: got", header.hex())
if header == b"AMQP\x02\x01\x00\x00":
    s.sendall(header)
    try:
        t = context.wrap_socket(s, server_side=True)
        print("server: handshake done", t.version())
        print("server: got", t.recv(100).hex())
    except OSError as e:
        print("server:", e)
