// SPDX-License-Identifier: Apache-2.0
// Puts the page together: totals, breakdown, chart, table; holds the filter.
import { el, byId, say, count, several, bytes, clock, withCopy } from './dom.js';
import { load, KINDS, FAILURE } from './model.js';
import { Chart } from './chart.js';
import { Table } from './table.js';
import { Detail } from './detail.js';

const FACET_LINES = 8;
const PAUSE_MS = 150; // in typing, before what is above the table follows

// ---- theme ----

function theme(onChange) {
  const root = document.documentElement;
  const wanted = matchMedia('(prefers-color-scheme: dark)');
  let chosen = null; // by hand
  const apply = () => {
    const dark = chosen === null ? wanted.matches : chosen;
    root.dataset.theme = dark ? 'dark' : 'light';
    byId('theme').textContent = dark ? 'Light' : 'Dark';
    byId('theme').setAttribute('aria-label', dark ? 'Use light colours' : 'Use dark colours');
    byId('theme').setAttribute('aria-pressed', String(dark));
    onChange();
  };
  byId('theme').addEventListener('click', () => { chosen = root.dataset.theme !== 'dark'; apply(); });
  wanted.addEventListener('change', apply);
  // Paper is white.
  let before = null;
  window.addEventListener('beforeprint', () => { before = root.dataset.theme; root.dataset.theme = 'light'; onChange(true); });
  window.addEventListener('afterprint', () => { root.dataset.theme = before; onChange(); });
  apply();
}

// ---- what is above the table ----

function totals(model) {
  const t = model.doc.totals;
  const percent = t.tls ? (100 * t.failed) / t.tls : 0;
  const tile = (name, n, kind) => el('div', { class: kind || '' }, el('dt', null, name), el('dd', null, count(n)));
  byId('totals').replaceChildren(...[
    tile('TLS connections', t.tls), tile('failed', t.failed, t.failed ? 'bad' : 'good'), tile('succeeded', t.succeeded, 'good'),
    t.unknown ? tile('unknown outcome', t.unknown) : null, t.benign ? tile('harmless endings', t.benign) : null,
    t.left ? tile('succeeded, but left at once', t.left) : null,
    tile('packets captured', t.packets), t.dropped + t.dropped_interface ? tile('packets dropped', t.dropped + t.dropped_interface, 'warn') : null,
    t.evicted ? tile('flows evicted', t.evicted, 'warn') : null,
  ].filter(Boolean));
  const top = model.tally(model.facets[0], Array.from({ length: model.n }, (_, i) => i))[0];
  byId('headline').replaceChildren(
    t.failed ? el('strong', null, `${count(t.failed)} of ${several(t.tls, 'TLS handshake')} failed`) : el('strong', null, t.tls ? 'No TLS handshake failed' : 'No TLS handshake was seen'),
    t.failed ? ` (${percent.toFixed(percent < 10 ? 1 : 0)} %)` : '', '.',
    top ? ` Most often: ${(model.doc.items && model.causeText(top.id)) || model.facets[0].labels[top.id]} (${count(top.n)}).` : '');
  const known = t.first > 0 && t.last >= t.first;
  byId('span').textContent = [known ? `${clock(t.first, 0)} to ${clock(t.last, 0)} UTC` : '',
    t.bytes ? bytes(t.bytes) : '', `${t.live ? 'captured live' : 'from captures'}`].filter(Boolean).join(' · ');
}

function notices(model) {
  const { left, totals: t } = model.doc;
  const list = [];
  if (left.details) list.push(`${several(left.details, 'failure')} listed without details, to keep this report small.`);
  if (left.failures) list.push(`${several(left.failures, 'more failure')} counted in the totals but not listed: the report reached its limit.`);
  if (left.rows) list.push(`${several(left.rows, 'more connection')} that did not fail counted but not listed.`);
  if (t.benign && !model.doc.all) list.push(`${several(t.benign, 'harmless ending')} (a client that changed its mind, a probe) counted but not listed: -a lists all connections.`);
  if (t.dropped + t.dropped_interface) list.push(`${several(t.dropped + t.dropped_interface, 'packet')} dropped while capturing: some verdicts may lack what these would have shown.`);
  if (t.cut) list.push(`${several(t.cut, 'packet')} cut by the snapshot length: capture them whole.`);
  if (t.evicted) list.push(`${several(t.evicted, 'connection')} given up to stay within the memory limit.`);
  if (t.limited) list.push(`A limit of the analysis was reached in ${several(t.limited, 'connection')}.`);
  byId('notices').replaceChildren(...list.map((text) => el('li', null, text)));
}

function stories(model) {
  const list = model.doc.stories || [];
  byId('stories').hidden = !list.length;
  byId('storylist').replaceChildren(...list.map((s) => {
    const more = (names, n) => names.join(', ') + (n > names.length ? ` and ${count(n - names.length)} more` : '');
    const names = s.names || [];
    return el('div', { class: 'story' },
      el('p', null, el('span', { class: `tag ${s.verdict === 'detected' ? 'bad' : 'warn'}` }, s.verdict), ' ',
        el('strong', null, s.product || s.issuer), s.product ? ` (issuer ${s.issuer})` : '',
        s.outer ? ` made ${several(s.handshakes, 'handshake')} in the place of browsers: it asks for what only they ask for, with a ClientHello that none of them sends`
          : [` answered ${several(s.handshakes, 'handshake')} of ${several(s.clients, 'client')} with its own certificates; `,
            s.broken ? el('strong', null, `${count(s.broken)} failed because the client does not trust it`) : 'none failed for lack of trust'],
        s.since > 0 ? `. Since ${clock(s.since, 0)} UTC.` : '.'),
      names.length ? el('p', { class: 'muted small' }, `Servers: ${more(names, s.servers)}${s.more ? ', and others' : ''}`) : null,
      s.open && s.open.length ? el('p', { class: 'muted small' }, `Left alone for the same clients: ${s.open.join(', ')}`) : null);
  }));
  const fixes = model.doc.remedies || [];
  if (!fixes.length) return;
  const box = el('details', null, el('summary', null, 'What mends it: where each kind of client looks for roots'),
    el('div', { class: 'fixbox' }, fixes.map((v) => withCopy(el('div', null, v), v, 'fix'))));
  window.addEventListener('beforeprint', () => { box.open = true; });
  byId('storylist').append(box);
}

