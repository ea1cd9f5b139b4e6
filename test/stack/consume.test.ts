import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Pair } from '../../src/link/pair.ts';
import { Stack } from '../../src/stack/stack.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { VirtualTime } from '../support/virtual-host.ts';

describe('TcpSocket.consume', () => {
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
