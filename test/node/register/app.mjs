// biome-ignore-all lint/style/useNodejsImportProtocol: both ways to name them are for programs to choose
import https from 'node:https';
import net, { connect, createServer, Server, Socket } from 'node:net';
import * as tls from 'node:tls';
import * as http from 'http';
import * as http2 from 'http2';
import { run } from './exercise.cjs';

for (const [one, other] of [
  [connect, net.connect],
  [createServer, net.createServer],
  [Socket, net.Socket],
  [Server, net.Server],
]) {
  if (one !== other) throw new Error('what is imported by name is not what the module has');
}
run({ net, http, https, http2, tls, fetch });
