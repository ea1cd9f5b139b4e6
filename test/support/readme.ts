import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The JavaScript blocks of a README, in order. */
export function examples(file: 'README.md' | 'README.zh-CN.md'): string[] {
  const text = readFileSync(`${ROOT}${file}`, 'utf8');
  return [...text.matchAll(/^```js\n(.*?)^```/gms)].map((m) => m[1]!);
}
