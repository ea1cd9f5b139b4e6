// Our side of the benchmark: the services of `peers/peer.c server`, by our TCP on a TUN device in the network namespace of the process.
//
//   node bench/server.mjs [--dist DIRECTORY] [--plain] [--mtu BYTES] [--config JSON] [--receive] [--spin MICROSECONDS]
//
// Says "ready" when it listens. `--dist`: another build of ours, to compare with. `--plain`: frames of one packet each, no offloads.
// `--config`: changes to the profile `linux`. `--receive`: the sink keeps what it gets, for the collector, instead of giving it back.
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    dist: { type: 'string', default: new URL('../dist', import.meta.url).pathname },
    plain: { type: 'boolean', default: false },
    mtu: { type: 'string', default: '1500' },
    spin: { type: 'string', default: '0' },
    receive: { type: 'boolean', default: false },
    config: { type: 'string', default: '{}' },
  },
});
const load = (path) => import(pathToFileURL(`${values.dist}/${path}`).href);
const [{ Stack }, { linux }, { openTun }, { NodeHost }, { IpAddress }] = await Promise.all([
  load('stack/stack.js'),
  load('tcp/config.js'),
  load('node/tun.js'),
  load('node/host.js'),
  load('wire/address.js'),
]);

const host = new NodeHost();
const stack = new Stack({ host, config: { ...linux, ...JSON.parse(values.config) } });
const device = openTun({
  addresses: ['10.9.0.1/24'],
  mtu: Number(values.mtu),
  vnetHeader: !values.plain,
  spin: Number(values.spin),
});
stack.addDevice(device, [{ address: IpAddress.parse('10.9.0.2'), prefixLength: 24 }]);

const BLOCK = new Uint8Array(256 * 1024);

/** Bytes that the sinks have seen. */
let taken = 0;
const take = (bytes) => {
  taken += bytes.length;
};

function sink(socket) {
  const read = () => {
    if (values.receive) while (socket.receive() !== null);
    else socket.consume(take);
  };
  socket.events = {
    onReadable: read,
    onEnd: () => socket.close(),
  };
}

function source(socket) {
  let at = 0;
  const pump = () => {
    for (;;) {
      const taken = socket.send(at === 0 ? BLOCK : BLOCK.subarray(at), false);
      if (taken < 0) return;
      at += taken;
      if (at < BLOCK.length) return;
      at = 0;
    }
  };
  socket.events = { onWritable: pump, onEnd: () => socket.abort() };
  pump();
}

function answer(socket, once) {
  const serve = () => {
    for (let bytes = socket.receive(); bytes !== null; bytes = socket.receive()) {
      socket.send(bytes);
      if (once) {
        socket.close();
        return;
      }
    }
  };
  socket.events = { onReadable: serve, onEnd: () => socket.close() };
  if (socket.readable > 0) serve();
}

stack.listen({ port: 7001 }, sink);
stack.listen({ port: 7002 }, source);
stack.listen({ port: 7003 }, (socket) => answer(socket, true));
stack.listen({ port: 7004 }, (socket) => answer(socket, false));

process.on('SIGTERM', () => {
  if (process.env.SYNFIN_BENCH_STATS !== undefined) {
    const { counters, ipCounters } = stack;
    const said = Object.entries({ ...counters, ...ipCounters }).filter(
      ([, value]) => typeof value === 'number' && value > 0,
    );
    console.error(JSON.stringify({ taken, received: device.received, sent: device.sent, ...Object.fromEntries(said) }));
  }
  process.exit(0);
});
console.log('ready');
