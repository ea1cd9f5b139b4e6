// Node's tests start Node again, and the child talks to its parent over 127.0.0.1. With a stack in each process there is no such place: so a
// child has a link to its parent's stack, IP packets over a Unix socket, and what it connects to on 127.0.0.1, where it does not listen
// itself, it finds at the other end. When a child dies, the parent hears a RST for each of its connections, as a kernel would see to.
'use strict';
const { ChildProcess } = require('node:child_process');
const { chmodSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const LINK = 'SYNFIN_SUITE_LINK';
const CHECKSUM_PARTIAL = 2;
const RST = 0x04;
const ACK = 0x10;

/** Both ends of the link to a child: 10.0.0.0/8 by the child's process id, which has 22 bits. */
const addresses = (IpAddress, pid) => {
  const child = (10 << 24) | (pid << 1);
  return { child: IpAddress.v4(child), parent: IpAddress.v4(child | 1) };
};

/** Packets over a stream, each behind its length. */
class StreamLink {
  name = 'child';
  mtu = 65535;
  offload = { checksum: true, maxGso: 0 };
  #stream;
  #now;
  #sink;
  #waiting = Buffer.alloc(0);
  /** Of each connection, by its ports: the last segment that went out, addresses and all. */
  #sent = new Map();
  #dead = false;

  constructor(stream, now) {
    this.#stream = stream;
    this.#now = now;
    stream.on('data', (bytes) => this.#gather(bytes));
    stream.on('error', () => {});
    stream.on('close', () => {
      this.#dead = true;
      for (const packet of this.#sent.values()) this.#refuse(packet);
    });
  }

  attach(sink) {
    this.#sink = sink;
  }

  allocate(length) {
    return { bytes: new Uint8Array(length), offset: 0, length: 0, checksum: 0, gsoSize: 0 };
  }

  transmit({ bytes, offset, length }) {
    const packet = Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
    if (this.#dead) {
      setImmediate(() => this.#refuse(packet));
      return true;
    }
    this.#sent.set(packet.readUInt32BE(20), packet.subarray(0, 40));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    this.#stream.cork();
    this.#stream.write(head);
    this.#stream.write(packet);
    this.#stream.uncork();
    return true;
  }

  release() {}
  close() {
    this.#stream.destroy();
  }

  /** RFC 9293 §3.10.7.1: a segment with an ACK is answered with a RST whose sequence number that is. */
  #refuse(packet) {
    if ((packet[33] & ACK) === 0 || (packet[33] & RST) !== 0) return;
    const answer = Buffer.from(packet.subarray(0, 40));
    packet.copy(answer, 12, 16, 20);
    packet.copy(answer, 16, 12, 16);
    packet.copy(answer, 20, 22, 24);
    packet.copy(answer, 22, 20, 22);
    packet.copy(answer, 24, 28, 32);
    answer.writeUInt32BE(0, 28);
    answer.writeUInt16BE((5 << 12) | RST, 32);
    answer.writeUInt16BE(40, 2);
    answer.writeUInt16BE(0, 10);
    let sum = 0;
    for (let i = 0; i < 20; i += 2) sum += answer.readUInt16BE(i);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    answer.writeUInt16BE(~sum & 0xffff, 10);
    this.#deliver(answer);
  }

  #gather(bytes) {
    let all = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
    while (all.length >= 4 && all.length >= 4 + all.readUInt32BE(0)) {
      const end = 4 + all.readUInt32BE(0);
      this.#deliver(Buffer.from(all.subarray(4, end)));
      all = all.subarray(end);
    }
    this.#waiting = all;
  }

  #deliver(packet) {
    const now = this.#now();
    this.#sink?.receive(
      { bytes: packet, offset: 0, length: packet.length, checksum: CHECKSUM_PARTIAL, gsoSize: 0 },
      now,
    );
    this.#sink?.flush(now);
  }
}

/**
 * `modules`: `createNet`, `stack` and `net` of `synfin/net`, `Stack`, `NodeHost`, `IpAddress`. `real`: the kernel's net. `wrap`: the words that a
 * Node needs to be started with this hook. Gives the `net` of this process.
 */
exports.join = ({ createNet, stack, net, Stack, NodeHost, IpAddress }, real, { environment, flags }) => {
  const { Socket, Server } = real;
  const { connect } = Socket.prototype;
  const { listen } = Server.prototype;
  const parent = process.env[LINK];
  const now = () => stack.host.now();

  // What this process starts as Node has the hook too.
  const node = process.execPath;
  const door = join(process.env.NODE_TEST_DIR, `node-${process.pid}`);
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = [...Object.entries(environment).map(([name, value]) => `${name}=${quoted(value)}`), 'exec'];
  writeFileSync(door, `#!/bin/sh\n${[...words, quoted(node), ...flags.map(quoted)].join(' ')} "$@"\n`);
  chmodSync(door, 0o755);
  process.execPath = door;

  let path;
  const open = () => {
    if (path !== undefined) return path;
    path = `\0synfin-suite-${process.pid}`;
    const server = new Server((stream) => {
      stream.unref();
      stream.once('readable', () => {
        const head = stream.read(4);
        if (head === null) return;
        const { child, parent: here } = addresses(IpAddress, head.readUInt32BE(0));
        const link = new StreamLink(stream, now);
        stack.addDevice(link, [{ address: here, prefixLength: 32 }]);
        stack.addRoute(child, 32, link);
      });
    });
    Reflect.apply(listen, server, [path]);
    server.unref();
    return path;
  };
  const { spawn } = ChildProcess.prototype;
  ChildProcess.prototype.spawn = function (options, ...rest) {
    if (Array.isArray(options?.envPairs)) {
      const others = options.envPairs.filter((pair) => !pair.startsWith(`${LINK}=`));
      options.envPairs = [...others, `${LINK}=${open().replace('\0', '@')}`];
    }
    return Reflect.apply(spawn, this, [options, ...rest]);
  };
  if (parent === undefined) return net;

  let far;
  const reach = () => {
    if (far !== undefined) return far;
    const { child, parent: there } = addresses(IpAddress, process.pid);
    const stream = new Socket();
    Reflect.apply(connect, stream, [{ path: parent.replace('@', '\0') }]);
    stream.unref();
    const head = Buffer.alloc(4);
    head.writeUInt32BE(process.pid);
    stream.write(head);
    const link = new StreamLink(stream, now);
    const outside = new Stack({ host: new NodeHost().unref(), loopback: false });
    outside.addDevice(link, [{ address: child, prefixLength: 32 }]);
    outside.addRoute(there, 32, link);
    far = (options) => outside.connect({ ...options, remoteAddress: there, localAddress: child });
    return far;
  };
  const listens = (port) => stack.connections().some((row) => row.state === 'LISTEN' && row.localPort === port);
  const both = new Proxy(stack, {
    get(target, name) {
      if (name === 'connect') {
        return (options) =>
          options.remoteAddress.isLoopback && !listens(options.remotePort) ? reach()(options) : target.connect(options);
      }
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return createNet(both);
};
