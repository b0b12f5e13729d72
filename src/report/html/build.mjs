// SPDX-License-Identifier: Apache-2.0
// Puts page.html, style.css, app.js and uPlot together into report.html, one
// file that loads nothing. Its security policy lets only these very scripts and
// styles run, by their hashes. `make report-page` runs this; the result is
// kept under version control.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

async function bundle(entry) {
  const result = await build({
    entryPoints: [here(entry)], bundle: true, minify: true, write: false,
    format: 'iife', target: 'es2020', legalComments: 'none', charset: 'ascii',
    absWorkingDir: here('.'),
  });
  return result.outputFiles[0].text.trim();
}

const hash = (s) => `'sha256-${createHash('sha256').update(s).digest('base64')}'`;

const js = await bundle('app.js');
const css = await bundle('all.css');
if (/<\/script|<!--/i.test(js) || /<\/style/i.test(css)) {
  throw new Error('the scripts must not hold what ends their element');
}
const csp = ["default-src 'none'", `script-src ${hash(js)}`, `style-src ${hash(css)}`,
  "base-uri 'none'", "form-action 'none'"].join('; ');
// `make lint` tells by it whether the page was made from the sources beside it.
const files = readdirSync(here('.')).sort();
const sources = createHash('sha256');
for (const name of ['.css', '.js', '.mjs'].flatMap((end) => files.filter((f) => f.endsWith(end)))
  .concat('package-lock.json', 'page.html')) {
  sources.update(readFileSync(here(name)));
}
const licence = readFileSync(here('node_modules/uplot/LICENSE'), 'utf8').trim();
const parts = {
  CSP: csp, CSS: css, JS: js,
  LICENCES: `tlswhy's report page. SPDX-License-Identifier: Apache-2.0\nSources: ${sources.digest('hex')}\n\n` +
    `It holds uPlot (https://github.com/leeoniya/uPlot), under this licence:\n\n${licence}`,
};
const page = readFileSync(here('page.html'), 'utf8')
  .replace(/@(CSP|CSS|JS|LICENCES)@/g, (_, name) => parts[name]);
writeFileSync(here('report.html'), page);
console.log(`report.html: ${page.length} bytes`);
