// SPDX-License-Identifier: Apache-2.0
// A capture with many connections: those of pcaps/ again and again, with other
// addresses and times. The same arguments give the same bytes.
//
//   node many.mjs PCAPS OUT CONNECTIONS FAILED
import { openSync, readFileSync, readdirSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';

const [, , pcaps, out, total, failed] = process.argv;
const LARGEST = 9000;

// The frames of one capture: IPv4 and TCP over Ethernet, one connection; else null.
function read(file) {
  const all = readFileSync(file);
  if (all.length > LARGEST || all.readUInt32LE(0) !== 0xa1b2c3d4 || all.readUInt32LE(20) !== 1) return null;
  const frames = [];
  const ports = new Set();
  for (let at = 24; at + 16 <= all.length;) {
    const n = all.readUInt32LE(at + 8);
    const frame = all.subarray(at + 16, at + 16 + n);
    if (n !== all.readUInt32LE(at + 12) || frame.readUInt16BE(12) !== 0x0800 || frame[14] !== 0x45 || frame[23] !== 6) return null;
    ports.add([frame.readUInt16BE(34), frame.readUInt16BE(36)].sort().join());
    frames.push({ time: all.readUInt32LE(at) * 1e6 + all.readUInt32LE(at + 4), frame });
    at += 16 + n;
  }
  return frames.length && ports.size === 1 ? frames : null;
}

// By what the endpoints said.
const outcomes = new Map(readFileSync(join(pcaps, 'truth.tsv'), 'utf8').split('\n').slice(1)
  .map((line) => line.split('\t')).filter((f) => f.length > 3).map((f) => [f[1], f[3]]));
const pick = (outcome) => readdirSync(pcaps).sort().filter((name) => outcomes.get(name) === outcome && !/stall|silence|blind|unanswered/.test(name))
  .map((name) => read(join(pcaps, name))).filter(Boolean);
const good = pick('success').sort((a, b) => a.length - b.length).slice(0, 6);
const bad = pick('failure');

const sum = (buffer, from, to) => {
  let s = 0;
  for (let i = from; i < to; i += 2) s += i + 1 < to ? buffer.readUInt16BE(i) : buffer[i] << 8;
  return s;
};
const fold = (s) => {
  while (s > 0xffff) s = (s & 0xffff) + (s >>> 16);
  return ~s & 0xffff;
};

function checksums(f) {
  const end = 14 + f.readUInt16BE(16);
  f.writeUInt16BE(0, 24);
  f.writeUInt16BE(fold(sum(f, 14, 34)), 24);
  f.writeUInt16BE(0, 50);
  f.writeUInt16BE(fold(sum(f, 26, 34) + 6 + (end - 34) + sum(f, 34, end)), 50);
}

const fd = openSync(out, 'w');
const head = Buffer.alloc(24);
head.writeUInt32LE(0xa1b2c3d4, 0);
head.writeUInt16LE(2, 4);
head.writeUInt16LE(4, 6);
head.writeUInt32LE(262144, 16);
head.writeUInt32LE(1, 20);
writeSync(fd, head);
const every = Math.max(1, Math.round(total / failed));
let parts = [];
for (let i = 0; i < total; i++) {
  const frames = i % every === 0 ? bad[(i / every) % bad.length] : good[i % good.length];
  const start = 1795610000e6 + i * 50000;
  const client = frames[0].frame.readUInt32BE(26);
  const clientNow = 0x0a400000 + (i % 4096);
  const serverNow = 0x0ac80000 + (i * 7) % 300;
  for (const { time, frame } of frames) {
    const f = Buffer.from(frame);
    const fromClient = f.readUInt32BE(26) === client;
    f.writeUInt32BE(fromClient ? clientNow : serverNow, 26);
    f.writeUInt32BE(fromClient ? serverNow : clientNow, 30);
    f.writeUInt16BE(20000 + Math.floor(i / 4096), fromClient ? 34 : 36);
    checksums(f);
    const when = start + time - frames[0].time;
    const h = Buffer.alloc(16);
    h.writeUInt32LE(Math.floor(when / 1e6), 0);
    h.writeUInt32LE(when % 1e6, 4);
    h.writeUInt32LE(f.length, 8);
    h.writeUInt32LE(f.length, 12);
    parts.push(h, f);
  }
  if (parts.length > 4000) {
    writeSync(fd, Buffer.concat(parts));
    parts = [];
  }
}
writeSync(fd, Buffer.concat(parts));
closeSync(fd);
