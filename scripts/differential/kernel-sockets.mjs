// The kernel's side: sockets of node:net that do what standard input says, a batch of calls a line. A socket is known by its peer's address.
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const sockets = new Map();
const servers = new Map();

function adopt(peer, socket) {
  sockets.set(peer, socket);
  socket.on('data', () => {});
  socket.on('error', () => {});
  socket.on('close', () => {
    if (sockets.get(peer) === socket) sockets.delete(peer);
  });
}

const calls = {
  connect(peer, { localPort, port }) {
    adopt(peer, connect({ host: peer, port, localPort, localAddress: '10.9.0.1', allowHalfOpen: true, noDelay: true }));
  },
  send: (peer, { bytes }) => {
    const socket = sockets.get(peer);
    if (socket?.writable) socket.write(new Uint8Array(bytes));
  },
  end: (peer) => sockets.get(peer)?.end(),
  destroy: (peer) => sockets.get(peer)?.destroy(),
  reset: (peer) => {
    const socket = sockets.get(peer);
    // Node would wait for the connection, to reset it then.
    if (socket?.connecting) socket.destroy();
    else socket?.resetAndDestroy();
  },
};

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { listen, batch, forget } = JSON.parse(line);
    if (forget !== undefined) {
      for (const socket of sockets.values()) socket.destroy();
      servers.get(forget).close();
      say('forgotten');
      return;
    }
    if (listen !== undefined) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        adopt(socket.remoteAddress, socket),
      );
      servers.set(listen, server);
      server.listen({ port: listen, host: '10.9.0.1', backlog: 8192 }, () => say('listening'));
      return;
    }
    for (const [name, peer, step] of batch) calls[name](peer, step);
    setImmediate(() => say('done'));
  })
  .on('close', () => process.exit());
