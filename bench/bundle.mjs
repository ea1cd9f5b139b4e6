// The size of `synfin/web` with the stack, as a browser would load it: one ESM file, minified, gzipped. Says one line of JSON.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** The text of the file. vite is what the tests run with, so it is there in a checkout, and no part of the package. */
export async function bundle() {
  const { build } = await import('vite');
  const root = fileURLToPath(new URL('..', import.meta.url));
  const entry = 'virtual:entry';
  const { output } = await build({
    root,
    configFile: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) =>
          id === entry
            ? `export * from '${root}dist/web/index.js'; export * from '${root}dist/stack/index.js'; export { IpAddress } from '${root}dist/wire/address.js';`
            : null,
      },
    ],
    build: {
      write: false,
      target: 'es2023',
      minify: true,
      rollupOptions: { input: entry, preserveEntrySignatures: 'strict', output: { format: 'es' } },
      modulePreload: false,
    },
  });
  if (output.length !== 1) throw new Error(`${output.length} files instead of one`);
  return output[0].code;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const code = await bundle();
  console.log(
    JSON.stringify({ 'kB gzipped': gzipSync(code, { level: 9 }).length / 1000, 'kB minified': code.length / 1000 }),
  );
}
