// An echo server and its client, on a TCP in TypeScript: node examples/echo.mjs
import net from 'synfin/net';

const server = net.createServer((socket) => socket.pipe(socket));
server.listen(7, '127.0.0.1', () => {
  const socket = net.connect(7, '127.0.0.1', () => socket.end('hello'));
  socket.on('data', (bytes) => console.log(`${bytes} came back`));
  socket.on('close', () => server.close());
});
