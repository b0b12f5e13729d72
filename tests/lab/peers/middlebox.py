#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A router in user space that does harm: middlebox.py MODE [ARGUMENT].

It forwards IPv4 between the interfaces c (client) and s (server) in place of
the kernel, 5 ms each way, and does one thing more:

rst            at the ClientHello: a forged RST to both ends, the hello dropped
rst_late       forged RST to both ends, the hello passed on
rst_server     at the server's first data, a forged RST to both ends
fin            at the ClientHello: a forged FIN to the client, the hello dropped
flip SIDE N    the Nth data segment from SIDE (client, server) is damaged: a
               bit of its last byte is turned, checksum made right
cut SIDE N     from the Nth data segment of SIDE on, nothing of SIDE passes
lose SIDE N K  the Nth data segment from SIDE is lost K times
gone SIDE N    from the Nth data segment of SIDE on, nothing passes either way
late SIDE MS   data segments of SIDE take that much longer, and the rest overtakes
               them
page           at the ClientHello: an HTTP redirect to the client in the server's
               name, without the options and the flag of the server's segments
delay MS       that much more each way

What follows is injected beside the real packets, all of which pass, so the ends
decide what becomes of it:

fake_hello WHY    before the ClientHello, one with another name
fake_alert WHY    before the server's first data, a fatal alert in its name
fake_rst WHY      before the server's first data, a RST to the client
fake_fin WHY      the same with a FIN

