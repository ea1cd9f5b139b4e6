import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Device, Frame } from '../../src/link/device.ts';
import { Pair } from '../../src/link/pair.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { Stack } from '../../src/stack/stack.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { describeFlags } from '../../src/wire/describe.ts';
import { VirtualTime } from '../support/virtual-host.ts';

/** A server that does `serve` with each connection, and a client; what the server sends is written down as `flags length`. */
function world(serve: (socket: TcpSocket) => void) {
  const time = new VirtualTime();
  const pair = new Pair();
  const out: string[] = [];
  const client = new Stack({ host: time.host() });
  const server = new Stack({
    host: time.host(),
    trace: {
      segment: (direction, _, segment) => {
        if (direction === 'out') out.push(`${describeFlags(segment.flags)} ${segment.payloadLength}`);
      },
      state() {},
      timer() {},
      drop() {},
    },
  });
  client.addDevice(pair.a, [{ address: IpAddress.of('10.0.0.1'), prefixLength: 24 }]);
  server.addDevice(pair.b, [{ address: IpAddress.of('10.0.0.2'), prefixLength: 24 }]);
  server.listen({ port: 80 }, serve);
  const connect = (request: string) => {
    const socket = client.connect({ remoteAddress: IpAddress.of('10.0.0.2'), remotePort: 80 });
    socket.send(new TextEncoder().encode(request));
    socket.events = { onReadable: () => socket.consume(() => {}), onEnd: () => socket.close() };
    return socket;
  };
  return { time, out, connect, run: (until?: number) => time.run((now) => pair.pump(now), until) };
}

const answer = new Uint8Array(100);

describe('Connection: what an application says inside a callback', () => {
  it('leaves in one segment: the ACK of the request, the answer in two pieces, and the end', () => {
    const { out, connect, run } = world((socket) => {
      socket.events = {
        onReadable() {
          socket.receive();
          socket.send(answer);
          socket.send(answer);
          socket.close();
        },
      };
    });
    const socket = connect('GET');
    run(1_000_000);
    expect(out).toEqual(['S. 0', 'FP. 200', '. 0']);
    expect(socket.bytesReceived).toBe(200);
  });

  it('leaves when it throws, too', () => {
    const { out, connect, run } = world((socket) => {
      socket.events = {
        onReadable() {
          socket.send(answer);
          throw new Error('its own');
        },
      };
    });
    connect('GET');
    expect(() => run(1_000_000)).toThrow('its own');
    run(1_000_000);
    expect(out).toEqual(['S. 0', 'P. 100']);
  });

  it('leaves at once where it is said outside of one', () => {
    let accepted: TcpSocket | undefined;
    const { out, connect, run } = world((socket) => {
      accepted = socket;
    });
    connect('GET');
    run(1_000);
    // Nobody answered in this turn: the ACK left at its end.
    expect(out).toEqual(['S. 0', '. 0']);
    accepted!.send(answer);
    expect(out.at(-1)).toBe('P. 100');
  });

  it('acknowledges a request at the end of the turn, and two full segments before the application hears of them', () => {
    let acks = -1;
    const { out, connect, run } = world((socket) => {
      socket.events = {
        onReadable() {
          acks = out.length;
          socket.consume(() => {});
        },
      };
    });
    const socket = connect('GET');
    run(1_000);
    expect(acks).toBe(1);
    expect(out).toEqual(['S. 0', '. 0']);
    socket.send(new Uint8Array(2 * 1448));
    run(2_000);
    expect(acks).toBe(3);
    expect(out.at(-1)).toBe('. 0');
  });
});

