import { Buffer } from 'node:buffer';
import type { Piece } from './handle.ts';

/** What a stream gives to be written. */
export interface Chunk {
  readonly chunk: Buffer | string;
  readonly encoding: BufferEncoding;
}

/** Chunks shorter than this are put together into one piece before they are sent. */
const SHORT = 16 * 1024;

/** A string becomes memory of ours, which the stack may keep; what else there is stays the application's. */
export function piece({ chunk, encoding }: Chunk): Piece {
  return { bytes: bytesOf(chunk, encoding), copy: typeof chunk !== 'string' };
}

export function bytesOf(chunk: Buffer | string, encoding: BufferEncoding): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}

/** Short chunks go together into memory of ours; long ones go as they are. At least one piece, where there is a chunk. */
export function gather(chunks: readonly Chunk[]): Piece[] {
  const end = trimmed(chunks);
  const pieces: Piece[] = [];
  let from = 0;
  /** Bytes of the short chunks from `from` on, or a few more: of base64 one cannot tell. */
  let length = 0;
  for (let i = 0; i < end; i++) {
    const size = Buffer.byteLength(chunks[i]!.chunk, chunks[i]!.encoding);
    if (size < SHORT) {
      length += size;
      continue;
    }
    if (i > from) pieces.push(together(chunks, from, i, length));
    pieces.push(piece(chunks[i]!));
    from = i + 1;
    length = 0;
  }
  if (end > from) pieces.push(together(chunks, from, end, length));
  return pieces;
}

/** How many there are without empty ones at the end, but for the first: `http` ends a response by an empty string. */
export function trimmed(chunks: readonly Chunk[]): number {
  let end = chunks.length;
  while (end > 1 && chunks[end - 1]!.chunk.length === 0) end--;
  return end;
}

function together(chunks: readonly Chunk[], from: number, to: number, length: number): Piece {
  if (to - from === 1) return piece(chunks[from]!);
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (let i = from; i < to; i++) {
    const { chunk, encoding } = chunks[i]!;
    if (typeof chunk === 'string') at += bytes.write(chunk, at, encoding);
    else {
      bytes.set(chunk, at);
      at += chunk.length;
    }
  }
  return { bytes: at === length ? bytes : bytes.subarray(0, at), copy: false };
}
