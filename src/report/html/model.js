// SPDX-License-Identifier: Apache-2.0
// The data that html.c wrote, as columns; searching, filtering, sorting and
// counting over them. Values are compared once each, rows by their numbers:
// that is what keeps 100,000 rows quick.

export const KINDS = ['success', 'failure', 'unknown', 'harmless'];
export const SUCCESS = 0;
export const FAILURE = 1;

export function load(text) {
  const doc = JSON.parse(text);
  const values = [null];
  const rows = [];
  for (const item of doc.items) {
    if (Array.isArray(item)) rows.push(item);
    else if (item !== 0) values.push(item);
  }
  return new Model(doc, values, rows);
}

const lower = (s) => String(s).toLowerCase();

// What of a value is searched.
function searchable(value) {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return lower(value);
  if (value.s && value.t) return lower(`${value.s} ${value.t}`); // cause
  if (value.how || value.by) {
    return lower([value.by, value.how, value.how === 'timeout' ? 'silence' : '', value.alert, value.code].filter((x) => x !== undefined).join(' '));
  }
  if (value.p !== undefined) return lower(`${value.n || ''} ${value.h || ''}:${value.p} ${value.f || ''}`);
  if (value.h) return lower(value.h);
  return lower([value.v, value.c, value.g, value.r ? 'resumed' : ''].join(' '));
}

class Model {
  constructor(doc, values, rows) {
    Object.assign(this, { doc, values, n: rows.length });
    const column = () => new Int32Array(rows.length);
    this.kind = new Uint8Array(rows.length);
    this.time = new Float64Array(rows.length);
    this.took = new Float64Array(rows.length);
    this.port = column();
    this.confidence = new Uint8Array(rows.length);
    for (const name of ['client', 'server', 'negotiated', 'cause', 'side', 'ending']) this[name] = column();
    this.details = new Array(rows.length);
    let time = 0;
    rows.forEach((r, i) => {
      time += r[1];
      this.kind[i] = r[0];
      this.time[i] = time;
      [this.client[i], this.port[i], this.server[i], this.took[i], this.negotiated[i]] = r.slice(2, 7);
      this.cause[i] = r[7] || 0;
      this.confidence[i] = r[8] || 0;
      this.side[i] = r[9] || 0;
      this.ending[i] = r[10] || 0;
      this.details[i] = r[11] || null;
    });
    this.text = values.map(() => null);
    this.makeFacets();
  }

  value(number) { return number ? this.values[number] : null; }

  serverName(i) {
    const s = this.value(this.server[i]) || {};
    const port = s.p === 443 ? '' : `:${s.p}`;
    return s.n ? s.n + port : this.serverAddress(i);
  }

  serverAddress(i) {
    const s = this.value(this.server[i]) || {};
    if (!s.h) return s.p === undefined ? '' : `:${s.p}`;
    return s.h.includes(':') ? `[${s.h}]:${s.p}` : `${s.h}:${s.p}`;
  }

  clientAddress(i) {
    const host = this.clientHost(i);
    return `${host.includes(':') ? `[${host}]` : host}:${this.port[i]}`;
  }

  clientHost(i) { return (this.value(this.client[i]) || {}).h || ''; }

  alertOf(number) {
    const e = this.value(number);
    if (!e || !e.from) return '';
    if (e.code === undefined) return `encrypted alert, by the ${e.from}`;
    return `${e.alert || 'unknown'} (${e.code}), by the ${e.from}`;
  }

  // What a column has room for: the number first, it says it all.
  alertShort(number) {
    const e = this.value(number);
    if (!e || !e.from) return '';
    return e.code === undefined ? `encrypted (${e.from})` : `${e.code} ${e.alert || 'unknown'}`;
  }

  endingText(i) {
    const e = this.value(this.ending[i]);
    if (!e || !e.how) return '';
    if (e.how === 'timeout') return 'silence';
    return `${e.how.replace('_', ' ')} by ${e.by || 'nobody'}`;
  }

  // ---- facets: each row has one label per facet ----

  // Several values can have one label (a server's name on many addresses), so
  // labels are numbered on their own.
  makeFacet(key, title, column, label, all) {
    const labels = [''];
    const byLabel = new Map([['', 0]]);
    const ofValue = new Map();
    const of = new Int32Array(this.n);
    for (let i = 0; i < this.n; i++) {
      let id = ofValue.get(column[i]);
      if (id === undefined) {
        const text = label(i) || '';
        id = byLabel.get(text);
        if (id === undefined) {
          id = labels.push(text) - 1;
          byLabel.set(text, id);
        }
        ofValue.set(column[i], id);
      }
      of[i] = id;
    }
    return { key, title, labels, of, all };
  }