describe('a device that takes longer super-segments of IPv4', () => {
  it.each([
    ['10.0.0.2', 65_536, 100_000],
    ['fd00::2', 64_000, 65_535],
  ])('to %s gets them, of %i … %i bytes', (address, least, most) => {
    const time = new VirtualTime();
    const pair = new Pair({ maxGso: 65_535, checksum: true });
    let longest = 0;
    const device: Device = {
      name: 'long',
      mtu: 1500,
      offload: { checksum: true, maxGso: 65_535, maxGsoIpv4: 100_000 },
      attach: (sink) => pair.a.attach(sink),
      allocate: (length) => (length > 65_535 ? new Frame(new Uint8Array(length)) : pair.a.allocate(length)),
      release: (frame) => pair.a.release(frame),
      close() {},
      transmit: (frame) => {
        longest = Math.max(longest, frame.length);
        // The peer of this test takes no longer ones: they are lost on the way.
        return frame.length > 65_535 || pair.a.transmit(frame);
      },
    };
    const [a, b] = [new Stack({ host: time.host() }), new Stack({ host: time.host() })];
    const prefixLength = address.includes(':') ? 64 : 24;
    a.addDevice(device, [{ address: IpAddress.of(address.replace('2', '1')), prefixLength }]);
    b.addDevice(pair.b, [{ address: IpAddress.of(address), prefixLength }]);
    b.listen({ port: 80 }, (socket) => {
      socket.events = { onReadable: () => socket.consume(() => {}) };
    });
    const socket = a.connect({ remoteAddress: IpAddress.of(address), remotePort: 80 });
    let left = 4 << 20;
    const more = () => {
      for (let n = 1; n > 0 && left > 0; left -= n) n = Math.max(0, socket.send(new Uint8Array(left), false));
    };
    socket.events = { onConnect: more, onWritable: more };
    time.run((now) => pair.pump(now), time.now + 2_000_000);
    expect(longest).toBeGreaterThanOrEqual(least);
    expect(longest).toBeLessThanOrEqual(most);
  });
});

describe('Connection.consume', () => {
  it.each([
    { name: 'single segments', maxGso: 0 },
    { name: 'segments of 64 KiB', maxGso: 65_535 },
  ])('carries a stream through a window much smaller than it: $name', ({ maxGso }) => {
    const time = new VirtualTime();
    const pair = new Pair({ maxGso, checksum: maxGso > 0 });
    const ends = ['10.0.0.1', '10.0.0.2'].map((text, i) => {
      const stack = new Stack({ host: time.host() });
      stack.addDevice(i === 0 ? pair.a : pair.b, [{ address: IpAddress.of(text), prefixLength: 24 }]);
      return stack;
    });
    const text = new Uint8Array(5 << 20).map((_, i) => (i * 7) ^ (i >>> 9));
    const hash = createHash('sha256');
    let got = 0;
    let over = false;
    ends[1]!.listen({ port: 80 }, (socket) => {
      const read = () => {
        got += socket.consume((bytes) => {
          hash.update(bytes);
          // Any call is allowed here: the peer's window update leaves with one of these.
          if (got === 0) socket.send(bytes.subarray(0, 1));
        });
      };
      socket.events = {
        onReadable: read,
        onEnd: () => {
          read();
          expect(socket.ended).toBe(true);
          socket.close();
        },
        onClose: (failure) => {
          over = failure === null;
        },
      };
      read();
    });
    let sent = 0;
    const client = ends[0]!.connect({ remoteAddress: IpAddress.of('10.0.0.2'), remotePort: 80 });
    const more = () => {
      for (let n = 1; n > 0 && sent < text.length; sent += n) n = Math.max(0, client.send(text.subarray(sent), false));
      if (sent === text.length) client.shutdown();
    };
    let echoed = 0;
    const echo = () => {
      echoed += client.consume(() => {});
    };
    client.events = { onConnect: more, onWritable: more, onReadable: echo, onEnd: echo };
    time.run((now) => pair.pump(now));
    expect(got).toBe(text.length);
    expect(hash.digest('hex')).toBe(createHash('sha256').update(text).digest('hex'));
    expect(echoed).toBeGreaterThan(0);
    expect(over).toBe(true);
    for (const stack of ends) expect(stack.stats()).toMatchObject({ connections: 0, buffered: 0 });
  });
});
