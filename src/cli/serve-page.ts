import { createServer } from 'node:http';
import { createNet } from '../node/net/create-net.ts';
import type { Stack } from '../stack/stack.ts';
import { bytes } from '../trace/format.ts';
import { authority } from './demo/machine.ts';

/** An HTTP server of one page. */
export interface PageServer {
  /** Takes no more connections, and ends those that wait for a request. */
  close(): void;
}

/** Serves `page` on `port` of the stack. `say` is told of each request, a line. Rejects where the port cannot be had. */
export async function servePage(
  stack: Stack,
  page: Uint8Array,
  port: number,
  say: ((line: string) => void) | null,
): Promise<PageServer> {
  const http = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(request.method === 'HEAD' ? undefined : page);
    const { remoteAddress = '', remotePort = 0 } = request.socket;
    const from = authority(remoteAddress.replace(/^::ffff:/, ''), remotePort);
    say?.(`${from} ${request.method} ${request.url} ${bytes(page.length)}\n`);
  });
  const server = createNet(stack).createServer({ allowHalfOpen: true }, (socket) => http.emit('connection', socket));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, resolve));
  const close = () => {
    server.close();
    http.closeIdleConnections();
  };
  return { close };
}
