#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of Python's standard library that ask for TLS in the middle of
another protocol, and two openings by hand.

usage: starttls.py smtp|lmtp|imap|pop3|ftp|nntp|irc|amqp|inject HOST PORT CA

The library's clients leave when TLS is not offered. amqp: the TLS layer of AMQP
1.0. irc: as irssi begins. inject: SMTP with another command in the segment of STARTTLS, as CVE-2011-0411 has it.
"""
import ftplib
import imaplib
import poplib
import smtplib
import socket
import ssl
import sys
import warnings

kind, host, port, ca = sys.argv[1:]
port = int(port)
context = ssl.create_default_context(cafile=ca)
context.maximum_version = ssl.TLSVersion.TLSv1_2


def raw(first, *requests):
    s = socket.create_connection((host, port))
    if first:
        print("client: got", s.recv(1000))
    for request in requests:
        s.sendall(request)
        answer = s.recv(1000)
        print("client: got", answer)
    if request.startswith(b"AMQP") and answer[:5] != b"AMQP\x02":
        sys.exit("client: refused")
    return context.wrap_socket(s, server_hostname=host)


def nntp():
    warnings.simplefilter("ignore")
    import nntplib
    client = nntplib.NNTP(host, port)
    client.starttls(context)
    return client.sock


def lmtp():
    client = smtplib.LMTP(host, port)
    client.starttls(context=context)
    return client.sock


def smtp():
    client = smtplib.SMTP(host, port)
    client.starttls(context=context)
    return client.sock


def imap():
    client = imaplib.IMAP4(host, port)
    client.starttls(context)
    return client.sock


def pop3():
    client = poplib.POP3(host, port)
    client.stls(context)
    return client.sock


def ftp():
    client = ftplib.FTP_TLS(context=context)
    client.connect(host, port)
    client.auth()
    return client.sock


def amqp():
    return raw(False, b"AMQP\x02\x01\x00\x00")


def irc():
    s = socket.create_connection((host, port))
    s.settimeout(8)
    s.sendall(b"CAP LS 302\r\nSTARTTLS\r\n")
    said = b""
    while not any(code in said for code in (b" 670 ", b" 691 ", b" 421 ", b" 451 ")):
        said += s.recv(1000)
    print("client: got", said)
    if b" 670 " not in said:
        s.sendall(b"QUIT\r\n")
        sys.exit("client: refused")
    return context.wrap_socket(s, server_hostname=host)


def inject():
    return raw(True, b"EHLO client.example.test\r\n", b"STARTTLS\r\nRSET\r\n")


try:
    print("client: connected", globals()[kind]().version())
except Exception as e:  # whatever the library makes of it
    print("client:", type(e).__name__, e)
