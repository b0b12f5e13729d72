// SPDX-License-Identifier: Apache-2.0
// The handshake as a sequence diagram: time and frame on the left, an arrow for
// each message between two lifelines, its size and what is odd on the right.
import { el, svg, lasting } from './dom.js';

const WIDTH = 860;
const CLIENT = 226;
const SERVER = 640;
const ROW = 30;
const PAUSE_US = 1e6; // a longer wait is drawn
const TCP = new Set(['SYN', 'SYN-ACK', 'SYN/ACK', 'SYN+ACK', 'close', 'reset', 'FIN', 'RST']);

const short = (s, n) => (s.length > n ? `${s.slice(0, n - 1)}…` : s);

function arrow(side, y, end) {
  const from = side === 0 ? CLIENT + 4 : SERVER - 4;
  const to = side === 0 ? SERVER - 4 : CLIENT + 4;
  const d = side === 0 ? -1 : 1;
  const parts = [
    svg('line', { class: 'arrow', x1: from, x2: to + d * 7, y1: y, y2: y }),
    svg('path', { class: 'head', d: `M${to} ${y} l${d * 10} -5 v10 z` }),
  ];
  if (end) parts.push(svg('text', { x: to - d * 14, y: y + 5, class: 'what', 'text-anchor': 'middle' }, '✗'));
  return parts;
}

const label = (attributes, text, max) =>
  svg('text', attributes, short(text, max), text.length > max && svg('title', null, text));

export function ladder(model, details, clientName, serverName) {
  const events = details.ev || [];
  const groups = [];
  let y = 64;
  let before = null;
  events.forEach((e, at) => {
    const [what, side, time, size, frame, note] = e;
    const name = model.value(what) || '';
    const end = at === details.end;
    if (before !== null && time - before > PAUSE_US) {
      groups.push(svg('g', null,
        svg('line', { class: 'pause', x1: CLIENT, x2: SERVER, y1: y - 8, y2: y - 8 }),
        svg('text', { class: 'dim', x: (CLIENT + SERVER) / 2, y: y - 12, 'text-anchor': 'middle' }, `${lasting(time - before)} later`)));
      y += ROW - 6;
    }
    before = time;
    const remark = [size ? `${size} B` : '', note ? model.value(note) : ''].filter(Boolean).join(' · ');
    groups.push(svg('g', { class: `${end ? 'end' : ''} ${TCP.has(name) ? 'tcp' : ''}` },
      svg('text', { class: 'dim', x: 76, y: y + 4, 'text-anchor': 'end' }, `+${lasting(Math.max(0, time))}`),
      frame ? svg('text', { class: 'dim', x: 140, y: y + 4, 'text-anchor': 'end' }, `#${frame}`) : null,
      side < 2 ? arrow(side, y, end) : svg('line', { class: 'pause', x1: CLIENT, x2: SERVER, y1: y, y2: y }),
      label({ class: 'what', x: (CLIENT + SERVER) / 2, y: y - 6, 'text-anchor': 'middle' }, name, 58),
      label({ class: 'dim', x: SERVER + 32, y: y + 4 }, remark, 34)));
    y += ROW;
  });
  if (details.silence !== undefined) {
    groups.push(svg('g', { class: 'end' },
      svg('line', { class: 'pause', x1: CLIENT, x2: SERVER, y1: y, y2: y }),
      svg('text', { class: 'what', x: (CLIENT + SERVER) / 2, y: y - 6, 'text-anchor': 'middle' }, `silence, over ${lasting(details.silence * 1000)} ✗`)));
    y += ROW;
  }
  const drawing = svg('svg', { class: 'ladder', viewBox: `0 0 ${WIDTH} ${y}`, role: 'img',
    'aria-label': `Sequence of ${events.length} messages; the same as a table below` },
    svg('text', { class: 'dim', x: 76, y: 18, 'text-anchor': 'end' }, 'time'),
    svg('text', { class: 'dim', x: 140, y: 18, 'text-anchor': 'end' }, 'frame'),
    label({ class: 'pole', x: CLIENT, y: 18, 'text-anchor': 'middle' }, 'client', 20),
    label({ class: 'dim', x: CLIENT, y: 34, 'text-anchor': 'middle' }, clientName, 30),
    label({ class: 'pole', x: SERVER, y: 18, 'text-anchor': 'middle' }, 'server', 20),
    label({ class: 'dim', x: SERVER, y: 34, 'text-anchor': 'middle' }, serverName, 44),
    svg('line', { class: 'life', x1: CLIENT, x2: CLIENT, y1: 42, y2: y - 10 }),
    svg('line', { class: 'life', x1: SERVER, x2: SERVER, y1: 42, y2: y - 10 }),
    groups);
  const lines = events.map(([what, side, time, size, frame, note], at) => el('tr', null,
    el('td', null, `+${lasting(Math.max(0, time))}`), el('td', null, frame || ''),
    el('td', null, ['client', 'server'][side] || ''), el('td', null, model.value(what) || '', at === details.end ? ' (ended it)' : ''),
    el('td', null, size || ''), el('td', null, note ? model.value(note) : '')));
  return el('div', null, el('div', { class: 'scrolls', tabindex: 0, role: 'group', 'aria-label': 'Sequence diagram' }, drawing),
    details.lost ? el('p', { class: 'muted small' }, `${details.lost} later events are not shown.`) : null,
    el('details', null, el('summary', null, 'As a table'),
      el('table', { class: 'grid2' },
        el('thead', null, el('tr', null, ['Time', 'Frame', 'From', 'What', 'Bytes', 'Note'].map((h) => el('th', { scope: 'col' }, h)))),
        el('tbody', null, lines))));
}
