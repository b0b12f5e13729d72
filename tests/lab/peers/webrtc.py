#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A WebRTC peer (aiortc): STUN, then DTLS, over one UDP port.

usage: webrtc.py server|client HOST PORT [wrong] [CIPHERS]

The descriptions are exchanged over TCP on PORT. `wrong`: the client was told
another fingerprint than that of the server's certificate. CIPHERS, as OpenSSL
names them, are all that this peer has.
"""
import asyncio
import json
import re
import sys

from aiortc import RTCCertificate, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

mode, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
wrong = "wrong" in sys.argv[4:]
ciphers = [word.encode() for word in sys.argv[4:] if word != "wrong"]


async def send(writer, description):
    writer.write(json.dumps([description.type, description.sdp]).encode() + b"\n")
    await writer.drain()


async def receive(reader):
    kind, sdp = json.loads(await reader.readline())
    if wrong:
        sdp = re.sub(r"(sha-256) ..:..", r"\1 00:00", sdp)
    return RTCSessionDescription(sdp, kind)


async def watch(peer):
    for _ in range(80):
        if peer.connectionState in ("connected", "failed", "closed"):
            break
        await asyncio.sleep(0.1)
    print(f"{mode}: {peer.connectionState}, DTLS {peer.sctp.transport.state}")
    await asyncio.sleep(0.5)
    await peer.close()


async def client():
    reader, writer = await asyncio.open_connection(host, port)
    peer = RTCPeerConnection(RTCConfiguration([]))  # no STUN server
    peer.createDataChannel("lab")
    await peer.setLocalDescription(await peer.createOffer())
    await send(writer, peer.localDescription)
    await peer.setRemoteDescription(await receive(reader))
    await watch(peer)


async def server():
    async def serve(reader, writer):
        peer = RTCPeerConnection(RTCConfiguration([]))
        await peer.setRemoteDescription(await receive(reader))
        await peer.setLocalDescription(await peer.createAnswer())
        await send(writer, peer.localDescription)
        await watch(peer)
    listener = await asyncio.start_server(serve, "0.0.0.0", port)
    await listener.serve_forever()


def only(ciphers):
    """aiortc has no setting for that."""
    whole = RTCCertificate._create_ssl_context

    def limited(self):
        context = whole(self)
        context.set_cipher_list(ciphers)
        return context
    RTCCertificate._create_ssl_context = limited


for words in ciphers:
    only(words)
asyncio.run(client() if mode == "client" else server())
