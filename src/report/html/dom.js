// SPDX-License-Identifier: Apache-2.0
// Elements are made here and nowhere else, with text as text: what a capture
// holds can't become markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else {
      node.setAttribute(name, value === true ? '' : String(value));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

export const el = (name, attributes, ...children) =>
  fill(document.createElement(name), attributes, children);
export const svg = (name, attributes, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);
export const byId = (id) => document.getElementById(id);

export function say(text) {
  byId('live').textContent = text;
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not allowed, or no secure context: the old way.
    const area = el('textarea', { 'aria-hidden': 'true', class: 'hidden' });
    area.value = text;
    (document.querySelector('dialog[open]') || document.body).append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export function copyButton(text, what) {
  const button = el('button', { type: 'button', class: 'copy', 'aria-label': `Copy ${what}`,
    on: { click: async () => {
      const done = await toClipboard(text);
      button.textContent = done ? 'Copied' : 'No access';
      say(done ? `Copied ${what}` : 'The browser did not allow copying');
      setTimeout(() => { button.textContent = 'Copy'; }, 1500);
    } } }, 'Copy');
  return button;
}

export const withCopy = (node, text, what) =>
  el('div', { class: 'withcopy' }, node, copyButton(text, what));

// ---- numbers and times ----

export const count = (n) => n.toLocaleString('en-US');
export const several = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

export function bytes(n) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) { n /= 1000; unit++; }
  return `${unit && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}

export function lasting(us) {
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e5 ? 1 : 0)} ms`;
  if (us < 6e7) return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
  return `${(us / 6e7).toFixed(1)} min`;
}

// Microseconds since 1970 as UTC; digits: of the second's fraction.
export function clock(us, digits = 3) {
  const date = new Date(Math.floor(us / 1000));
  if (Number.isNaN(date.getTime())) return '–';
  const text = date.toISOString();
  const fraction = String(((us % 1e6) + 1e6) % 1e6).padStart(6, '0').slice(0, digits);
  return `${text.slice(0, 10)} ${text.slice(11, 19)}${digits ? `.${fraction}` : ''}`;
}

export const day = (seconds) => clock(seconds * 1e6, 0).slice(0, 10);
