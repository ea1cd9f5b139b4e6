import { afterEach, describe, expect, it } from 'vitest';
import { Stack } from '../../src/stack/stack.ts';
import { linux } from '../../src/tcp/config.ts';
import { connect } from '../../src/web/connect.ts';
import { WebHost } from '../../src/web/host.ts';
import { listen } from '../../src/web/listen.ts';
import { MessageLink, type PortLike } from '../../src/web/message-link.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { all, bytes } from './support.ts';

const host = new WebHost();
const clock = () => host.now();
let close: () => void = () => {};
afterEach(() => close());

function two(mtu?: number): { a: Stack; b: Stack; links: MessageLink[]; ports: PortLike[] } {
  const channel = new MessageChannel() as unknown as { port1: PortLike; port2: PortLike };
  const ports = [channel.port1, channel.port2];
  const links = ports.map((port) => new MessageLink(port, { clock, ...(mtu !== undefined && { mtu }) }));
  const [a, b] = links.map((link, i) => {
    const stack = new Stack({ host: new WebHost(), config: { ...linux, timeWait: 1000 } });
    stack.addDevice(link, [{ address: IpAddress.of(`10.0.0.${i + 1}`), prefixLength: 24 }]);
    return stack;
  });
  close = () => {
    a!.close();
    b!.close();
    for (const port of ports) (port as unknown as { close(): void }).close();
  };
  return { a: a!, b: b!, links, ports };
}

describe('MessageLink', () => {
  it.each([undefined, 1500])('carries a conversation between two contexts (mtu %s)', async (mtu) => {
    const { a, b } = two(mtu);
    const listener = listen({ stack: b, port: 7 });
    (async () => {
      for await (const socket of listener) socket.readable.pipeTo(socket.writable);
    })();
    const body = bytes(3_000_000);
    const socket = connect('10.0.0.2:7', { stack: a });
    const received = all(socket.readable);
    const writer = socket.writable.getWriter();
    await writer.write(body);
    await writer.close();
    expect(Buffer.compare(await received, body)).toBe(0);
    await socket.closed;
    listener.close();
    // Nothing is lost; but where the machine is busy TLP may ask after what only waits.
    expect(a.counters.RetransSegs).toBeLessThanOrEqual(a.counters.TCPLossProbes);
  });

  it('is not upset by what is no packet', async () => {
    const { b, links, ports } = two();
    for (const message of ['text', 5, {}, new Uint8Array(70_000), new Uint8Array([1, 2, 3]), [null]]) {
      ports[0]!.postMessage(message, []);
    }
    await expect.poll(() => links[1]!.malformed).toBe(5);
    expect(b.stats().connections).toBe(0);
  });

  it('tells the other end that it has closed', async () => {
    const { a, links } = two();
    const told = new Promise<void>((resolve) => {
      links[1]!.onClosed = resolve;
    });
    a.close();
    await told;
    expect(links[0]!.transmit(links[0]!.allocate(20))).toBe(false);
  });

  it('refuses packets beyond its mtu, and an mtu that is none', () => {
    const { links, ports } = two(1500);
    const frame = links[0]!.allocate(2000);
    frame.length = 2000;
    expect(links[0]!.transmit(frame)).toBe(false);
    expect(() => new MessageLink(ports[0]!, { clock, mtu: 10 })).toThrow(RangeError);
  });
});
