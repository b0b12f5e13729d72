// SPDX-License-Identifier: Apache-2.0
// One connection in full, in a dialog.
import { el, byId, say, withCopy, bytes, clock, lasting, count, several } from './dom.js';
import { KINDS, SUCCESS, FAILURE } from './model.js';
import { ladder } from './ladder.js';
import { chain } from './chain.js';

const CONFIDENCE = ['', 'possible', 'likely', 'certain'];
const plain = (slug) => slug.replace(/_/g, ' ');
const sentence = (s) => (s ? s[0].toUpperCase() + s.slice(1) : '');

function section(title, ...content) {
  return el('section', null, el('h3', null, title), ...content);
}

const points = (model, list) => el('ul', { class: 'points' }, list.map((v) => el('li', null, sentence(model.value(v) || ''))));

// ---- both offers ----

const same = (a, b) => a === b;

function codes(list, shared) {
  if (!list || !list.length) return el('span', { class: 'muted' }, '–');
  const chip = (c) => el('li', { class: shared.has(c) ? 'shared' : null }, shared.has(c) ? `✓ ${c}` : c);
  const first = list.slice(0, 24);
  // What is shared is always in sight.
  const late = list.slice(24).filter((c) => shared.has(c));
  const rest = list.slice(24).filter((c) => !shared.has(c));
  return [el('ul', { class: 'codes' }, first.concat(late).map(chip)),
    rest.length ? el('details', null, el('summary', null, `${rest.length} more`), el('ul', { class: 'codes' }, rest.map(chip))) : null];
}

// What the same server agreed to with others in this report.
function elsewhere(model, row) {
  const seen = { v: new Map(), c: new Map(), g: new Map() };
  const address = model.serverAddress(row);
  const sameServer = new Map();
  for (let i = 0; i < model.n; i++) {
    if (i === row || !model.negotiated[i]) continue;
    let is = sameServer.get(model.server[i]);
    if (is === undefined) sameServer.set(model.server[i], is = same(model.serverAddress(i), address));
    if (!is) continue;
    const n = model.value(model.negotiated[i]);
    for (const key of ['v', 'c', 'g']) if (n[key]) seen[key].set(n[key], true);
  }
  return seen;
}

function offers(model, d, row) {
  const client = model.value(d.of);
  const server = model.value(d.ch) || {};
  if (!client && !d.ch) return null;
  const others = elsewhere(model, row);
  const asList = (x) => (x ? [x] : []);
  const lines = [
    ['Version', client && client.v, asList(server.v), [...others.v.keys()], client && client.max ? ' and lower' : ''],
    ['Cipher suite', client && client.c, asList(server.c), [...others.c.keys()]],
    ['Group', client && client.g, asList(server.g).concat(asList(server.retry).filter((g) => g !== server.g)), [...others.g.keys()]],
    ['Signature', client && client.s, asList(server.s), []],
    ['ALPN', client && client.a, asList(server.a), []],
    ['Extensions', client && client.x, server.x, []],
    server.asks ? ['Client certificate', null, server.cs || [], []] : null,
  ].filter((l) => l && ((l[1] && l[1].length) || (l[2] && l[2].length)));
  const shown = lines.map(([title, ours, theirs, known, more]) => {
    const theirSet = new Set((theirs || []).concat(known));
    const ourSet = new Set(ours || []);
    const shared = new Set([...ourSet].filter((c) => theirSet.has(c)));
    const extra = known.filter((c) => !(theirs || []).includes(c));
    return el('tr', null, el('th', { scope: 'row' }, title),
      el('td', { 'data-side': 'Client offers' }, title === 'Client certificate' ? '' : codes(ours, shared), more && ours ? el('span', { class: 'muted small' }, more) : null),
      el('td', { 'data-side': 'Server chose' }, title === 'Client certificate' ? el('p', { class: 'small' }, 'asked for, with') : null, codes(theirs, shared),
        extra.length ? el('div', null, el('p', { class: 'muted small' }, 'agreed to with others in this report:'), codes(extra, shared)) : null));
  });
  const notes = [
    client && client.why ? `The ClientHello is malformed: ${client.why}.` : null,
    server.why ? `The ServerHello is malformed: ${server.why}.` : null,
    server.dh ? `The server’s Diffie-Hellman prime has ${server.dh} bits.` : null,
    server.retry ? `The server asked for a second ClientHello with a key share for ${server.retry}.` : null,
    !server.v ? 'The server sent no ServerHello: what it would accept is known only from other connections.' : null,
  ].filter(Boolean);
  return section('Both offers',
    el('p', { class: 'muted small' }, '✓ marks what both sides have in common, as far as it was seen.'),
    el('table', { class: 'grid2 offers' }, el('colgroup', null, el('col'), el('col'), el('col')),
      el('thead', null, el('tr', null, el('td'), el('th', { scope: 'col' }, 'Client offers'), el('th', { scope: 'col' }, 'Server chose'))),
      el('tbody', null, shown)),
    notes.length ? el('ul', { class: 'points small' }, notes.map((n) => el('li', null, n))) : null);
}

