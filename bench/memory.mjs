// Our stack against itself, in one process, over a link in memory: frames of one segment, checksums computed and verified.
//
//   node --expose-gc bench/memory.mjs [--dist DIRECTORY] [--seconds S] [--count N] stream|crr|syn|idle|time-wait|half-open|tables|keep-alive
//
// stream, crr: MiB/s (--gso: frames of 64 KiB without checksums) and connections/s. syn: µs for each SYN that a cookie answers. idle, time-wait, half-open (--six: IPv6): bytes for each of N.
// tables: ns of a look-up and of a timer among N. keep-alive: idle CPU with N keep-alive timers. (What a million connections do to the others: bench/million.mjs.)
//
// `--gso`: frames of up to 64 KiB, whose checksums nobody computes, unless `--sums`. Says one line of JSON. Nothing of the kernel's TCP is in it, and no device: the cost of the protocol itself.
import { fileURLToPath } from 'node:url';
import { readArguments, whole } from '../scripts/command-line.mjs';
import { held, openBuild } from './lib/in-memory.mjs';

const { values, positionals } = readArguments(
  import.meta.url,
  {
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    seconds: { type: 'string', default: '2' },
    count: { type: 'string' },
    gso: { type: 'boolean', default: false },
    sums: { type: 'boolean', default: false },
    six: { type: 'boolean', default: false },
  },
  true,
);
const { load, Stack, Pair, IpAddress, LoopHost, linux, couple: makeCouple } = await openBuild(values.dist);
const couple = makeCouple(values.gso ? { maxGso: 65535, checksum: !values.sums } : {});
const { a, b } = couple;
const seconds = Number(values.seconds);

/** A stream from `a` to `b`. */
const stream = () => couple.stream(80).run(seconds, 0.7);

async function crr() {
  const request = new Uint8Array(64);
  let done = 0;
  b.listen({ port: 80, backlog: 65_535 }, (socket) => {
    socket.events = {
      onReadable() {
        socket.consume(() => {});
        socket.send(request);
        socket.close();
      },
    };
  });
  let stop = false;
  const one = () => {
    const socket = couple.connect(80);
    socket.events = {
      onConnect: () => socket.send(request),
      onReadable: () => socket.consume(() => {}),
      onEnd: () => socket.close(),
      onClose: () => {
        done++;
        if (!stop) one();
      },
    };
  };
  for (let i = 0; i < 64; i++) one();
  // Warm by what was done, not by the clock: on a busy machine little of it is ours.
  while (done < 5000) await couple.runFor(0.1);
  done = 0;
  const from = performance.now();
  const cpu = process.cpuUsage();
  await couple.runFor(seconds);
  stop = true;
  const took = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { 'conn/s': done / took, 'µs CPU/conn': (user + system) / done };
}

/** SYNs as of a flood, of ever other peers and without options but MSS: each is answered by a cookie. µs of CPU each. */
async function syn() {
  const [{ Segment, SYN }, { IpHeader, TCP }, { buildIp }, { buildTcp, fillChecksum }] = await Promise.all(
    ['wire/segment.js', 'wire/ip-header.js', 'wire/ip.js', 'wire/tcp.js'].map(load),
  );
  const wire = new Pair();
  const server = IpAddress.parse('10.0.0.2');
  const stack = new Stack({ host: new LoopHost({ turns: [] }), config: { ...linux, tcp_syncookies: 2 } });
  stack.addDevice(wire.b, [{ address: server, prefixLength: 24 }]);
  stack.addRoute(IpAddress.parse('0.0.0.0'), 0, wire.b);
  stack.listen({ port: 80 });
  let answers = 0;
  wire.a.attach({ receive: () => answers++, flush() {} });
  const segment = new Segment();
  Object.assign(segment, { destinationPort: 80, flags: SYN, mss: 1460, wnd: 64_240 });
  const header = new IpHeader();
  header.protocol = TCP;
  let x = 1;
  const one = () => {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    segment.sourcePort = 1024 + ((x >>> 8) & 0x7fff);
    segment.seq = x;
    header.setAddresses(IpAddress.v4(0xc6120000 | (x >>> 15)), server);
    const frame = wire.a.allocate(64);
    const length = buildTcp(segment, frame.bytes, frame.offset + 20);
    header.payloadLength = length;
    buildIp(header, frame.bytes, frame.offset);
    fillChecksum(frame.bytes, frame.offset + 20, length, header.pseudoSum(TCP, length));
    frame.length = 20 + length;
    return frame;
  };
  let spent = 0;
  const batch = async () => {
    for (let i = 0; i < 2048; i++) wire.a.transmit(one());
    const from = process.cpuUsage();
    wire.pump(stack.host.now());
    const { user, system } = process.cpuUsage(from);
    spent += user + system;
    wire.pump(stack.host.now());
    await new Promise(setImmediate);
  };
  for (let i = 0; i < 50; i++) await batch();
  answers = spent = 0;
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) await batch();
  return { 'µs CPU/SYN': spent / answers, SYNs: answers };
}

