import { createHash } from 'node:crypto';

/** 1 MiB and one line: more than any buffer on the way holds. */
const LEAST = 1 << 20;

/** What came of fetching: length, and the hash in hexadecimal. */
export interface Fetched {
  readonly bytes: number;
  readonly sha256: string;
}

/** What is fetched, and its hash. */
export interface Page {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** A page of a little more than a mebibyte, no two lines alike, so that a byte out of place changes it. */
export function makePage(): Page {
  const lines = [
    '<!doctype html>',
    '<meta charset="utf-8">',
    '<title>synfin</title>',
    '<h1>Every byte of this page came through a TCP in TypeScript</h1>',
    '<pre>',
  ];
  let length = lines.reduce((sum, line) => sum + line.length + 1, 0);
  for (let n = 1; length < LEAST; n++) {
    const line = `${String(n).padStart(6)}  ${sha256(Buffer.from(String(n)))}`;
    lines.push(line);
    length += line.length + 1;
  }
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  return { bytes, sha256: sha256(bytes) };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Counts and hashes what arrives, piece by piece. */
export class Receipt {
  bytes = 0;
  readonly #hash = createHash('sha256');

  take(piece: Uint8Array): void {
    this.bytes += piece.length;
    this.#hash.update(piece);
  }

  /** Once. */
  get result(): Fetched {
    return { bytes: this.bytes, sha256: this.#hash.digest('hex') };
  }
}