function hiddenCertificates(model, d, row) {
  const version = (model.value(model.negotiated[row]) || {}).v || '';
  if (d.sc || !version.endsWith('1.3')) return null;
  return section('Server certificates',
    el('p', { class: 'muted' }, 'TLS 1.3 encrypts them. With the session’s secrets (--keylog) they are shown here.'));
}

// ---- Wireshark ----

const quoted = (ip) => (ip.includes(':') ? 'ipv6.addr' : 'ip.addr');

function filters(model, d, row) {
  const s = model.value(model.server[row]) || {};
  const client = model.clientHost(row);
  const [first, last, decisive] = d.fr || [0, 0, 0];
  const port = s.u ? 'udp.port' : 'tcp.port';
  const list = [];
  if (decisive) list.push(['Decisive frame', `frame.number == ${decisive}`]);
  if (first) list.push(['All its frames', `frame.number >= ${first} && frame.number <= ${last}${client ? ` && ${port} == ${model.port[row]}` : ''}`]);
  if (client && s.h) list.push(['The connection', `${quoted(client)} == ${client} && ${quoted(s.h)} == ${s.h} && ${port} == ${model.port[row]} && ${port} == ${s.p}`]);
  if (!list.length) return null;
  return section('Wireshark display filters',
    d.file ? el('p', { class: 'muted small' }, 'Frame numbers are those of ', el('code', null, model.value(d.file))) : null,
    list.map(([what, filter]) => el('div', null, el('p', { class: 'small muted' }, what),
      withCopy(el('pre', null, filter), filter, `filter: ${what}`))));
}

// ---- the whole ----

function verdict(model, d, row) {
  const parts = [];
  if (d.e) parts.push(section('Evidence', points(model, d.e)));
  if (d.f) {
    const side = model.value(model.side[row]);
    const where = side === 'network' ? 'path' : side;
    parts.push(section('Fix', el('div', { class: 'fixbox' },
      side ? el('p', null, el('strong', null, `Look at the ${where} first.`)) : null,
      d.f.map((v) => withCopy(el('div', null, model.value(v)), model.value(v), 'fix')))));
  }
  if (d.try) parts.push(section('Reproduce', d.try.map((v) => withCopy(el('pre', null, model.value(v)), model.value(v), 'command'))));
  return parts;
}

function rest(model, d) {
  const parts = [];
  if (d.alt) {
    parts.push(section('What else it could be', el('ul', { class: 'points' }, d.alt.map(([slug, text, confidence]) =>
      el('li', null, sentence(model.value(text)) || plain(model.value(slug)), ' ', el('span', { class: 'tag' }, `${CONFIDENCE[confidence]}: ${model.value(slug)}`))))));
  }
  if (d.as) {
    parts.push(section('What people and logs see', el('dl', { class: 'kv' }, d.as.map(([viewer, text]) =>
      [el('dt', null, model.value(viewer)), el('dd', null, model.value(text) || '')]))));
  }
  if (d.insp) {
    parts.push(section('TLS inspection', el('p', null, sentence(model.value(d.insp.v)), d.insp.p ? `: ${model.value(d.insp.p)}` : ''),
      d.insp.e ? points(model, d.insp.e) : null));
  }
  if (d.blind) parts.push(section('What the capture lacks', points(model, d.blind)));
  return parts;
}

function facts(model, d, row) {
  const n = d.n || [0, 0, 0, 0];
  const entries = [
    ['Time', `${clock(model.time[row], 6)} UTC`], ['Duration', lasting(model.took[row])],
    ['Client sent', `${bytes(n[0])} in ${several(n[1], 'packet')}`], ['Server sent', `${bytes(n[2])} in ${several(n[3], 'packet')}`],
    ['Last step reached', plain(model.value(d.st) || '')], ['Reached by', d.car ? model.value(d.car) : null],
    ['Application', d.app ? model.value(d.app) : null], ['Interface', d.iface ? model.value(d.iface) : null],
    ['JA4', d.ja4 ? model.value(d.ja4) : null], ['JA3', d.ja3 ? model.value(d.ja3) : null],
    ['Community ID', d.cid ? model.value(d.cid) : null],
  ].filter(([, v]) => v);
  return section('Connection', el('dl', { class: 'kv' }, entries.map(([k, v]) => [el('dt', null, k), el('dd', null, v)])));
}