/** Bytes for each of many idle established connections; both ends are here: half of it is one end's. */
async function idle() {
  const count = values.count === undefined ? 20_000 : whole(values, 'count');
  const kept = [];
  const before = held();
  const keep = (socket) => kept.push(socket);
  await couple.connectMany(count, 80, keep, keep);
  const first = (held() - before) / kept.length;
  await couple.rest();
  return {
    'bytes/connection': (held() - before) / kept.length,
    'in the first seconds': first,
    connections: kept.length,
  };
}

/** Four-tuples of a server's port, of very many clients. */
function tupleOf(i) {
  const local = IpAddress.parse(values.six ? 'fd00::1' : '10.0.0.1');
  const host = i >>> 15;
  return {
    localAddress: local,
    localPort: 80,
    remoteAddress: values.six ? new IpAddress(6, 0x20010db8, host, 7 * host, 1) : IpAddress.v4(0x0b000000 + host),
    remotePort: 1024 + (i & 0x7fff),
  };
}

async function timeWait() {
  const { TimeWaitTable } = await load('stack/time-wait.js');
  const { HalfSipHash } = await load('stack/half-siphash.js');
  const count = values.count === undefined ? 1_000_000 : whole(values, 'count');
  const before = held();
  const table = new TimeWaitTable(new HalfSipHash(new Uint8Array(8).fill(7)), count);
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const record = {
      sndNxt: i,
      rcvNxt: i,
      rcvWnd: 65_535,
      rcvWindScale: 7,
      timestamps: true,
      tsRecent: i,
      tsOffset: 0,
      closeAt: 60e6 + i,
    };
    const tuple = tupleOf(i);
    const from = performance.now();
    table.add(tuple, record);
    worst = Math.max(worst, performance.now() - from);
  }
  return { 'bytes/entry': (held() - before) / table.count, entries: table.count, 'worst add, ms': worst };
}

async function halfOpen() {
  const { HalfOpenTable } = await load('stack/half-open.js');
  const { HalfSipHash } = await load('stack/half-siphash.js');
  const count = values.count === undefined ? 1_000_000 : whole(values, 'count');
  const before = held();
  const table = new HalfOpenTable(new HalfSipHash(new Uint8Array(8).fill(7)));
  const record = {
    ...{ irs: 1, iss: 2, sndWnd: 64_240, sndMss: 1460, sndWindScale: 7, sackOk: true, timestamps: true, tsRecent: 3 },
    ...{ tsOffset: 0, ecn: 0, synEcn: 0, retries: 0, retransmitted: false, deferred: false },
    lastInvalidAck: Number.NEGATIVE_INFINITY,
  };
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const tuple = tupleOf(i);
    const one = { ...record, retransmitAt: 1e6 + i };
    const from = performance.now();
    table.add(tuple, one, 1, 0, i);
    worst = Math.max(worst, performance.now() - from);
  }
  return { 'bytes/entry': (held() - before) / table.count, entries: table.count, 'worst add, ms': worst };
}

