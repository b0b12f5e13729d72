#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the packets of a capture into an encapsulation, as a tap further out
would have seen them: for those that this kernel cannot make itself.

usage: encap.py KIND IN.pcap OUT.pcap

IN is a pcap of Ethernet frames. KIND is a name of KINDS; several joined by `+`
nest, the first one innermost. `twice-KIND` keeps every frame as it was, too, and puts
the encapsulated one 40 microseconds behind it (`twice-mirror`: the same again).
Headers are made by hand from the documents named beside them; checksums of the
outer headers are right.
"""
import struct
import sys

CLIENT, ROUTER = b"\x02\x00\x00\x00\x00\x0a", b"\x02\x00\x00\x00\x00\x0b"
OUTER = {True: (b"\xc0\x00\x02\x0a", b"\xc0\x00\x02\x14"), False: (b"\xc0\x00\x02\x14", b"\xc0\x00\x02\x0a")}
OUTER6 = {d: tuple(b"\x20\x01\x0d\xb8" + b"\0" * 8 + a for a in OUTER[d]) for d in OUTER}
ETHERNET, RAW, PPP, HDLC, WIFI, RADIOTAP, SLL, SLL2, NFLOG, IPNET, NULL, PPPOE_LINK = (
    1, 101, 9, 104, 105, 127, 113, 276, 239, 226, 0, 51)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Packet:
    """A frame: its IP packet, and which way it goes."""
    count = 0

    def __init__(self, frame, forth):
        self.frame, self.forth = frame, forth
        self.type = struct.unpack("!H", frame[12:14])[0]
        self.ip = frame[14:]
        if self.type == 0x0800:  # without the padding of short frames
            self.ip = self.ip[:struct.unpack("!H", self.ip[2:4])[0]]
        Packet.count += 1
        self.number = Packet.count


def ethernet(p, kind, payload):
    ends = (ROUTER, CLIENT) if p.forth else (CLIENT, ROUTER)
    return ends[0] + ends[1] + struct.pack("!H", kind) + payload


def ipv4(p, proto, payload):
    src, dst = OUTER[p.forth]
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), p.number & 0xFFFF, 0, 64, proto, 0) + src + dst
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(p, proto, payload):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, 64) + b"".join(OUTER6[p.forth]) + payload


def over_ip(proto, make):
    return lambda p: (ETHERNET, ethernet(p, 0x0800, ipv4(p, proto, make(p))))


def udp(p, port, payload, source=None):
    return struct.pack("!HHHH", source or 49152 + (0 if p.forth else 1), port, 8 + len(payload), 0) + payload


def over_udp(port, make, source=None):
    return over_ip(17, lambda p: udp(p, port, make(p), source))


def ether(kind, make):
    return lambda p: (ETHERNET, ethernet(p, kind, make(p)))


def ppp(p):
    return struct.pack("!H", 0x21 if p.type == 0x0800 else 0x57) + p.ip


def snap(p):
    return b"\xaa\xaa\x03\x00\x00\x00" + struct.pack("!H", p.type) + p.ip


def wifi(p):
    """IEEE 802.11 section 9.3.2.1: QoS data to, or from, the access point."""
    bssid = b"\x02\x00\x00\x00\x00\xaa"
    addresses = bssid + CLIENT + ROUTER if p.forth else CLIENT + bssid + ROUTER
    return struct.pack("<BBH", 0x88, 1 if p.forth else 2, 44) + addresses + struct.pack(
        "<HH", (p.number & 0xFFF) << 4, 0) + snap(p)


def gtp(p):
    """3GPP TS 29.281: with the PDU session container of 5G (TS 38.415)."""
    rest = b"\0\0\0\x85" + b"\x01" + (b"\x10" if p.forth else b"\x00") + b"\x09\x00"
    return struct.pack("!BBHI", 0x34, 255, len(rest) + len(p.ip), 0x1234 if p.forth else 0x4321) + rest + p.ip


def l2tp(p):
    """RFC 2661: with length; PPP with address and control."""
    rest = struct.pack("!HH", 7, 9) + b"\xff\x03" + ppp(p)
    return struct.pack("!HH", 0x4002, 4 + len(rest)) + rest


def pppoe(p):
    return struct.pack("!BBHH", 0x11, 0, 0x55, len(ppp(p))) + ppp(p)


def erspan2(p):
    return struct.pack("!HHIII", 0x1000, 0x88BE, p.number, 0x1000_0064 | 12 << 16, 0) + p.frame


def erspan3(p):
    return struct.pack("!HHI", 0x1000, 0x22EB, p.number) + struct.pack(
        "!IIHH", 0x2000_0065 | 12 << 16, p.number * 1000, 0, 1) + struct.pack("!II", 0, 0) + p.frame


def nflog(p):
    """linux/netfilter/nfnetlink_log.h: a header attribute, a prefix, the packet."""
    def attribute(kind, data):
        return struct.pack("<HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)
    family = 2 if p.type == 0x0800 else 10
    return NFLOG, struct.pack("!BBH", family, 0, 5) + attribute(
        1, struct.pack("!HBB", p.type, 3, 0)) + attribute(10, b"lab\0") + attribute(9, p.ip)


def geneve(p):
    """RFC 8926 with an option (class 0x0102, type 0x80, 8 bytes)."""
    option = struct.pack("!HBBQ", 0x0102, 0x80, 2, 1)
    return struct.pack("!BBHI", len(option) // 4, 0x40, 0x6558, 77 << 8) + option + p.frame


def fragments(p):
    """Cut in two by a router (RFC 791); the second part comes first."""
    if p.type != 0x0800 or len(p.ip) < 400:
        return [(ETHERNET, p.frame)]
    cut = 20 + (len(p.ip) - 20) // 16 * 8

    def part(first, last, flags):
        field = flags << 13 | (first - 20) // 8
        head = p.ip[:2] + struct.pack("!HHH", 20 + last - first, p.number & 0xFFFF, field) + p.ip[8:10] + b"\0\0" + p.ip[12:20]
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return ETHERNET, ethernet(p, 0x0800, head + p.ip[first:last])
    return [part(cut, len(p.ip), 0), part(20, cut, 1)]


MPLS = [struct.pack("!I", label << 12 | end << 8 | 64) for label, end in ((3001, 0), (17, 1))]
KINDS = {
    "vlan": ether(0x8100, lambda p: struct.pack("!HH", 100, p.type) + p.ip),
    "qinq": ether(0x88A8, lambda p: struct.pack("!HHHH", 200, 0x8100, 100, p.type) + p.ip),
    "mpls": ether(0x8847, lambda p: b"".join(MPLS) + p.ip),
    "pseudowire": ether(0x8847, lambda p: MPLS[1] + b"\0\0\0\0" + p.frame),  # RFC 4448
    "pppoe": ether(0x8864, pppoe),
    "snap": lambda p: (ETHERNET, ethernet(p, len(snap(p)), snap(p))),
    "gre": over_ip(47, lambda p: struct.pack("!HHI", 0x2000, p.type, 42) + p.ip),  # RFC 2890
    "nvgre": over_ip(47, lambda p: struct.pack("!HHI", 0x2000, 0x6558, 42 << 8) + p.frame),  # RFC 7637
    "gre6": lambda p: (ETHERNET, ethernet(p, 0x86DD, ipv6(p, 47, struct.pack("!HH", 0, p.type) + p.ip))),
    "erspan1": over_ip(47, lambda p: struct.pack("!HH", 0, 0x88BE) + p.frame),
    "erspan2": over_ip(47, erspan2),
    "erspan3": over_ip(47, erspan3),
    "ipip": over_ip(4, lambda p: p.ip),
    "6in4": over_ip(41, lambda p: p.ip),
    "4in6": lambda p: (ETHERNET, ethernet(p, 0x86DD, ipv6(p, 4, p.ip))),
    "vxlan": over_udp(4789, lambda p: struct.pack("!II", 0x0800_0000, 99 << 8) + p.frame),
    "gpe": over_udp(4790, lambda p: struct.pack("!II", 0x0C00_0000 | (1 if p.type == 0x0800 else 2), 99 << 8) + p.ip),
    "geneve": over_udp(6081, geneve),
    "gtp": over_udp(2152, gtp, 2152),
    "l2tp": over_udp(1701, l2tp, 1701),
    "teredo": over_udp(3544, lambda p: b"\0\0\x63\xbf\x3f\xff\xfd\xf5" + p.ip),  # RFC 4380 5.1.1: origin
    "lisp": over_udp(4341, lambda p: struct.pack("!II", 0x8000_0001, 0) + p.ip),
    "mplsudp": over_udp(6635, lambda p: MPLS[1] + p.ip),
    "etherip": over_ip(97, lambda p: b"\x30\0" + p.frame),
    "radiotap": lambda p: (RADIOTAP, struct.pack("<BBHIB", 0, 0, 9, 2, 0x10) + wifi(p) + b"\0\0\0\0"),
    "wifi": lambda p: (WIFI, wifi(p)),
    "ppp": lambda p: (PPP, b"\xff\x03" + ppp(p)),
    "hdlc": lambda p: (HDLC, struct.pack("!BBH", 0x0F, 0, p.type) + p.ip),
    "raw": lambda p: (RAW, p.ip),
    "sll": lambda p: (SLL, struct.pack("!HHH", 0 if not p.forth else 4, 1, 6) + CLIENT + b"\0\0" + struct.pack("!H", p.type) + p.ip),
    "nflog": nflog,
    "ipnet": lambda p: (IPNET, struct.pack("!BBHIIIII", 1, 2 if p.type == 0x0800 else 26, 1, len(p.ip), 1, 0, 0, 0) + p.ip),
    "null": lambda p: (NULL, struct.pack("<I", 2 if p.type == 0x0800 else 30) + p.ip),
    "fragments": fragments,
}


def wrap(kind, frame, forth):
    """[(link type, bytes)] of a frame in the nested encapsulations `kind`."""
    for step in kind.split("+"):
        made = KINDS[step](Packet(frame, forth))
        made = made if isinstance(made, list) else [made]
        frame = made[0][1]
    return made


def read(path):
    data = open(path, "rb").read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        sec, frac, n, _ = struct.unpack(order + "4I", data[at:at + 16])
        yield sec, frac, data[at + 16:at + 16 + n]
        at += 16 + n


def main():
    kind, source, target = sys.argv[1:]
    twice = kind.startswith("twice-")
    kind = kind.removeprefix("twice-")
    first, link, out = None, ETHERNET, b""
    for sec, frac, frame in read(source):
        first = first or frame[6:12]
        forth = frame[6:12] == first
        made = [(ETHERNET, frame)] if kind == "mirror" else wrap(kind, frame, forth)
        if twice:
            made = [(ETHERNET, frame)] + made
        for i, (link, data) in enumerate(made):
            out += struct.pack("<4I", sec, frac + 40 * i if frac + 40 * i < 1000000 else 999999, len(data), len(data)) + data
    with open(target, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link) + out)


main()