function simple(model, row) {
  const n = model.value(model.negotiated[row]) || {};
  return section('Connection', el('dl', { class: 'kv' }, [['Time', `${clock(model.time[row], 6)} UTC`],
    ['Duration', lasting(model.took[row])], ['Version', n.v], ['Cipher suite', n.c], ['Group', n.g], ['Resumed', n.r ? 'yes' : null]]
    .filter(([, v]) => v).map(([k, v]) => [el('dt', null, k), el('dd', null, v)])),
  model.kind[row] === SUCCESS ? null : el('p', { class: 'muted' }, 'The details of this connection were left out of the report.'));
}

function head(model, row, d) {
  const cause = model.value(model.cause[row]);
  const kind = KINDS[model.kind[row]];
  const reason = d && d.r ? model.value(d.r) : cause ? cause.t : kind === 'success' ? 'the handshake succeeded' : `the outcome is ${kind}`;
  const name = (model.value(model.server[row]) || {}).n;
  const alert = model.alertOf(model.ending[row]);
  const ended = model.endingText(row);
  return [
    el('p', { class: 'muted path' }, `${clock(model.time[row])} UTC · ${model.clientAddress(row)} → ${model.serverAddress(row)}${name ? ` (${name})` : ''}`),
    el('h2', { id: 'detail-title' }, sentence(reason)),
    el('div', { class: 'tags' },
      el('span', { class: `tag ${model.kind[row] === FAILURE ? 'bad' : model.kind[row] === SUCCESS ? 'good' : 'warn'}` }, kind),
      cause ? el('span', { class: 'tag bad' }, cause.s) : null,
      model.confidence[row] ? el('span', { class: 'tag' }, CONFIDENCE[model.confidence[row]]) : null,
      alert || ended ? el('span', { class: 'tag' }, alert ? alert.replace(/^(?!encrypted)/, 'alert ') : `ended: ${ended}`) : null),
  ];
}

export class Detail {
  // rows(): those in the table, in its order
  constructor(model, rows, onClose) {
    Object.assign(this, { model, rows, onClose, row: -1, dialog: byId('detail') });
    this.dialog.addEventListener('close', () => {
      document.body.classList.remove('opened');
      onClose(this.row);
    });
    // On paper nothing can be unfolded.
    let folded = [];
    window.addEventListener('beforeprint', () => {
      folded = [...this.dialog.querySelectorAll('details:not([open])')];
      folded.forEach((d) => { d.open = true; });
    });
    window.addEventListener('afterprint', () => folded.forEach((d) => { d.open = false; }));
    this.dialog.addEventListener('click', (e) => { if (e.target === this.dialog) this.dialog.close(); });
    this.dialog.addEventListener('keydown', (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      if (e.key === 'j') this.step(1);
      if (e.key === 'k') this.step(-1);
    });
  }

  step(by) {
    const rows = this.rows();
    const next = rows[rows.indexOf(this.row) + by];
    if (next !== undefined) this.open(next);
  }

  open(row) {
    const { model, dialog } = this;
    const d = model.details[row];
    const rows = this.rows();
    const at = rows.indexOf(row);
    const cause = (model.value(model.cause[row]) || {}).s || '';
    const context = { seconds: model.time[row] / 1e6, cause };
    const name = (model.value(model.server[row]) || {}).n;
    const button = (text, label, handler, off) => el('button', { type: 'button', 'aria-label': label, disabled: off, on: { click: handler } }, text);
    this.row = row;
    dialog.replaceChildren(
      el('div', { class: 'bar' }, el('span', { class: 'muted small where' }, at < 0 ? '' : `${count(at + 1)} of ${count(rows.length)}`),
        button('‹ Previous', 'Previous connection', () => this.step(-1), at <= 0),
        button('Next ›', 'Next connection', () => this.step(1), at < 0 || at + 1 >= rows.length),
        button('Print', 'Print this connection', () => window.print()),
        button('Close', 'Close', () => dialog.close())),
      ...head(model, row, d),
      ...(d ? [
        ...verdict(model, d, row),
        d.ev || d.silence !== undefined ? section('What happened', ladder(model, d, `${model.clientHost(row)}:${model.port[row]}`, model.serverAddress(row))) : '',
        offers(model, d, row) || '',
        d.sc ? section('Server certificates', chain(model, d.sc, { ...context, name, ours: /^server_cert|^interception/.test(cause) })) : '',
        hiddenCertificates(model, d, row) || '',
        d.cc ? section('Client certificates', chain(model, d.cc, { ...context, ours: /^client_cert/.test(cause) })) : '',
        ...rest(model, d), filters(model, d, row) || '', facts(model, d, row),
      ] : [simple(model, row)]));
    document.body.classList.add('opened');
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    say(`Connection ${at + 1} of ${rows.length}`);
  }
}