  makeFacets() {
    const negotiated = (i) => this.value(this.negotiated[i]) || {};
    this.facets = [
      this.makeFacet('cause', 'By cause', this.cause, (i) => (this.value(this.cause[i]) || {}).s),
      this.makeFacet('ending', 'How it ended', this.ending, (i) => this.alertOf(this.ending[i]) || this.endingText(i)),
      this.makeFacet('server', 'By server', this.server, (i) => this.serverName(i)),
      this.makeFacet('client', 'By client', this.client, (i) => this.clientHost(i)),
      this.makeFacet('version', 'Versions', this.negotiated, (i) => negotiated(i).v, true),
      this.makeFacet('suite', 'Cipher suites', this.negotiated, (i) => negotiated(i).c, true),
    ];
  }

  // ---- search ----

  // Marks the values that hold a term.
  matching(term) {
    const hit = new Uint8Array(this.values.length);
    for (let v = 1; v < hit.length; v++) {
      let text = this.text[v];
      if (text === null) text = this.text[v] = searchable(this.values[v]);
      hit[v] = text.includes(term) ? 1 : 0;
    }
    return hit;
  }

  detailsMatch(d, hit) {
    return hit[d.r || 0] || hit[d.file || 0] || hit[d.car || 0] || hit[d.app || 0] || hit[d.ja4 || 0] ||
      hit[d.ja3 || 0] || hit[d.cid || 0] || (d.e || []).some((v) => hit[v]) || (d.as || []).some((p) => hit[p[1]]);
  }

  // The rows that pass: filter = {query, kinds, facets: {key: label id}, from, to}
  select(filter) {
    const terms = filter.query.toLowerCase().split(/\s+/).filter(Boolean)
      .map((term) => ({ hit: this.matching(term), port: /^\d+$/.test(term) ? Number(term) : -1 }));
    const chosen = this.facets.filter((f) => filter.facets[f.key] !== undefined);
    const kept = new Int32Array(this.n);
    let n = 0;
    rows: for (let i = 0; i < this.n; i++) {
      if (!filter.kinds.has(this.kind[i])) continue;
      if (this.time[i] < filter.from || this.time[i] > filter.to) continue;
      for (const f of chosen) if (f.of[i] !== filter.facets[f.key]) continue rows;
      for (const { hit, port } of terms) {
        if (hit[this.server[i]] || hit[this.client[i]] || hit[this.cause[i]] || hit[this.ending[i]] ||
          hit[this.negotiated[i]] || this.port[i] === port) continue;
        if (this.details[i] && this.detailsMatch(this.details[i], hit)) continue;
        continue rows;
      }
      kept[n++] = i;
    }
    return kept.subarray(0, n);
  }

  // [{id, n}], the most frequent first.
  tally(facet, rows) {
    const counts = new Uint32Array(facet.labels.length);
    for (const i of rows) {
      if (facet.all || this.kind[i] === FAILURE) counts[facet.of[i]]++;
    }
    const list = [];
    counts.forEach((n, id) => { if (n && id) list.push({ id, n }); });
    return list.sort((a, b) => b.n - a.n || a.id - b.id);
  }

  // ---- order ----

  // A number for each row that sorts like the column's text.
  rank(key) {
    this.ranks = this.ranks || {};
    if (this.ranks[key]) return this.ranks[key];
    const facet = this.facets.find((f) => f.key === key);
    let rank;
    if (key === 'time') rank = this.time;
    else if (key === 'took') rank = this.took;
    else if (key === 'kind') rank = this.kind;
    else {
      const order = facet.labels.map((label, id) => ({ label, id })).sort((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
      const place = new Int32Array(order.length);
      order.forEach((o, at) => { place[o.id] = at; });
      rank = facet.of.map((id) => place[id]);
    }
    this.ranks[key] = rank;
    return rank;
  }

  sort(rows, key, down) {
    const rank = this.rank(key);
    const sign = down ? -1 : 1;
    return rows.sort((a, b) => sign * (rank[a] - rank[b]) || a - b);
  }
}
