import { describe, expect, it } from 'vitest';
import { CHECKSUM_COMPLETE, CHECKSUM_PARTIAL, type FrameSink } from '../../src/link/device.ts';
import { Loopback } from '../../src/link/loopback.ts';
import { Pair } from '../../src/link/pair.ts';
import { FramePool } from '../../src/link/pool.ts';
import { send } from './support/packets.ts';

/** A receiver that writes down what it is told. */
function recorder(log: string[], onFrame: (first: number) => void = () => {}): FrameSink {
  return {
    receive(frame, now) {
      const text = frame.bytes.subarray(frame.offset, frame.offset + frame.length).join();
      log.push(`${text} @${now} checksum ${frame.checksum} gso ${frame.gsoSize}`);
      onFrame(frame.bytes[frame.offset]!);
    },
    flush: (now) => log.push(`flush @${now}`),
  };
}

const ignore: FrameSink = { receive() {}, flush() {} };

describe('Pair', () => {
  it('delivers a batch to the other end when pumped, with one flush after it', () => {
    const pair = new Pair();
    const log: string[] = [];
    pair.b.attach(recorder(log));
    expect(send(pair.a, [1, 2])).toBe(true);
    expect(send(pair.a, [3])).toBe(true);
    expect(log).toEqual([]);
    expect(pair.pump(7)).toBe(true);
    expect(log).toEqual(['1,2 @7 checksum 0 gso 0', '3 @7 checksum 0 gso 0', 'flush @7']);
    expect(pair.pump(8)).toBe(false);
    expect(log).toHaveLength(3);
    expect(pair.outstanding).toBe(0);
  });

  it('never calls a receiver inside transmit: an answer waits for the next pump', () => {
    const pair = new Pair();
    const log: string[] = [];
    let inside = false;
    pair.b.attach(
      recorder(log, (first) => {
        inside = true;
        send(pair.b, [first + 1]);
        expect(pair.pump(0)).toBe(false);
        inside = false;
      }),
    );
    pair.a.attach(recorder(log, () => expect(inside).toBe(false)));
    send(pair.a, [10]);
    pair.pump(1);
    expect(log).toEqual(['10 @1 checksum 0 gso 0', 'flush @1']);
    pair.pump(2);
    expect(log.slice(2)).toEqual(['11 @2 checksum 0 gso 0', 'flush @2']);
  });

  it('lets the exception of a receiver out, and keeps the frames behind it', () => {
    let asked = 0;
    const pair = new Pair({ onPending: () => asked++ });
    const log: string[] = [];
    pair.b.attach(
      recorder(log, (first) => {
        if (first === 2) throw new Error('the application failed');
      }),
    );
    for (const first of [1, 2, 3, 4]) send(pair.a, [first]);
    expect(() => pair.pump(0)).toThrow('the application failed');
    expect(asked).toBe(2);
    expect(pair.pending).toBe(2);
    expect(pair.pump(1)).toBe(true);
    expect(log.map((line) => line.split(' ', 1)[0])).toEqual(['1', '2', '3', '4', 'flush']);
    expect(pair.outstanding).toBe(0);
  });

  it('keeps the two directions apart', () => {
    const pair = new Pair();
    const a: string[] = [];
    const b: string[] = [];
    pair.a.attach(recorder(a));
    pair.b.attach(recorder(b));
    send(pair.a, [1]);
    send(pair.b, [2]);
    pair.pump(0);
    expect(a[0]).toMatch(/^2 /);
    expect(b[0]).toMatch(/^1 /);
  });

  it('carries partial checksums and super-frames as they are', () => {
    const pair = new Pair({ checksum: true, maxGso: 65535 });
    const log: string[] = [];
    pair.b.attach(recorder(log));
    send(pair.a, [9], { checksum: CHECKSUM_PARTIAL, gsoSize: 1448 });
    pair.pump(0);
    expect(log[0]).toBe('9 @0 checksum 2 gso 1448');
    // A frame that is used again starts clean.
    const again = pair.a.allocate(10);
    expect([again.checksum, again.gsoSize, again.length]).toEqual([CHECKSUM_COMPLETE, 0, 0]);
    pair.a.release(again);
  });

  it('loses what is longer than the MTU, or than maxGso for a super-frame', () => {
    const pair = new Pair({ mtu: 100, maxGso: 1000 });
    pair.b.attach(ignore);
    const zeros = (n: number) => new Array<number>(n).fill(0);
    expect(send(pair.a, zeros(100))).toBe(true);
    expect(send(pair.a, zeros(101))).toBe(false);
    expect(send(pair.a, zeros(1000), { gsoSize: 60 })).toBe(true);
    expect(send(pair.a, zeros(1001), { gsoSize: 60 })).toBe(false);
    pair.pump(0);
    expect(pair.outstanding).toBe(0);
  });

  it('loses what does not fit in the queue', () => {
    const pair = new Pair({ queueLimit: 2 });
    const log: string[] = [];
    pair.b.attach(recorder(log));
    expect([1, 2, 3].map((n) => send(pair.a, [n]))).toEqual([true, true, false]);
    pair.pump(0);
    expect(log).toHaveLength(3);
    expect(send(pair.a, [4])).toBe(true);
  });

  it('asks once for a pump when frames begin to wait, and again for those sent meanwhile', () => {
    let asked = 0;
    const pair = new Pair({ onPending: () => asked++ });
    pair.a.attach(ignore);
    pair.b.attach(recorder([], () => send(pair.b, [0])));
    send(pair.a, [1]);
    send(pair.a, [2]);
    expect(asked).toBe(1);
    pair.pump(0);
    expect(asked).toBe(2);
    pair.pump(0);
    expect(asked).toBe(2);
    send(pair.a, [3]);
    expect(asked).toBe(3);
  });

  it('drops after close, on both sides of it, and lends nothing out', () => {
    const pair = new Pair();
    const log: string[] = [];
    pair.a.attach(ignore);
    pair.b.attach(recorder(log, () => pair.b.close()));
    send(pair.a, [1]);
    send(pair.a, [2]);
    pair.pump(0);
    expect(log).toEqual(['1 @0 checksum 0 gso 0']);
    // Lost on the way: one end cannot see that the other has gone.
    expect(send(pair.a, [3])).toBe(true);
    expect(send(pair.b, [4])).toBe(false);
    expect(pair.outstanding).toBe(0);
  });

  it('refuses a frame handed back twice, or to another device', () => {
    const pair = new Pair();
    const frame = pair.a.allocate(1);
    pair.a.transmit(frame);
    pair.pump(0);
    expect(() => pair.a.transmit(frame)).toThrow('handed back already');
    expect(() => pair.a.release(frame)).toThrow('handed back already');
    expect(() => pair.a.transmit(new Pair().a.allocate(1))).toThrow('of another device');
    expect(() => pair.a.attach(ignore) ?? pair.a.attach(ignore)).toThrow('receiver already');
    expect(() => new Pair({ mtu: 67 })).toThrow(RangeError);
  });
});

describe('Loopback', () => {
  it('brings frames back to their sender, when pumped', () => {
    const device = new Loopback();
    const log: string[] = [];
    device.attach(recorder(log, (first) => first < 2 && send(device, [first + 1])));
    send(device, [1]);
    expect(device.pump(5)).toBe(true);
    expect(device.pump(6)).toBe(true);
    expect(device.pump(7)).toBe(false);
    expect(log.filter((line) => !line.startsWith('flush'))).toEqual(['1 @5 checksum 0 gso 0', '2 @6 checksum 0 gso 0']);
    expect(device.outstanding).toBe(0);
  });
});

describe('FramePool', () => {
  it('uses frames again, small and large ones apart', () => {
    const pool = new FramePool();
    const small = pool.allocate(100);
    const large = pool.allocate(65535);
    expect(large.bytes.length - large.offset).toBe(65535);
    expect(pool.outstanding).toBe(2);
    pool.release(small);
    pool.release(large);
    expect(pool.allocate(1500)).toBe(small);
    expect(pool.allocate(40000)).toBe(large);
    expect(() => pool.allocate(65536)).toThrow(RangeError);
  });
});