/** Time for one look-up, or one re-arming, with very many entries: in random order, and the same 64 again and again. */
async function tables() {
  const { Demux } = await load('stack/demux.js');
  const { HalfSipHash } = await load('stack/half-siphash.js');
  const { TupleTable } = await load('stack/tuple-table.js');
  const { TimerQueue } = await load('stack/timer-queue.js');
  const count = values.count === undefined ? 1_000_000 : whole(values, 'count');
  const demux = new Demux(new Uint8Array(8).fill(7));
  const local = IpAddress.parse('10.0.0.1');
  const remotes = Array.from({ length: (count >>> 15) + 1 }, (_, i) => IpAddress.v4(0x0b000000 + i));
  const item = (i) => ({
    localAddress: local,
    localPort: 80,
    remoteAddress: remotes[i >>> 15],
    remotePort: 1024 + (i & 0x7fff),
  });
  let pause = 0;
  for (let i = 0; i < count; i++) {
    const one = item(i);
    const from = performance.now();
    demux.insert(one);
    pause = Math.max(pause, performance.now() - from);
  }
  // What such a machine can do at most at this moment: the same keys in the plainest table, without a secret, whose value is a number.
  const mask = 2 ** Math.ceil(Math.log2(count * 1.5)) - 1;
  const slots = new Int32Array(4 * (mask + 1));
  const plain = (i) => {
    const remote = 0x0b000000 + (i >>> 15);
    const ports = (80 << 16) | (1024 + (i & 0x7fff));
    let hash = Math.imul(remote ^ Math.imul(ports, 0x9e3779b1), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
    let slot = (hash ^ (hash >>> 13)) & mask;
    while (slots[4 * slot] !== 0 && (slots[4 * slot + 1] !== ports || slots[4 * slot + 3] !== remote))
      slot = (slot + 1) & mask;
    return slot;
  };
  for (let i = 0; i < count; i++) {
    const at = 4 * plain(i);
    slots[at] = i + 1;
    slots[at + 1] = (80 << 16) | (1024 + (i & 0x7fff));
    slots[at + 3] = 0x0b000000 + (i >>> 15);
  }
  const timers = new TimerQueue();
  for (let i = 0; i < count; i++) timers.arm(timers.add(i), 1e6 + ((i * 7919) % 60e6));
  const order = new Int32Array(1 << 20);
  let x = 1;
  for (let i = 0; i < order.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    order[i] = (x >>> 8) % count;
  }
  const local3 = 0x0a000001;
  // The place of a connection, by its key; what a program gets is the object there, one more line of memory away.
  const table = new TupleTable(new HalfSipHash(new Uint8Array(8).fill(7)), false);
  const key = (i) => [0, 0, 0xffff, local3, 0, 0, 0xffff, 0x0b000000 + (i >>> 15), (80 << 16) | (1024 + (i & 0x7fff))];
  for (let i = 0; i < count; i++) table.insert(...key(i), i);
  const place = (i) =>
    table.find(0, 0, 0xffff, local3, 0, 0, 0xffff, 0x0b000000 + (i >>> 15), (80 << 16) | (1024 + (i & 0x7fff)));
  const find = (i) =>
    demux.findWords(4, 0, 0, 0xffff, local3, 0, 0, 0xffff, 0x0b000000 + (i >>> 15), (80 << 16) | (1024 + (i & 0x7fff)));
  let deadline = 61e6;
  const later = (i) => timers.arm(i, ++deadline);
  const sooner = (i) => timers.arm(i, 900_000 + ((i * 31) % 100_000));
  const time = (action, of) => {
    let best = Infinity;
    for (let round = 0; round < 5; round++) {
      const from = process.hrtime.bigint();
      for (let i = 0; i < order.length; i++) action(of(i));
      best = Math.min(best, Number(process.hrtime.bigint() - from) / order.length);
    }
    return best;
  };
  for (let i = 0; i < 1000; i++) if (find(order[i]) === null) throw new Error('not found');
  const random = (i) => order[i];
  const hot = (i) => order[i & 63];
  return {
    'plain table ns, random': time(plain, random),
    'plain table ns, hot': time(plain, hot),
    'demux ns, random': time(place, random),
    'demux ns, hot': time(place, hot),
    'demux with its object ns, random': time(find, random),
    'demux with its object ns, hot': time(find, hot),
    'demux, worst insertion, ms': pause,
    'timer later ns, random': time(later, random),
    'timer later ns, hot': time(later, hot),
    'timer anew ns, random': time(sooner, random),
  };
}

/** CPU of idle connections whose keep-alive timers are armed, %. */
async function keepAlive() {
  const count = values.count === undefined ? 100_000 : whole(values, 'count');
  const kept = [];
  const keep = (socket) => {
    socket.setKeepAlive(true);
    kept.push(socket);
  };
  await couple.connectMany(count / 2, 80, keep, keep);
  await couple.rest();
  globalThis.gc();
  const sleep = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
  // Collecting goes on in other threads for a moment.
  await sleep(1);
  const from = performance.now();
  const cpu = process.cpuUsage();
  await sleep(Math.max(5, seconds));
  const { user, system } = process.cpuUsage(cpu);
  const percent = (user + system) / 10 / (performance.now() - from);
  return { timers: a.stats().timers + b.stats().timers, 'CPU, %': percent, seconds: Math.max(5, seconds) };
}

const JOBS = {
  stream,
  crr,
  syn,
  idle,
  'time-wait': timeWait,
  'half-open': halfOpen,
  tables,
  'keep-alive': keepAlive,
};
const job = JOBS[positionals[0] ?? 'stream'];
if (job === undefined) {
  console.error(`bench/memory.mjs: ${Object.keys(JOBS).join(' | ')}`);
  process.exit(2);
}
if (globalThis.gc === undefined && job !== stream && job !== crr && job !== syn && job !== tables) {
  console.error('bench/memory.mjs: run it with node --expose-gc');
  process.exit(2);
}
console.log(JSON.stringify(await job()));
process.exit(0);
