import { createHash } from 'node:crypto';

/** See pattern.d.mts. JavaScript, since it also runs in Node without the test runner. */
export function pattern(from, length) {
  const first = Math.floor(from / 4);
  const skip = from - 4 * first;
  const words = new Uint32Array(Math.ceil((skip + length) / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(first + i, 0x9e3779b1);
  return new Uint8Array(words.buffer, skip, length);
}

export function patternHash(length) {
  const hash = createHash('sha256');
  for (let at = 0; at < length; at += 65_536) hash.update(pattern(at, Math.min(65_536, length - at)));
  return hash.digest('hex');
}
