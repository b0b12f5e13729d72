#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Python peer of the lab: `pyssl.py server|client PORT [key=value]...`.

Keys: cert, key, ca, min, max (TLSv1_2 …), ciphers, alpn (comma separated),
twice (client: connect again and resume), pieces (client: bytes a segment), mss
(client: the same by TCP), speak (server: what it
speaks before TLS), name (SNI, `none` for none), leave (client: how it goes after the
handshake: `close` and `reset` at once, `half` with the request, `silent` after the reply
without close_notify).
"""
import os
import socket
import ssl
import sys
import time

HOST = "www.example.test"
mode, port = sys.argv[1], int(sys.argv[2])
opt = dict(word.split("=", 1) for word in sys.argv[3:])


def context():
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if mode == "server" else ssl.PROTOCOL_TLS_CLIENT)
    if os.environ.get("SSLKEYLOGFILE"):
        ctx.keylog_filename = os.environ["SSLKEYLOGFILE"]
    if "cert" in opt:
        ctx.load_cert_chain(opt["cert"], opt["key"])
    if "ca" in opt:
        ctx.load_verify_locations(opt["ca"])
        if mode == "server":
            ctx.verify_mode = ssl.CERT_REQUIRED
    if "min" in opt:
        ctx.minimum_version = ssl.TLSVersion[opt["min"]]
    if "max" in opt:
        ctx.maximum_version = ssl.TLSVersion[opt["max"]]
    if "ciphers" in opt:
        ctx.set_ciphers(opt["ciphers"])
    if "alpn" in opt:
        ctx.set_alpn_protocols(opt["alpn"].split(","))
    return ctx


def serve():
    ctx = context()
    with socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        while True:
            raw, _ = listener.accept()
            raw.settimeout(30)
            try:
                if "speak" in opt:
                    talk_plain(raw, opt["speak"])
                with ctx.wrap_socket(raw, server_side=True) as conn:
                    conn.recv(4096)
                    conn.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello\n")
                    conn.unwrap()
            except OSError as error:
                print("server:", error, flush=True)


# What a server says before TLS: greeting, the client's word that starts TLS,
# the answer to that, the answer to everything before.
BEFORE_TLS = {
    "smtp": (b"220 mail.example.test ESMTP\r\n", b"STARTTLS", b"220 2.0.0 Ready to start TLS\r\n",
             b"250-mail.example.test\r\n250 STARTTLS\r\n"),
    "imap": (b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", b"STARTTLS", b". OK Begin TLS\r\n",
             b"* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK done\r\n"),
    "pop3": (b"+OK ready\r\n", b"STLS", b"+OK Begin TLS\r\n", b"+OK\r\nSTLS\r\n.\r\n"),
    "ftp": (b"220 ftp.example.test\r\n", b"AUTH TLS", b"234 AUTH TLS successful\r\n",
            b"211-Features:\r\n AUTH TLS\r\n211 End\r\n"),
    "postgres": (b"", b"\x04\xd2\x16\x2f", b"S", b""),
    "connect": (b"", b"CONNECT", b"HTTP/1.1 200 Connection established\r\n\r\n", b""),
}


def talk_plain(raw, protocol):
    greeting, start, ready, other = BEFORE_TLS[protocol]
    raw.sendall(greeting)
    while True:
        line = raw.recv(4096)
        if not line:
            raise OSError("closed before TLS")
        if start in line:
            raw.sendall(ready)
            return
        raw.sendall(other)


def connect():
    ctx, session = context(), None
    name = opt.get("name", HOST)
    if name == "none":
        ctx.check_hostname, name = False, None
    for _ in range(2 if "twice" in opt else 1):
        raw = socket.socket(socket.AF_INET6 if ":" in socket.getaddrinfo(HOST, port)[0][4][0] else socket.AF_INET)
        if "mss" in opt:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, int(opt["mss"]))
        raw.settimeout(14)
        try:
            raw.connect((HOST, port))
            if "pieces" in opt:
                in_pieces(ctx, raw, int(opt["pieces"]))
                continue
            with ctx.wrap_socket(raw, server_hostname=name, session=session) as conn:
                if "leave" in opt:
                    leave(conn, opt["leave"])
                    continue
                conn.sendall(b"GET / HTTP/1.0\r\n\r\n")
                while conn.recv(4096):
                    pass
                session = conn.session
                print("client:", conn.version(), "reused", conn.session_reused, conn.selected_alpn_protocol())
        except OSError as error:
            print("client:", error)
        time.sleep(0.2)


def leave(conn, way):
    print("client:", conn.version(), "established, leaves by", way)
    if way == "reset":
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if way in ("close", "reset"):
        conn.close()
        return
    conn.sendall(b"GET / HTTP/1.0\r\n\r\n")
    if way == "half":
        socket.socket.shutdown(conn, socket.SHUT_WR)
    conn.recv(4096)
    conn.close()


def in_pieces(ctx, raw, size):
    """The whole client side in writes of SIZE bytes, each its own segment."""
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    conn = ctx.wrap_bio(inside, outside, server_hostname=HOST)
    while True:
        done = False
        try:
            conn.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            pass
        data = outside.read()
        for start in range(0, len(data), size):
            raw.sendall(data[start:start + size])
            time.sleep(0.002)
        if done:
            break
        inside.write(raw.recv(65536))
    conn.write(b"GET / HTTP/1.0\r\n\r\n")
    raw.sendall(outside.read())
    raw.recv(65536)
    print("client:", conn.version(), "in pieces of", size)
    raw.close()


if mode == "server":
    serve()
else:
    connect()
