#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libcurl with another TLS library: `flavour.py gnutls|nss URL CA [key=value]...`.

Keys: cert, key (PEM files; NSS cannot read them), crl, max (1.2), connect_only, alpn (no)."""
import ctypes
import sys

kind, url, ca = sys.argv[1:4]
opt = dict(word.split("=", 1) for word in sys.argv[4:])
curl = ctypes.CDLL(f"libcurl-{kind}.so.4")
curl.curl_easy_init.restype = ctypes.c_void_p
curl.curl_easy_strerror.restype = ctypes.c_char_p
curl.curl_version.restype = ctypes.c_char_p
handle = ctypes.c_void_p(curl.curl_easy_init())
error = ctypes.create_string_buffer(256)


def text(option, value):
    curl.curl_easy_setopt(handle, option, ctypes.c_char_p(value.encode()))


def number(option, value):
    curl.curl_easy_setopt(handle, option, ctypes.c_long(value))


text(10002, url)
text(10065, ca)
curl.curl_easy_setopt(handle, 10010, error)
number(13, 10)  # seconds
if "cert" in opt:
    text(10025, opt["cert"])
    text(10087, opt["key"])
if "crl" in opt:
    text(10169, opt["crl"])
if opt.get("max") == "1.2":
    number(32, 6 | 6 << 16)
if "connect_only" in opt:
    number(141, 1)
code = curl.curl_easy_perform(handle)
print(f"client: {curl.curl_version().decode().split()[0:2]} ({code}) {error.value.decode() or 'done'}")
curl.curl_easy_cleanup(handle)