// ---- the whole ----

function start() {
  const model = load(byId('data').textContent);
  const filter = { query: '', kinds: new Set([0, 1, 2, 3]), facets: {}, from: -Infinity, to: Infinity };
  const sort = { key: 'time', down: false };
  let rows = [];

  model.causeText = (id) => {
    for (let i = 0; i < model.n; i++) if (model.facets[0].of[i] === id) return (model.value(model.cause[i]) || {}).t;
    return null;
  };

  const table = new Table(model, (row) => { detail.open(row); }, (key) => {
    sort.down = sort.key === key ? !sort.down : key === 'took';
    sort.key = key;
    update(false);
  });
  const detail = new Detail(model, () => rows, (row) => {
    const at = rows.indexOf(row);
    if (at >= 0) table.moveTo(at);
  });
  const chart = new Chart(model, (from, to) => { Object.assign(filter, { from, to }); update(true); });

  const toggle = (key, id) => {
    if (filter.facets[key] === id) delete filter.facets[key];
    else filter.facets[key] = id;
    update(true);
  };

  function facetCards() {
    const cards = model.facets.map((f) => {
      const list = model.tally(f, rows);
      if (!list.length) return null;
      const most = list[0].n;
      const note = f.all && !model.doc.all ? ' of the failed' : '';
      const items = list.slice(0, FACET_LINES).map(({ id, n }) => {
        const bar = el('span', { class: 'fill', 'aria-hidden': 'true' });
        bar.style.width = `${(100 * n) / most}%`;
        return el('li', null, el('button', { type: 'button', 'aria-pressed': String(filter.facets[f.key] === id), 'data-facet': f.key, title: f.labels[id],
          on: { click: () => toggle(f.key, id) } }, bar, el('span', { class: 'name' }, f.labels[id]), el('span', { class: 'count' }, count(n))));
      });
      const rest = list.length - items.length;
      return el('section', { class: 'card facet', 'aria-label': f.title }, el('h2', null, f.title + note), el('ol', null, items),
        rest > 0 ? el('p', { class: 'muted small' }, `and ${count(rest)} more`) : null);
    });
    byId('facets').replaceChildren(...cards.filter(Boolean));
  }

  function chips() {
    const chip = (text, off) => el('button', { type: 'button', 'aria-label': `Remove filter ${text}`, on: { click: () => { off(); update(true); } } }, `${text} ✕`);
    const list = model.facets.filter((f) => filter.facets[f.key] !== undefined)
      .map((f) => chip(`${f.key}: ${f.labels[filter.facets[f.key]]}`, () => { delete filter.facets[f.key]; }));
    if (filter.from > -Infinity) {
      list.push(chip(`${clock(filter.from, 0).slice(5)} to ${clock(filter.to, 0).slice(5)}`, () => { filter.from = -Infinity; filter.to = Infinity; }));
    }
    byId('chips').replaceChildren(...list);
  }

  function kinds() {
    const present = [0, 1, 2, 3].filter((k) => model.kind.includes(k));
    byId('kinds').replaceChildren(...(present.length < 2 ? [] : present.map((k) => el('button', { type: 'button', 'aria-pressed': String(filter.kinds.has(k)),
      on: { click: () => {
        if (filter.kinds.has(k)) filter.kinds.delete(k); else filter.kinds.add(k);
        kinds();
        update(true);
      } } }, k === FAILURE ? 'failed' : KINDS[k]))));
  }

  // What is above the table may wait while somebody types.
  let later = 0;
  function update(above, typing) {
    rows = model.select(filter);
    if (sort.key !== 'time' || sort.down) model.sort(rows, sort.key, sort.down);
    table.show(rows, sort);
    byId('shown').textContent = rows.length === model.n ? `${count(model.n)} listed` : `${count(rows.length)} of ${count(model.n)} listed`;
    if (!above) return;
    clearTimeout(later);
    later = setTimeout(() => { chips(); facetCards(); chart.draw(rows); }, typing ? PAUSE_MS : 0);
  }

  totals(model);
  notices(model);
  stories(model);
  kinds();
  byId('foot').textContent = `Made by tlswhy ${model.doc.version}. This page loads nothing and sends nothing.`;
  byId('search').addEventListener('input', (e) => { filter.query = e.target.value; update(true, true); });
  byId('print').addEventListener('click', () => window.print());
  document.addEventListener('keydown', (e) => {
    if (e.key === '/' && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName) && !byId('detail').open) {
      e.preventDefault();
      byId('search').focus();
    }
  });
  theme((onPaper) => { chart.onPaper = onPaper === true; chart.draw(rows); });
  update(true);
  setTimeout(() => model.matching(''), 300); // what is searched is ready before the first key
  say('The report is ready');
}

try {
  start();
} catch (error) {
  byId('trouble').textContent = `This report can't be shown; the file may be incomplete (${error.message}).`;
  byId('trouble').hidden = false;
}
