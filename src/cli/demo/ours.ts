import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { firstLine } from '../../node/file-trouble.ts';
import { createNet, type Net } from '../../node/net/create-net.ts';
import type { Stack } from '../../stack/stack.ts';
import { Failure } from '../failure.ts';
import { authority, type Machine, type Serving } from './machine.ts';
import { type Fetched, type Page, Receipt } from './page.ts';

const PORT = 80;

/** A machine whose TCP is ours: Node's own HTTP server and client over `synfin/net`, unmodified. */
export class Ours implements Machine {
  readonly address: string;
  readonly serverName = "Node's http.createServer()";
  readonly clientName = "Node's http.request()";
  readonly #net: Net;

  constructor(stack: Stack, address: string) {
    this.#net = createNet(stack);
    this.address = address;
  }

  async serve(page: Page, closeFirst: boolean): Promise<Serving> {
    const http = createServer((_, response) => {
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
    const server = this.#net.createServer({ allowHalfOpen: true }, (socket) => http.emit('connection', socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(PORT, this.address, resolve);
    });
    const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
    return { port: (server.address() as AddressInfo).port, close };
  }

  fetch(host: string, port: number, closeFirst: boolean): Promise<Fetched> {
    const receipt = new Receipt();
    const socket = this.#net.connect({ host, port });
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        reject(new Failure(`${authority(host, port)} did not give the page: ${firstLine(error)}`));
      };
      const get = request({
        createConnection: () => socket,
        // Without it Node asks the server to close.
        headers: { Host: authority(host, port), Connection: closeFirst ? 'keep-alive' : 'close' },
      });
      get.once('error', fail);
      get.once('response', (response) => {
        response.on('data', (chunk: Buffer) => receipt.take(chunk));
        response.once('error', fail);
        response.once('end', () => {
          socket.end();
          resolve(receipt.result);
        });
      });
      get.end();
    });
  }
}
