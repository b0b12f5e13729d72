#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The opening of RDP or VNC (VeNCrypt) by hand, then TLS 1.2.

usage: opening.py rdp|nla|vnc HOST PORT CA

rdp asks for TLS, nla for TLS with CredSSP inside or without.
"""
import socket
import ssl
import sys

kind, host, port, ca = sys.argv[1:]
s = socket.create_connection((host, int(port)))
if kind in ("rdp", "nla"):
    wanted = {"rdp": "01", "nla": "03"}[kind]
    s.sendall(bytes.fromhex(f"030000130ee0000000000001000800{wanted}000000"))
    answer = s.recv(100)
    print("client: got", answer.hex())
    if answer[11] != 2 or answer[15] == 0:
        sys.exit("client: refused")
else:
    print("client: got", s.recv(12))
    s.sendall(b"RFB 003.008\n")
    types = s.recv(100)
    if 19 not in types[1:]:
        sys.exit("client: no VeNCrypt")
    s.sendall(b"\x13")
    s.recv(2)
    s.sendall(b"\x00\x02")
    s.recv(1)
    subtypes = s.recv(100)
    print("client: got", subtypes.hex())
    s.sendall(subtypes[1:5])
    if s.recv(1) != b"\x01":
        sys.exit("client: refused")
c = ssl.create_default_context(cafile=ca)
c.maximum_version = ssl.TLSVersion.TLSv1_2
try:
    t = c.wrap_socket(s, server_hostname=host)
    print("client: connected", t.version())
except OSError as e:
    print("client:", e)
