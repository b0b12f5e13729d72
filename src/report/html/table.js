// SPDX-License-Identifier: Apache-2.0
// The table. Only the rows in sight exist; two spacers stand for the others.
import { el, byId, clock, count, lasting } from './dom.js';
import { KINDS, SUCCESS, FAILURE } from './model.js';

const ROW = 34;
const AROUND = 12; // rows drawn above and below what is in sight
const PRINTED = 500;

const COLUMNS = [
  // The longest cause and an IPv4 address with its port fit.
  ['time', 'Time (UTC)', '154px'], ['kind', 'Outcome', '90px'], ['cause', 'Cause', '276px'], ['server', 'Server', '58%'],
  ['client', 'Client', '166px'], ['version', 'Version', '78px'], ['ending', 'How it ended', '42%'], ['took', 'Took', '76px'],
];

// A long name gives way, its port does not.
function endpoint(text) {
  const [, host, port] = text.match(/^(.*?)(:\d+)?$/s);
  return el('td', { title: text }, el('span', { class: 'end' }, el('span', null, host), port));
}

export class Table {
  constructor(model, onOpen, onSort) {
    Object.assign(this, { model, onOpen, rows: [], focus: 0, box: byId('scroll') });
    this.body = document.querySelector('#table tbody');
    this.above = el('tr', { class: 'space', 'aria-hidden': 'true' }, el('td', { colspan: COLUMNS.length }));
    this.below = el('tr', { class: 'space', 'aria-hidden': 'true' }, el('td', { colspan: COLUMNS.length }));
    this.heads = COLUMNS.map(([key, title, width]) => {
      const th = el('th', { scope: 'col', class: key === 'took' ? 'r' : null, 'aria-sort': 'none' },
        el('button', { type: 'button', on: { click: () => onSort(key) } }, title));
      th.style.width = width;
      return th;
    });
    document.querySelector('#table thead tr').replaceChildren(...this.heads);
    let waiting = false;
    this.box.addEventListener('scroll', () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; this.draw(); });
    }, { passive: true });
    this.body.addEventListener('click', (e) => {
      const tr = e.target.closest('tr.row');
      if (tr) this.open(Number(tr.dataset.at));
    });
    this.body.addEventListener('keydown', (e) => this.key(e));
    window.addEventListener('beforeprint', () => this.draw(true));
    window.addEventListener('afterprint', () => this.draw());
  }

  open(at) {
    this.focus = at;
    this.onOpen(this.rows[at]);
  }

  key(e) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.rows.length, End: this.rows.length };
    if (e.key === 'Enter' || e.key === ' ') {
      e.preventDefault();
      this.open(this.focus);
    } else if (steps[e.key]) {
      e.preventDefault();
      this.moveTo(Math.min(this.rows.length - 1, Math.max(0, this.focus + steps[e.key])));
    }
  }

  moveTo(at) {
    this.focus = at;
    const top = at * ROW;
    const height = this.box.clientHeight - ROW - 8;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW > this.box.scrollTop + height) this.box.scrollTop = top + ROW - height;
    this.draw();
    const tr = this.body.querySelector(`tr[data-at="${at}"]`);
    if (tr) tr.focus({ preventScroll: true });
  }

  show(rows, sort) {
    this.rows = rows;
    this.focus = 0;
    this.box.scrollTop = 0;
    COLUMNS.forEach(([key, title], at) => {
      const on = key === sort.key;
      this.heads[at].setAttribute('aria-sort', on ? (sort.down ? 'descending' : 'ascending') : 'none');
      this.heads[at].firstChild.textContent = on ? `${title} ${sort.down ? '▾' : '▴'}` : title;
    });
    document.getElementById('table').setAttribute('aria-rowcount', String(rows.length + 1));
    this.draw();
  }

  line(at) {
    const { model } = this;
    const i = this.rows[at];
    const kind = model.kind[i];
    const facet = (n) => model.facets[n].labels[model.facets[n].of[i]];
    const cell = (text, more) => el('td', { title: text || null, ...more }, text);
    return el('tr', { class: 'row', tabindex: at === this.focus ? 0 : -1, 'data-at': at, 'aria-rowindex': at + 2 },
      el('td', { class: 'num' }, clock(model.time[i]).slice(5)),
      el('td', null, el('span', { class: `tag ${kind === FAILURE ? 'bad' : kind === SUCCESS ? 'good' : 'warn'}` }, KINDS[kind])),
      cell(facet(0)), endpoint(facet(2)), endpoint(model.clientAddress(i)), cell(facet(4)),
      cell(model.alertShort(model.ending[i]) || model.endingText(i), { title: facet(1) || null }), cell(lasting(model.took[i]), { class: 'r' }));
  }

  draw(all) {
    const n = this.rows.length;
    const from = all ? 0 : Math.max(0, Math.floor(this.box.scrollTop / ROW) - AROUND);
    const to = all ? Math.min(n, PRINTED) : Math.min(n, Math.ceil((this.box.scrollTop + (this.box.clientHeight || 640)) / ROW) + AROUND);
    const lines = [];
    for (let at = from; at < to; at++) lines.push(this.line(at));
    if (all && n > to) lines.push(el('tr', null, el('td', { colspan: COLUMNS.length }, `and ${count(n - to)} more, not printed: filter to print others`)));
    if (!all && n && (this.focus < from || this.focus >= to)) lines[0].setAttribute('tabindex', '0');
    this.above.firstChild.style.height = `${all ? 0 : from * ROW}px`;
    this.below.firstChild.style.height = `${all ? 0 : Math.max(0, n - to) * ROW}px`;
    const held = document.activeElement && document.activeElement.closest && document.activeElement.closest('tr.row');
    this.body.replaceChildren(this.above, ...lines, this.below);
    if (held) {
      const again = this.body.querySelector(`tr[data-at="${held.dataset.at}"]`);
      if (again) again.focus({ preventScroll: true });
    }
  }
}
