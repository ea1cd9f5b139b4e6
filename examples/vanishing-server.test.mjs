// node --test examples/vanishing-server.test.mjs, after npm run build. With vitest the same lines do: import `test` from it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulation } from 'synfin/testing';

test(
  'my client survives a server that vanishes after the headers',
  simulation(async ({ client, server }) => {
    const serve = (socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n', () => server.crash()));
    server.net.createServer(serve).listen(80);
    await assert.rejects(download(client.net, 'server'), /no answer for 30 s/);
  }),
);

test(
  'and a network that loses every tenth packet',
  simulation({ link: { loss: 0.1 }, seeds: 20 }, async ({ client, server }) => {
    server.net
      .createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nhello')))
      .listen(80);
    assert.match(await download(client.net, 'server'), /hello$/);
  }),
);

/** The code under test: knows nothing of all this but that `net` is node:net. */
function download(net, host) {
  return new Promise((resolve, reject) => {
    let page = '';
    const socket = net.connect(80, host, () => socket.write('GET / HTTP/1.1\r\n\r\n'));
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer for 30 s')));
    socket
      .on('data', (chunk) => (page += chunk))
      .on('end', () => resolve(page))
      .on('error', reject);
  });
}