WHY is what is wrong with it: `ttl` (it expires before it arrives), `checksum`,
`sequence` (in the window, not the next byte), `window` (outside of it), `ack`
(acknowledges what was never sent), `nothing` (it is taken for real, but its TTL
and IP ID are not the sender's).
"""
import select
import socket
import struct
import subprocess
import sys
import time

mode, rest = sys.argv[1], sys.argv[2:]
delay = 0.005 + (float(rest[0]) / 1000 if mode == "delay" else 0)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def finish(ip, tcp):
    """IP header and TCP segment with both checksums right."""
    ip = ip[:10] + b"\0\0" + ip[12:]
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    tcp = tcp[:16] + b"\0\0" + tcp[18:]
    pseudo = ip[12:20] + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    return ip + tcp


def forged(source, destination, sport, dport, seq, ack, flags, ttl=50):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0x1234, 0, ttl, 6, 0, source, destination)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 0, 0, 0)
    return finish(ip, tcp)


def alert(code):
    return bytes([0x15, 3, 3, 0, 2, 2, code])


def injected(ip, tcp, flags, data, why, options=None):
    """A packet like this one with other contents, wrong in the way of `why`; with
    other options, if any are given, and then without "don't fragment"."""
    fragment = 0x4000
    if options is not None:
        tcp = tcp[:12] + bytes([(20 + len(options)) << 2]) + tcp[13:20] + options
        fragment = 0
    head = (tcp[12] >> 4) * 4
    seq, ack = struct.unpack("!II", tcp[4:12])
    if why == "sequence":
        seq += 3000
    elif why == "window":
        seq += 1 << 30
    elif why == "ack":
        ack -= 100000
    # "ttl": a hop short of the end on the far side, which the near side sees.
    ttl = {"ttl": 1, "nothing": 50}.get(why, ip[8])
    number = 0x1234 if why in ("ttl", "nothing") else struct.unpack("!H", ip[4:6])[0]
    ip = ip[:2] + struct.pack("!HHHBB", 20 + head + len(data), number, fragment, ttl, 6) + ip[10:20]
    tcp = tcp[:4] + struct.pack("!II", seq & 0xffffffff, ack & 0xffffffff) + tcp[12:13] + bytes([flags]) + tcp[14:head]
    packet = finish(ip, tcp + data)
    if why == "checksum":
        packet = packet[:36] + bytes([packet[36] ^ 0x55]) + packet[37:]
    return packet


def source_of(ip):
    """The header of what comes back."""
    return ip[:12] + ip[16:20] + ip[12:16]


def answer_of(tcp, ack, said=0):
    """The header of what comes back, behind so many bytes."""
    sport, dport, _, seq = struct.unpack("!HHII", tcp[:12])
    return struct.pack("!HHII", dport, sport, (seq + said) & 0xffffffff, ack) + tcp[12:]


class Link:
    def __init__(self, name, peer):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.sock.bind((name, 0x0800))
        self.name, self.peer = name, peer
        self.mac = None

    def find(self):
        """The neighbour's hardware address, by the kernel's ARP."""
        if self.mac is None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.sendto(b"", (self.peer, 9))
            time.sleep(0.1)
            out = subprocess.run(["ip", "neigh", "show", self.peer], capture_output=True, text=True, check=False).stdout
            words = out.split()
            self.mac = bytes.fromhex(words[words.index("lladdr") + 1].replace(":", ""))

    def send(self, packet):
        self.sock.sendto(packet, (self.name, 0x0800, 0, 1, self.mac))


links = {"client": Link("c", "10.1.0.2"), "server": Link("s", "10.2.0.2")}
for link in links.values():
    link.find()
count = {"client": 0, "server": 0}
PAGE = b"HTTP/1.1 302 Found\r\nLocation: http://blocked.example.test/\r\nContent-Length: 0\r\n\r\n"
fired = cut = False
losing = None
lost = 0
queue = []


def handle(side, packet):
    """The packets to send in place of this one, as (to side, bytes)."""
    global fired, cut, losing, lost
    other = "server" if side == "client" else "client"
    head = (packet[0] & 15) * 4
    packet = packet[:struct.unpack("!H", packet[2:4])[0]]
    if packet[9] != 6:
        return [(other, packet)]
    ip, tcp = packet[:head], packet[head:]
    ip = ip[:8] + bytes([ip[8] - 1]) + ip[9:]
    sport, dport, seq, ack = struct.unpack("!HHII", tcp[:12])
    data = tcp[(tcp[12] >> 4) * 4:]
    source, destination = ip[12:16], ip[16:20]
    result = [(other, finish(ip, tcp))]
    if data:
        count[side] += 1
    if cut and (side == rest[0] or mode == "gone"):
        return []
    hello = side == "client" and data[:1] == b"\x16" and data[5:6] == b"\x01"
    end = (seq + len(data)) & 0xffffffff
    to_client = ("client", forged(destination, source, dport, sport, ack, end, 0x14))
    to_server = ("server", forged(source, destination, sport, dport, end, 0, 0x04))
    if hello and not fired and mode in ("rst", "rst_late", "fin"):
        fired = True
        if mode == "rst":
            return [to_client, ("server", forged(source, destination, sport, dport, seq, 0, 0x04))]
        if mode == "rst_late":
            return [to_client] + result + [to_server]
        return [("client", forged(destination, source, dport, sport, ack, end, 0x11))]
    if mode == "fake_hello" and hello and not fired:
        fired = True
        other_name = data.replace(b"www.example.test", b"www.example.info")
        return [(other, injected(ip, tcp, 0x18, other_name, rest[0]))] + result
    if mode in ("fake_alert", "fake_rst", "fake_fin") and side == "server" and data and not fired:
        fired = True
        flags = {"fake_alert": 0x18, "fake_rst": 0x14, "fake_fin": 0x11}[mode]
        forged_data = alert(40) if mode == "fake_alert" else b""
        return [(other, injected(ip, tcp, flags, forged_data, rest[0]))] + result
    if mode == "rst_server" and side == "server" and data and not fired:
        fired = True
        return [("client", forged(source, destination, sport, dport, seq, ack, 0x14)),
                ("server", forged(destination, source, dport, sport, ack, 0, 0x04))]
    if mode == "flip" and data and side == rest[0] and count[side] == int(rest[1]) and not fired:
        fired = True
        place = int(rest[2]) if len(rest) > 2 else len(tcp) - 1
        if place < 0:
            place += len(tcp)
        tcp = tcp[:place] + bytes([tcp[place] ^ 1]) + tcp[place + 1:]
        return [(other, finish(ip, tcp))]
    if mode == "lose" and data and side == rest[0]:
        if count[side] == int(rest[1]):
            losing = seq
        if seq == losing and lost < int(rest[2]):
            lost += 1
            return []
    if mode == "late" and data and side == rest[0]:
        return [(other, result[0][1], float(rest[1]) / 1000)]
    if mode == "page" and (hello or fired) and side == "client":
        # What the client says to the page stays here.
        page = injected(source_of(ip), answer_of(tcp, end), 0x18, PAGE, "nothing", b"")
        close = injected(source_of(ip), answer_of(tcp, end, len(PAGE)), 0x11, b"", "nothing", b"")
        again, fired = fired, True
        return [] if again else [("client", page), ("client", close)]
    if mode in ("cut", "gone") and data and side == rest[0] and count[side] == int(rest[1]):
        cut = True
        return []
    return result


while True:
    timeout = max(0, queue[0][0] - time.monotonic()) if queue else None
    ready, _, _ = select.select([l.sock for l in links.values()], [], [], timeout)
    for side, link in links.items():
        if link.sock in ready:
            packet, address = link.sock.recvfrom(65536)
            if address[2] == socket.PACKET_OUTGOING or packet[16:19] == packet[12:15]:
                continue
            for to, out, *more in handle(side, packet):
                queue.append((time.monotonic() + delay + sum(more), to, out))
            queue.sort(key=lambda entry: entry[0])
    while queue and queue[0][0] <= time.monotonic():
        _, to, out = queue.pop(0)
        links[to].send(out)
