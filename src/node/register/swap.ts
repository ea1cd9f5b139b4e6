import http from 'node:http';
import http2 from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import tls from 'node:tls';
import { lend, teachHttp2 } from './http2.ts';
import { type Net, replaceNet, serverClass, socketClass } from './net.ts';
import { teachTls } from './tls.ts';

/**
 * Puts `ours` in the place of Node's `net` for the whole program: for `require` and `import` of it, and below `http`, `https`, `http2`, `tls`
 * and `fetch`. What is the kernel's own stays: paths, file descriptors, standard streams, child processes, `cluster`.
 *
 * Node's modules hold Node's net in three ways: by its name at the time of a call, which replacing the name reaches; as the prototype of
 * their servers, which is set anew; and as the class whose handles TLS and HTTP/2 read from and write to in C++, which get ours in a
 * shape that is known there (`stream-handle.ts`).
 */
export function swap(ours: Net): void {
  const http2Server = http2.createServer().constructor;
  const Socket = socketClass(ours);
  const Server = serverClass(ours, http2Server, (socket) => lend(socket, ours));

  teachTls(ours);
  teachHttp2(ours);
  replaceNet(ours, Socket, Server);
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
