// SPDX-License-Identifier: Apache-2.0
// A certificate chain from the leaf upwards, with the link that broke.
import { el, day, count } from './dom.js';

const LAST_LINK = {
  server_certificate_unknown_issuer: 'the client does not trust this issuer',
  interception_untrusted: 'the client does not trust the inspection’s issuer',
  server_certificate_incomplete_chain: 'this certificate was not sent, so the client cannot link the chain to a root it trusts',
  server_certificate_self_signed: 'signed by itself: no issuer vouches for it',
  client_certificate_unknown_issuer: 'the server does not trust this issuer',
};
const LEAF = {
  server_certificate_expired: 'expired', server_certificate_not_yet_valid: 'not yet valid',
  server_certificate_name_mismatch: 'no name fits', server_certificate_revoked: 'revoked',
  server_certificate_weak: 'too weak for the client', server_certificate_wrong_usage: 'not for servers',
  server_certificate_malformed: 'malformed', server_certificate_rejected: 'rejected by the client',
  client_certificate_expired: 'expired', client_certificate_rejected: 'rejected by the server',
};

const fits = (name, pattern) => {
  const [a, b] = [name.toLowerCase().replace(/\.$/, ''), pattern.toLowerCase()];
  return a === b || (b.startsWith('*.') && a.includes('.') && a.slice(a.indexOf('.')) === b.slice(1));
};

function expired(seconds) {
  const days = Math.floor(seconds / 86400);
  return days ? `expired ${count(days)} ${days === 1 ? 'day' : 'days'} before` : 'expired the same day';
}

function faults(cert, at, context) {
  const { seconds, cause, ours } = context;
  const list = [];
  if (cert.na !== undefined && cert.na < seconds) list.push(expired(seconds - cert.na));
  if (cert.nb !== undefined && cert.nb > seconds) list.push('not yet valid');
  if (at === 0 && ours && LEAF[cause] && !list.length) list.push(LEAF[cause]);
  return list;
}

function card(cert, at, context) {
  const bad = faults(cert, at, context);
  const names = cert.san || [];
  const match = at === 0 && context.name ? names.some((n) => fits(context.name, n)) : null;
  const node = el('div', { class: `cert ${bad.length ? 'broken' : ''}` },
    el('div', { class: 'cn' }, at === 0 ? 'Leaf: ' : cert.self ? 'Root: ' : 'Issuing CA: ', cert.cn || cert.s || 'without a name'),
    el('div', { class: 'tags' },
      bad.map((b) => el('span', { class: 'tag bad' }, `✗ ${b}`)),
      cert.weak ? el('span', { class: 'tag warn' }, 'weak signature') : null,
      cert.self ? el('span', { class: 'tag' }, 'issued by itself') : null,
      cert.why ? el('span', { class: 'tag warn' }, cert.why) : null,
      match === true ? el('span', { class: 'tag good' }, `✓ fits ${context.name}`) : null,
      match === false ? el('span', { class: 'tag warn' }, `does not name ${context.name}`) : null),
    el('div', { class: 'muted small' },
      cert.nb !== undefined ? `valid ${day(cert.nb)} to ${cert.na !== undefined ? day(cert.na) : '?'} · ` : '',
      [cert.key, cert.bits && `${cert.bits} bits`, cert.sig].filter(Boolean).join(' · ')),
    el('details', null, el('summary', null, 'Details'),
      el('dl', { class: 'kv small' },
        el('dt', null, 'Subject'), el('dd', null, cert.s || '(empty)'),
        el('dt', null, 'Issuer'), el('dd', null, cert.i || '(empty)'),
        names.length ? [el('dt', null, 'Names'), el('dd', null, names.join(', '), cert.more ? ` and ${count(cert.more)} more` : '')] : null,
        el('dt', null, 'SHA-256'), el('dd', { class: 'mono' }, cert.sha || ''))));
  return { node, bad };
}

function link(ok, text) {
  return el('div', { class: `link ${ok === true ? 'ok' : ok === false ? 'broken' : ''}` },
    ok === true ? '✓ ' : ok === false ? '✗ ' : '', text);
}

// context: {seconds, cause, ours: this side's certificates are at fault, name}
export function chain(model, c, context) {
  if (c.empty || !c.c) {
    return el('p', null, c.why ? `The Certificate message is ${c.why}.` : 'A Certificate message without any certificate.');
  }
  const certs = c.c.map((v) => model.value(v)).filter(Boolean);
  const parts = [];
  certs.forEach((cert, at) => {
    parts.push(card(cert, at, context).node);
    if (at + 1 < certs.length) {
      const ok = (c.l || [])[at] === 1;
      parts.push(link(ok, ok ? 'issued by' : `issued by ${cert.icn || cert.i || 'an unnamed issuer'}, which is not what follows`));
    }
  });
  const last = certs[certs.length - 1];
  const broken = context.ours ? LAST_LINK[context.cause] : null;
  if (last.self) {
    if (broken) parts.push(link(false, broken));
  } else {
    parts.push(link(broken ? false : null, broken || 'issued by'));
    parts.push(el('div', { class: 'cert ghost' }, el('div', { class: 'cn' }, last.icn || last.i || 'an unnamed issuer'),
      el('div', { class: 'muted small' }, 'Not sent. The other side has to know it.')));
  }
  if (c.why) parts.push(el('p', { class: 'muted small' }, `Not everything could be read: ${c.why}.`));
  return el('div', { class: 'chain' }, parts);
}
