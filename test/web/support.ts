import { Stack } from '../../src/stack/stack.ts';
import { linux } from '../../src/tcp/config.ts';
import { WebHost } from '../../src/web/host.ts';

/** A stack that waits for nothing after its connections are closed. */
export function webStack(): Stack {
  return new Stack({ host: new WebHost(), config: { ...linux, timeWait: 1000 } });
}

export async function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new TextDecoder().decode(await all(stream));
}

export async function all(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

export async function write(stream: WritableStream<Uint8Array>, what: string | Uint8Array): Promise<void> {
  const writer = stream.getWriter();
  await writer.write(typeof what === 'string' ? new TextEncoder().encode(what) : what);
  writer.releaseLock();
}

/** Bytes that differ from place to place. */
export function bytes(length: number): Uint8Array {
  const made = new Uint8Array(length);
  for (let i = 0; i < length; i++) made[i] = i * 31 + (i >>> 8);
  return made;
}
