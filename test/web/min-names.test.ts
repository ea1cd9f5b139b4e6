import { expect, it } from 'vitest';
import * as source from '../../src/web/index.ts';

const built = (await import(new URL('../../dist/web.min.js', import.meta.url).href)) as typeof source;

/** What each of them calls what it shows. Private fields of the source that TypeScript alone hides are none of it. */
function members({
  connect,
  IpAddress,
  linux,
  Listener,
  listen,
  MessageLink,
  Stack,
  StackError,
  WebHost,
}: typeof source) {
  const stack = new Stack({ host: new WebHost() });
  const listener = stack.listen({ port: 7 });
  const tcp = stack.connect({ remoteAddress: IpAddress.of('127.0.0.1'), remotePort: 7 });
  const socket = connect('127.0.0.1:7', { stack });
  socket.opened.catch(() => {});
  socket.closed.catch(() => {});
  const packets: Uint8Array[] = [];
  const nothing = () => {};
  const postMessage = (packet: Uint8Array | null) => packet !== null && packets.push(packet);
  const port = { addEventListener: nothing, removeEventListener: nothing, postMessage };
  const link = new MessageLink(port as never, { clock: () => 0 });
  const made = {
    linux,
    counters: stack.counters,
    ipCounters: stack.ipCounters,
    stats: stack.stats(),
  };
  const shown = { offload: link.offload, frame: link.allocate(9), link, stack };
  const more = { listener: listen({ stack }), error: new StackError('EINVAL', '') };
  const classes = { Stack, WebHost, IpAddress, MessageLink, Listener };
  const sorted = (of: object) => Object.getOwnPropertyNames(of).sort();
  stack.addDevice(link, [{ address: IpAddress.of('10.0.0.1'), prefixLength: 24 }]);
  stack.addRoute(IpAddress.of('10.1.0.0'), 16, link, { mtu: 700, advmss: 600, lockMtu: true });
  const options = { maxSegment: 555, keepAliveTime: 5_000_000, dscp: 8 };
  stack.connect({ remoteAddress: IpAddress.of('10.1.0.1'), remotePort: 7, options });
  const syn = packets[0]!;
  const names = {
    // Class, length, TTL; MSS and what follows it, up to the timestamp.
    syn: [syn[1], syn.length, syn[8], [...syn.subarray(40, 46)]],
    own: Object.entries({ ...made, ...shown, ...more }).map(([what, object]) => [what, sorted(object)]),
    prototypes: Object.entries(classes).map(([what, { prototype }]) => [what, sorted(prototype)]),
    drops: sorted(stack.counters.drops),
    socket: sorted(Object.getPrototypeOf(socket)),
    connection: [
      'send',
      'receive',
      'consume',
      'shutdown',
      'close',
      'abort',
      'info',
      'setOptions',
      'state',
      'events',
    ].filter((name) => name in tcp),
    tcpListener: ['accept', 'close', 'localPort', 'localAddress', 'onConnection'].filter((name) => name in listener),
  };
  stack.close();
  link.close();
  return names;
}

it('synfin/web/min exports what synfin/web does', () =>
  expect(Object.keys(built).sort()).toEqual(Object.keys(source).sort()));

it('and has the same names in all that is seen from outside', () => expect(members(built)).toEqual(members(source)));
