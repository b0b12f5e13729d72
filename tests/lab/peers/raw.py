#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peers that no library would make: raw.py server|client PORT MODE [ARGUMENT].

They speak just enough TLS to break it in one known way, or no TLS at all.
"""
import os
import socket
import struct
import sys
import time

HOST = "www.example.test"
role, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
argument = sys.argv[4] if len(sys.argv) > 4 else ""


def vec(size, data):
    return len(data).to_bytes(size, "big") + data


def record(kind, body, version=0x0301):
    return struct.pack("!BHH", kind, version, len(body)) + body


def handshake(kind, body):
    return bytes([kind]) + vec(3, body)


def extension(number, body):
    return struct.pack("!H", number) + vec(2, body)


def u16(*numbers):
    return b"".join(struct.pack("!H", n) for n in numbers)


def client_hello(version=0x0303, leave_out=(), compression=b"\0", ciphers=None, extensions=True, tls13=False):
    parts = {
        0: vec(2, b"\0" + vec(2, HOST.encode())),
        10: vec(2, u16(0x1d, 0x17, 0x18)),
        11: vec(1, b"\0"),
        13: vec(2, u16(0x0403, 0x0804, 0x0401, 0x0503, 0x0805)),
        23: b"",
        0xff01: b"\0",
    }
    suites = ciphers or u16(0xc02f, 0xc02b, 0xc030, 0xc02c, 0x9c, 0x2f)
    if tls13:
        suites = u16(0x1301, 0x1302, 0x1303) + suites
        parts[43] = vec(1, u16(0x0304, 0x0303))
        parts[51] = vec(2, u16(0x1d) + vec(2, os.urandom(32)))
        parts[45] = vec(1, b"\x01")
    body = u16(version) + os.urandom(32) + vec(1, b"") + vec(2, suites) + vec(1, compression)
    if extensions:
        body += vec(2, b"".join(extension(n, b) for n, b in parts.items() if n not in leave_out))
    return handshake(1, body)


def server_hello(cipher=0xc02f, version=0x0303, extensions=None):
    body = u16(version) + os.urandom(32) + vec(1, os.urandom(32)) + u16(cipher) + b"\0"
    if extensions is None:
        extensions = extension(0xff01, b"\0")
    return handshake(2, body + vec(2, extensions))


def read_all(sock, seconds):
    """What comes within SECONDS, as hex of its first bytes."""
    sock.settimeout(seconds)
    got = b""
    try:
        while True:
            data = sock.recv(65536)
            if not data:
                return got, "closed"
            got += data
            if got[:1] == b"\x15" and len(got) >= 7:
                return got, f"alert {got[6]}"
    except socket.timeout:
        return got, "timed out"
    except OSError as error:
        return got, str(error)


def reset(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def serve_one(conn):
    if mode in ("smtp", "ssh"):
        conn.sendall({"smtp": b"220 mail.example.test ESMTP Postfix\r\n",
                      "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"}[mode])
    if mode == "proxy_403":
        print("server: got", conn.recv(4096)[:40], flush=True)
        conn.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        conn.close()
        return
    if mode == "postgres_without_tls":
        print("server: got", conn.recv(4096).hex(), flush=True)
        conn.sendall(b"N")
        conn.recv(4096)
        conn.close()
        return
    if mode == "smtp_without_tls":
        conn.sendall(b"220 mail.example.test ESMTP\r\n")
        for line in conn.makefile("rb"):
            print("server: got", line, flush=True)
            word = line.split()[0].upper()
            conn.sendall({b"EHLO": b"250-mail.example.test\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
                          b"STARTTLS": b"454 4.7.0 TLS not available due to local problem\r\n"}
                         .get(word, b"221 2.0.0 Bye\r\n"))
            if word not in (b"EHLO", b"STARTTLS"):
                break
        conn.close()
        return
    if mode in ("smtp_silent", "smtp_reset", "smtp_421"):
        conn.sendall(b"220 mail.example.test ESMTP\r\n")
        conn.recv(4096)
        conn.sendall(b"250-mail.example.test\r\n250 STARTTLS\r\n")
        print("server: got", conn.recv(4096), flush=True)
        conn.sendall(b"220 2.0.0 Ready to start TLS\r\n")
        print("server: got", len(conn.recv(65536)), "bytes, and says nothing more", flush=True)
        if mode == "smtp_reset":
            reset(conn)
        elif mode == "smtp_421":
            conn.sendall(b"421 4.3.0 mail.example.test TLS is not available, closing\r\n")
            conn.close()
        else:
            time.sleep(60)
        return
    if mode == "short_read":
        got = conn.recv(1400)
        print("server: read", len(got), "of a hello of", int.from_bytes(got[3:5], "big") + 5, flush=True)
        reset(conn)
        return
    if mode == "silent":
        time.sleep(60)
        return
    hello = conn.recv(65536)
    print("server: got", len(hello), "bytes", hello[:6].hex(), flush=True)
    answers = {
        "portal": b"HTTP/1.1 302 Found\r\nLocation: http://portal.example.test/login\r\nContent-Length: 0\r\n\r\n",
        "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "cipher_not_offered": record(22, server_hello(cipher=0x0005), 0x0303),
        "server_hello": record(22, server_hello(), 0x0303),
        "short_server_hello": record(22, handshake(2, b"\x03\x03" + os.urandom(20)), 0x0303),
        "done_first": record(22, handshake(14, b""), 0x0303),
        "huge_record": record(22, server_hello(), 0x0303) + b"\x16\x03\x03\x50\x00" + bytes(0x5000),
        "alert": record(21, bytes([2, int(argument) if mode == "alert" else 0]), 0x0303),
        "smtp": b"502 5.5.2 Error: command not recognized\r\n",
        "ssh": b"Invalid SSH identification string.\r\n",
        "old_version": record(22, server_hello(version=0x0301, cipher=0xc013), 0x0301),
        "bad_certificate": record(22, server_hello() + handshake(11, vec(3, vec(3, os.urandom(600))))
                                  + handshake(14, b""), 0x0303),
        "half_record": record(22, server_hello(), 0x0303)[:40],
    }
    if mode == "close":
        time.sleep(0.05)
        conn.close()
        return
    if mode == "alert_reset":
        conn.sendall(record(21, bytes([2, int(argument)]), 0x0303))
        reset(conn)
        return
    if mode == "reset":
        time.sleep(0.05)
        reset(conn)
        return
    if mode == "swallow":
        time.sleep(60)
        return
    conn.sendall(answers[mode])
    if mode in ("server_hello", "half_record"):
        time.sleep(float(argument or 60))
        conn.close()
        return
    if mode in ("http", "portal", "ssh", "smtp", "alert"):
        time.sleep(0.1)
        conn.close()
        return
    got, how = read_all(conn, 3)
    print("server: got", got[:7].hex(), how, flush=True)
    conn.close()


def serve():
    with socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        while True:
            conn, _ = listener.accept()
            try:
                serve_one(conn)
            except OSError as error:
                print("server:", error, flush=True)


def connect():
    sock = socket.create_connection((HOST, port))
    if mode == "connect":
        time.sleep(0.2)
        sock.close()
        return
    wait = 3.0
    truncated = client_hello()
    opening = {
        "http": b"GET / HTTP/1.1\r\nHost: www.example.test\r\n\r\n",
        "ssl3": record(22, client_hello(0x0300, extensions=False, ciphers=u16(0x2f, 0x0a, 5)), 0x0300),
        # Section E.2 of RFC 5246: an SSL 2.0 header around what TLS 1.0 would offer.
        "ssl2": b"\x80\x2e\x01\x03\x01" + u16(21, 0, 16) + bytes.fromhex("00002f 000035 00000a 000005 010080 030080 060040")
                + os.urandom(16),
        "good": record(22, client_hello(), 0x0301),
        "no_sigalgs13": record(22, client_hello(tls13=True, leave_out=(13,)), 0x0301),
        "no_sigalgs12": record(22, client_hello(leave_out=(13,)), 0x0301),
        "broken": record(22, truncated[:4] + truncated[4:38] + b"\xff" + truncated[39:], 0x0301),
        "no_null_compression": record(22, client_hello(compression=b"\x01"), 0x0301),
        "finished_first": record(22, handshake(20, os.urandom(12)), 0x0303),
        "huge_record": b"\x16\x03\x01\x50\x00" + bytes(0x5000),
        "group_unknown": record(22, client_hello().replace(vec(2, u16(0x1d, 0x17, 0x18)), vec(2, u16(0x1e, 0x9999, 0x9998))), 0x0301),
        "hello_then_silence": record(22, client_hello(), 0x0301),
        "half_hello": record(22, truncated, 0x0301)[:100],
        "quit": record(22, client_hello(), 0x0301),
        "user_canceled": record(22, client_hello(), 0x0301),
    }[mode]
    sock.sendall(opening)
    if mode in ("hello_then_silence", "half_hello"):
        wait = float(argument or 12.5)
    if mode == "quit":
        sock.recv(65536)
        time.sleep(0.1)
        sock.close()
        return
    if mode == "user_canceled":
        sock.recv(65536)
        time.sleep(0.1)
        sock.sendall(record(21, bytes([1, 90]), 0x0303) + record(21, bytes([1, 0]), 0x0303))
        time.sleep(0.2)
        sock.close()
        return
    got, how = read_all(sock, wait)
    print("client: got", got[:7].hex(), how)
    sock.close()


def canned():
    """A health check that sends what was recorded once, and is content with any answer."""
    hello = record(22, client_hello(), 0x0301)
    for _ in range(5):
        with socket.create_connection((HOST, port)) as sock:
            sock.sendall(hello)
            print("client: got", sock.recv(65536)[:7].hex(), "and left")
        time.sleep(0.3)


if role == "server":
    serve()
elif mode == "canned":
    canned()
else:
    connect()
