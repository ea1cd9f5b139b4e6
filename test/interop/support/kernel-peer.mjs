// The kernel's side of a test: sockets of node:net that do what standard input says, a JSON array per line, and tell what happens to them,
// a JSON object per line. `KernelPeer` (kernel-peer.ts) is how a test speaks to it.
import { createHash } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { pattern } from './pattern.mjs';

/** Bytes handed to a socket at once. */
const PIECE = 65_536;

const sockets = new Map();
const servers = new Map();
let accepted = 0;

function tell(id, event, detail = {}) {
  process.stdout.write(`${JSON.stringify({ id, event, ...detail })}\n`);
}

function adopt(id, socket) {
  const hash = createHash('sha256');
  let bytes = 0;
  socket.sent = 0;
  sockets.set(id, socket);
  socket.on('data', (chunk) => {
    hash.update(chunk);
    bytes += chunk.length;
    tell(id, 'data', { bytes });
  });
  socket.on('end', () => tell(id, 'end', { bytes, sha256: hash.digest('hex') }));
  socket.on('error', (error) => tell(id, 'error', { code: error.code, syscall: error.syscall }));
  socket.on('close', (hadError) => {
    tell(id, 'close', { hadError, bytes });
    sockets.delete(id);
  });
}

/** Writes `left` bytes of the pattern, from where the last write ended, as fast as the socket takes them. */
function write(id, left) {
  const socket = sockets.get(id);
  if (socket === undefined || socket.destroyed) return;
  const length = Math.min(left, PIECE);
  const piece = pattern(socket.sent, length);
  socket.sent += length;
  socket.writing = true;
  socket.write(piece, (error) => {
    if (error) return;
    if (left > length) {
      write(id, left - length);
      return;
    }
    socket.writing = false;
    tell(id, 'written', { sent: socket.sent });
    if (socket.endLater) socket.end();
  });
}

const commands = {
  listen(id, port, host, options = {}) {
    const { backlog, ...rest } = options;
    const server = createServer({ allowHalfOpen: true, ...rest }, (socket) => {
      const name = `${id}/${++accepted}`;
      adopt(name, socket);
      tell(id, 'accepted', { socket: name, port: socket.remotePort });
      if (rest.echo) socket.pipe(socket);
    });
    servers.set(id, server);
    server.on('error', (error) => tell(id, 'error', { code: error.code }));
    server.listen({ port, host, backlog }, () => tell(id, 'listening', { port: server.address().port }));
  },
  connect(id, port, host, options = {}) {
    const socket = connect({ port, host, allowHalfOpen: true, ...options });
    adopt(id, socket);
    socket.on('connect', () => tell(id, 'connected', { port: socket.localPort }));
  },
  write,
  text: (id, text) => sockets.get(id)?.write(text),
  end(id) {
    const socket = sockets.get(id);
    if (socket?.writing) socket.endLater = true;
    else socket?.end();
  },
  destroy: (id) => sockets.get(id)?.destroy(),
  reset: (id) => sockets.get(id)?.resetAndDestroy(),
  pause: (id) => sockets.get(id)?.pause(),
  resume: (id) => sockets.get(id)?.resume(),
  noDelay: (id) => sockets.get(id)?.setNoDelay(true),
  unlisten: (id) => servers.get(id)?.close(),
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [command, ...args] = JSON.parse(line);
    commands[command](...args);
  })
  .on('close', () => process.exit());
tell('', 'ready');
