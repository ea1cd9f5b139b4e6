import http from 'node:http';
import http2 from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import tls from 'node:tls';
import { asStream, type Net, replaceNet, serverClass, socketClass } from './net.ts';
import { teachStreamSockets } from './stream-socket.ts';
import { replaceTls } from './tls.ts';

/**
 * Puts `ours` in the place of Node's `net` for the whole program: for `require` and `import` of it, and below `http`, `https`, `http2`, `tls`
 * and `fetch`. What is the kernel's own stays: paths, file descriptors, standard streams, child processes, `cluster`.
 *
 * Node's modules hold Node's net in three ways: by its name at the time of a call, which replacing the name reaches; as the prototype of
 * their servers, which is set anew; and as the class that TLS and HTTP/2 need for sockets of the kernel, which stays as it is.
 */
export function swap(ours: Net): void {
  const Socket = socketClass(ours);
  const Server = serverClass(ours, (self, args) => {
    const [options, listener] = args as [unknown, ((socket: unknown) => void) | undefined];
    if (!(self instanceof tls.Server) || listener === undefined) return args;
    return [options, (socket: unknown) => asStream(socket, ours, () => listener.call(self, socket))];
  });
  const http2Server = http2.createServer().constructor;

  teachStreamSockets(ours);
  replaceNet(ours, Socket, Server);
  replaceTls(ours);
  for (const Class of [http.Server, tls.Server, http2Server]) {
    Object.setPrototypeOf(Class, Server);
    Object.setPrototypeOf(Class.prototype, ours.Server.prototype);
  }
  // Up to Node 22 an agent has Node's function itself.
  const agent = http.Agent.prototype as { createConnection?: unknown };
  if (typeof agent.createConnection === 'function' && agent.createConnection.name === 'connect') {
    agent.createConnection = ours.createConnection;
  }
  syncBuiltinESMExports();
}
