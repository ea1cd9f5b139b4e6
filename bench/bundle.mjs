// The size of `synfin/web/min` as a browser loads it: the stack and the sockets as one ESM file, gzipped. Says one line of JSON.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** The text of the file: `scripts/web-min.mjs` makes it with each build. */
export function bundle() {
  return readFileSync(new URL('../dist/web.min.js', import.meta.url), 'utf8');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const code = bundle();
  console.log(
    JSON.stringify({ 'kB gzipped': gzipSync(code, { level: 9 }).length / 1000, 'kB minified': code.length / 1000 }),
  );
}
