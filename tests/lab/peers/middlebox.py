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
delay MS       that much more each way
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
fired = cut = False
queue = []


def handle(side, packet):
    """The packets to send in place of this one, as (to side, bytes)."""
    global fired, cut
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
    if cut and side == rest[0]:
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
    if mode == "cut" and data and side == rest[0] and count[side] == int(rest[1]):
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
            for to, out in handle(side, packet):
                queue.append((time.monotonic() + delay, to, out))
    while queue and queue[0][0] <= time.monotonic():
        _, to, out = queue.pop(0)
        links[to].send(out)
