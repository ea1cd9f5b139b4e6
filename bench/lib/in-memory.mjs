// Two stacks of ours joined by a link in memory, in one process, and what is asked of them: a stream, requests, very many connections.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const BLOCK = new Uint8Array(64 * 1024);
const MESSAGE = new Uint8Array(64);
/** After so many seconds nothing is under way any more: the last acknowledgment was delayed. */
const QUIET = 0.06;

/** What there is to load of a build: `load` gives a module of it, `couple` two stacks joined. */
export async function openBuild(dist) {
  const load = (path) => import(pathToFileURL(`${dist}/${path}`).href);
  const [{ Stack }, { linux }, { Pair }, { NodeHost }, { IpAddress }] = await Promise.all([
    load('stack/stack.js'),
    load('tcp/config.js'),
    load('link/pair.js'),
    load('node/host.js'),
    load('wire/address.js'),
  ]);

  /** A stack's host; its timers are the machine's, its turns are kept in `agenda`, where whoever made it runs them. */
  class LoopHost extends NodeHost {
    #agenda;
    constructor(agenda) {
      super();
      this.#agenda = agenda;
      this.unref();
    }
    soon(callback) {
      this.#agenda.turns.push(callback);
    }
  }

  const config = {
    ...linux,
    ip_local_port_range: [1024, 65_535],
    tcp_max_tw_buckets: 4_000_000,
    tcp_max_syn_backlog: 65_536,
    somaxconn: 65_536,
    restAfter: 500_000,
    timeWait: 3600e6,
  };

  /** 10.0.0.1 and 10.0.0.2. `link`: as `Pair` takes it. */
  const couple = (link = {}) => {
    const pair = new Pair(link);
    const agenda = { turns: [] };
    const [a, b] = [pair.a, pair.b].map((device, i) => {
      const stack = new Stack({ host: new LoopHost(agenda), config });
      stack.addDevice(device, [{ address: IpAddress.parse(`10.0.0.${i + 1}`), prefixLength: 8 }]);
      return stack;
    });
    return new Couple(a, b, pair, agenda, IpAddress.parse('10.0.0.2'));
  };

  return { load, Stack, Pair, IpAddress, LoopHost, linux, couple };
}

/** The stack `a`, which opens connections, and `b`, which accepts them. */
class Couple {
  #pair;
  /** Turns that were asked for, of both stacks. */
  #agenda;
  #address;

  constructor(a, b, pair, agenda, address) {
    this.a = a;
    this.b = b;
    this.#pair = pair;
    this.#agenda = agenda;
    this.#address = address;
  }

  /** What is asked for, once: false where there was nothing. */
  #step() {
    const moved = this.#pair.pump(this.a.host.now());
    const { turns } = this.#agenda;
    if (turns.length === 0) return moved;
    this.#agenda.turns = [];
    for (const turn of turns) turn();
    return true;
  }

  /** Until nothing is left to do. */
  settle() {
    while (this.#step());
  }

  /** Until `seconds` have passed on the clock: what waits for a timer gets it. */
  async runFor(seconds) {
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      for (let i = 0; i < 64 && this.#step(); i++);
      await new Promise(setImmediate);
    }
  }

  close() {
    this.a.close();
    this.b.close();
    this.#pair.close();
  }

  connect(port) {
    return this.a.connect({ remoteAddress: this.#address, remotePort: port });
  }

  /**
   * A stream from `a` to `b`. `run` has it flow for a while and says MiB a second, and a second of CPU; between two runs nothing is under way.
   */
  stream(port) {
    let got = 0;
    let going = false;
    const take = (bytes) => {
      got += bytes.length;
    };
    const listener = this.b.listen({ port }, (socket) => {
      socket.events = { onReadable: () => socket.consume(take) };
    });
    const socket = this.connect(port);
    const pump = () => {
      while (going && socket.send(BLOCK, false) === BLOCK.length);
    };
    socket.events = { onConnect: pump, onWritable: pump };
    const run = async (seconds, warm) => {
      going = true;
      pump();
      await this.runFor(warm);
      got = 0;
      const { took, cpu, own } = await this.#timed(seconds);
      const mebibytes = got / 2 ** 20;
      going = false;
      await this.runFor(QUIET);
      return { 'MiB/s': mebibytes / took, 'MiB/core-s': mebibytes / cpu, 'MiB/core-s, main thread': mebibytes / own };
    };
    return { run, end: () => this.#end(socket, listener) };
  }

  /** Requests and responses of 64 bytes, one after the other; `run` says µs for each, and µs of CPU. */
  asking(port) {
    let done = 0;
    let going = false;
    const drop = () => {};
    const listener = this.b.listen({ port }, (socket) => {
      socket.events = {
        onReadable() {
          socket.consume(drop);
          socket.send(MESSAGE);
        },
      };
    });
    const socket = this.connect(port);
    const ask = () => {
      if (going) socket.send(MESSAGE);
    };
    socket.events = {
      onConnect: ask,
      onReadable() {
        socket.consume(drop);
        done++;
        ask();
      },
    };
    const run = async (seconds, warm) => {
      going = true;
      ask();
      await this.runFor(warm);
      done = 0;
      const { took, cpu, own } = await this.#timed(seconds);
      const each = (time) => (time * 1e6) / done;
      const figures = {
        'µs/request': each(took),
        'µs CPU/request': each(cpu),
        'µs CPU/request, main thread': each(own),
      };
      going = false;
      await this.runFor(QUIET);
      return figures;
    };
    return { run, end: () => this.#end(socket, listener) };
  }

  #end(socket, listener) {
    socket.abort();
    listener.close();
    this.settle();
  }

  /** Runs, and says how long that took, what CPU, and what of that in this thread (the others compile and collect garbage), s. */
  async #timed(seconds) {
    const from = performance.now();
    const before = process.cpuUsage();
    const own = mainThread();
    await this.runFor(seconds);
    const { user, system } = process.cpuUsage(before);
    return { took: (performance.now() - from) / 1000, cpu: (user + system) / 1e6, own: mainThread() - own };
  }

  /** `count` connections, 50,000 to a port from `port` on: `accepted` and `opened` get the sockets of both ends. */
  async connectMany(count, port, accepted, opened) {
    const ports = Math.ceil(count / 50_000);
    for (let p = 0; p < ports; p++) {
      this.b.listen({ port: port + p, backlog: 65_535 }, accepted);
      for (let i = 0; i < count / ports; i++) {
        opened(this.connect(port + p));
        if (i % 64 !== 63) continue;
        this.settle();
        // Timers: the first ones come to rest while others are still made.
        if (i % 1024 === 1023) await this.runFor(0.01);
      }
      this.settle();
    }
  }

  /** Until all connections are at rest: nobody has to hurry for that. */
  async rest() {
    for (let i = 0; i < 120; i++) {
      await this.runFor(1);
      if ([this.a, this.b].every((stack) => stack.stats().dormant === stack.stats().connections)) break;
    }
    await this.runFor(1);
  }
}

/** CPU that the process's first thread has had, s. */
function mainThread() {
  return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[0]) / 1e9;
}

/** Bytes of everything, after collecting: the heap, and what array buffers hold outside of it. */
export function held() {
  for (let i = 0; i < 4; i++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
