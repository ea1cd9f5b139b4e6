import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, beforeEach, expect } from 'vitest';
// From here on this process has our net: http, https, http2, tls, and what is built on them.
import { stack } from '../../src/node/register.ts';

export { stack };

const pem = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url));
export const ca = pem('ca.cert');
export const serverIdentity = { key: pem('server.key'), cert: pem('server.cert') };
export const clientIdentity = { key: pem('client.key'), cert: pem('client.cert') };

const servers: Server[] = [];

/** Starts a server on a free port, to be closed after the test. */
export async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export async function text(stream: Readable): Promise<string> {
  let all = '';
  for await (const piece of stream.setEncoding('utf8')) all += piece;
  return all;
}

/** Bytes that differ from place to place. */
export function bytes(length: number): Buffer {
  const all = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) all[i] = (i * 31 + (i >>> 8)) & 255;
  return all;
}

const kernels = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'));

beforeEach(() => {
  // What connects goes through ours: the kernel has no part in it.
  expect(stack.stats().connections).toBe(0);
});

afterEach(async () => {
  expect(kernels()).toEqual([]);
  for (const server of servers.splice(0)) {
    (server as { closeAllConnections?(): void }).closeAllConnections?.();
    server.close();
  }
  await expect
    .poll(() => stack.stats(), { timeout: 5000 })
    .toMatchObject({ connections: 0, listeners: 0, buffered: 0 });
});

afterAll(() => {
  expect(stack.counters.InSegs).toBeGreaterThan(0);
});
