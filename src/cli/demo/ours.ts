import { createServer, request } from 'node:http';
import type { Stack } from '../../stack/stack.ts';
import { IpAddress } from '../../wire/address.ts';
import { Failure, firstLine } from '../failure.ts';
import { streamOf } from '../stream.ts';
import { authority, type Machine, type Serving } from './machine.ts';
import { type Fetched, type Page, Receipt } from './page.ts';

const PORT = 80;

/** A machine whose TCP is ours: Node's own HTTP server and client over it, unmodified. */
export class Ours implements Machine {
  readonly address: string;
  readonly serverName = "Node's http.createServer()";
  readonly clientName = "Node's http.request()";
  readonly #stack: Stack;

  constructor(stack: Stack, address: string) {
    this.#stack = stack;
    this.address = address;
  }

  serve(page: Page, closeFirst: boolean): Promise<Serving> {
    const server = createServer((_, response) => {
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      if (closeFirst) {
        response.setHeader('Connection', 'close');
        // With neither of these, the end of the body is the end of the connection.
        response.removeHeader('Content-Length');
        response.removeHeader('Transfer-Encoding');
      } else {
        response.setHeader('Content-Length', page.bytes.length);
      }
      response.end(page.bytes);
    });
    const listener = this.#stack.listen({ address: IpAddress.of(this.address), port: PORT }, (socket) =>
      server.emit('connection', streamOf(socket)),
    );
    const close = () => {
      listener.close();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    };
    return Promise.resolve({ port: PORT, close });
  }

  fetch(host: string, port: number, closeFirst: boolean): Promise<Fetched> {
    const socket = this.#stack.connect({ remoteAddress: IpAddress.of(host), remotePort: port });
    const stream = streamOf(socket);
    const receipt = new Receipt();
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        reject(new Failure(`${authority(host, port)} did not give the page: ${firstLine(error)}`));
      };
      const get = request({
        createConnection: () => stream,
        // Without it Node asks the server to close.
        headers: { Host: authority(host, port), Connection: closeFirst ? 'keep-alive' : 'close' },
      });
      get.once('error', fail);
      get.once('response', (response) => {
        response.on('data', (chunk: Buffer) => receipt.take(chunk));
        response.once('error', fail);
        response.once('end', () => {
          stream.end();
          resolve(receipt.result);
        });
      });
      get.end();
    });
  }
}
