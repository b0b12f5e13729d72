// SPDX-License-Identifier: Apache-2.0
// Failures over time, stacked by the most frequent causes.
import uPlot from 'uplot';
import { el, byId, count, clock } from './dom.js';
import { FAILURE } from './model.js';

const BUCKETS = 96;
const CAUSES = 5;
const PAPER = 660; // CSS pixels of a page's width
// Bucket widths people can read, in seconds.
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800];
// Between the times at the axis: no label twice.
const TICKS = [...STEPS, 2592000, 7776000, 31536000];

function buckets(model, rows) {
  let from = Infinity;
  let to = -Infinity;
  for (const i of rows) {
    if (model.kind[i] !== FAILURE) continue;
    from = Math.min(from, model.time[i]);
    to = Math.max(to, model.time[i]);
  }
  if (from === Infinity) return null;
  const span = (to - from) / 1e6;
  const step = STEPS.find((s) => span / s <= BUCKETS) || Math.ceil(span / BUCKETS);
  const start = Math.floor(from / 1e6 / step) * step;
  const n = Math.max(1, Math.floor((to / 1e6 - start) / step) + 1);
  return { step, start, n };
}

export class Chart {
  constructor(model, onRange) {
    this.model = model;
    this.onRange = onRange;
    this.box = byId('chart');
    new ResizeObserver(() => this.plot && !this.onPaper && this.plot.setSize(this.size())).observe(this.box);
  }

  size() { return { width: this.onPaper ? PAPER : Math.max(280, this.box.clientWidth), height: 170 }; }

  draw(rows) {
    const { model } = this;
    const b = buckets(model, rows);
    if (this.plot) this.plot.destroy();
    this.plot = null;
    byId('timebox').hidden = !b;
    if (!b) return;
    const causes = model.facets[0];
    const top = model.tally(causes, rows);
    const shown = top.slice(0, CAUSES);
    const series = new Map(shown.map((t, at) => [t.id, at]));
    const rest = shown.length;
    const lanes = shown.map(() => new Float64Array(b.n));
    lanes.push(new Float64Array(b.n));
    let total = 0;
    let others = 0;
    for (const i of rows) {
      if (model.kind[i] !== FAILURE) continue;
      const lane = series.has(causes.of[i]) ? series.get(causes.of[i]) : rest;
      lanes[lane][Math.floor((model.time[i] / 1e6 - b.start) / b.step)]++;
      total++;
      others += lane === rest;
    }
    const xs = Float64Array.from({ length: b.n }, (_, k) => b.start + (k + 0.5) * b.step);
    for (let lane = 1; lane < lanes.length; lane++) {
      for (let k = 0; k < b.n; k++) lanes[lane][k] += lanes[lane - 1][k];
    }
    this.paint(b, xs, lanes);
    this.legend(shown.map((t) => [causes.labels[t.id], t.n]).concat(others ? [['other causes', others]] : []));
    this.box.setAttribute('aria-label', `${count(total)} failures between ${clock(b.start * 1e6, 0)} and ${clock((b.start + b.n * b.step) * 1e6, 0)} UTC, in steps of ${b.step} seconds`);
  }

  paint(b, xs, lanes) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 }, font: '12px system-ui, sans-serif' };
    // Days where days are shown, else the time of the day.
    const times = (u, splits) => splits.map((ts, at) => {
      const text = clock(ts * 1e6, 0);
      const wide = splits.length > 1 && splits[1] - splits[0] >= 86400;
      const time = b.step * b.n < 300 ? text.slice(11) : text.slice(11, 16);
      const newDay = at === 0 || text.slice(0, 10) !== clock(splits[at - 1] * 1e6, 0).slice(0, 10);
      return wide ? text.slice(0, 10) : newDay ? `${time}\n${text.slice(0, 10)}` : time;
    });
    const paths = uPlot.paths.bars({ size: [0.82, 46] });
    // The tallest first: lower ones are painted over it.
    const order = lanes.map((_, at) => at).reverse();
    this.plot = new uPlot({
      ...this.size(),
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), 'Etc/UTC'),
      padding: [null, 32, null, null],
      legend: { show: false },
      cursor: { points: { show: false }, y: false, drag: { x: true, y: false, setScale: false } },
      scales: { x: { range: () => [b.start, b.start + b.n * b.step] }, y: { range: (u, min, max) => [0, Math.max(1, max * 1.08)] } },
      axes: [{ ...axis, values: times, space: 70, incrs: TICKS }, { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000] }],
      series: [{}, ...order.map((at) => ({ paths, points: { show: false }, width: 0,
        fill: colour(at === lanes.length - 1 ? '--s5' : `--s${at}`) }))],
      hooks: { setSelect: [(u) => {
        if (u.select.width < 4) return;
        const from = u.posToVal(u.select.left, 'x');
        const to = u.posToVal(u.select.left + u.select.width, 'x');
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        this.onRange(from * 1e6, to * 1e6);
      }] },
    }, [xs, ...order.map((at) => lanes[at])], this.box);
  }

  legend(entries) {
    byId('legend').replaceChildren(...entries.map(([name, n], at) => {
      const swatch = el('span', { class: 'swatch', 'aria-hidden': 'true' });
      swatch.style.background = `var(--s${name === 'other causes' ? 5 : at})`;
      return el('li', null, swatch, el('span', null, name), el('span', { class: 'muted num' }, count(n)));
    }));
  }
}
