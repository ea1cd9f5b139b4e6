/** Buffers that grow as far as a connection can use them, and no further than the stack's memory allows. */
import { describe, expect, it } from 'vitest';
import type { Environment } from '../../src/tcp/environment.ts';
import { established, type Ladder } from '../support/ladder.ts';
import { Path } from './congestion/support/bottleneck.ts';

const open = { receiveBuffer: 0, sendBuffer: 0 } as const;
const MBIT = 1_000_000;

/** Mbit/s that one connection carries over 200 Mbit/s and 100 ms after five seconds, for five. */
function goodput(config: object): { rate: number; window: number; buffer: number } {
  const path = new Path({ rate: 200 * MBIT, rtt: 100_000 });
  const flow = path.flow({ config: { ...open, ...config } });
  path.run(5);
  const before = flow.received;
  path.run(5);
  const rate = ((flow.received - before) * 8) / 5 / MBIT;
  return { rate, window: flow.receiver.receiveBuffer.capacity, buffer: flow.sender.sendBufferSize };
}

function pressure(t: Ladder, level: 0 | 1 | 2): void {
  (t.tcb.env as { memoryPressure: Environment['memoryPressure'] }).memoryPressure = level;
}

describe('the receive buffer (tcp_moderate_rcvbuf)', () => {
  it('grows to what the path can carry; without it the window is the limit', () => {
    const tuned = goodput({});
    expect(tuned.rate).toBeGreaterThan(170);
    expect(tuned.window).toBeGreaterThan(2_500_000);
    expect(tuned.buffer).toBeGreaterThan(2_500_000);
    const fixed = goodput({ tcp_moderate_rcvbuf: false });
    expect(fixed.window).toBe(131_072);
    expect(fixed.rate).toBeLessThan(11);
  });

  it('stays within tcp_rmem, and the send buffer within tcp_wmem', () => {
    const { window, buffer } = goodput({ tcp_rmem: [4096, 131_072, 1_000_000], tcp_wmem: [4096, 131_072, 600_000] });
    expect(window).toBeLessThanOrEqual(1_000_000);
    expect(window).toBeGreaterThan(500_000);
    expect(buffer).toBe(600_000);
  });

  it('stays small for an application that reads slowly', () => {
    const t = established({ config: open, ts: true, wscale: 7 });
    let at = 1;
    for (let i = 0; i < 100; i++) {
      for (let n = 0; n < 10; n++) {
        t.peer(`. ${at}:${at + 1400} ack 1`);
        at += 1400;
        t.drain();
      }
      t.user.receive();
      t.drain();
      t.run(t.time + 0.1);
    }
    expect(t.tcb.bytesReceived).toBe(1_400_000);
    expect(t.tcb.receiveBuffer.capacity).toBe(131_072);
  });

  it('the window scale is chosen for what it may become', () => {
    const t = established({ config: open, wscale: 7 });
    expect(t.sent[0]!.segment.windowScale).toBe(10);
    expect(
      established({ config: { ...open, tcp_moderate_rcvbuf: false }, wscale: 7 }).sent[0]!.segment.windowScale,
    ).toBe(2);
    expect(established({ config: { receiveBuffer: 65_535 }, wscale: 7 }).sent[0]!.segment.windowScale).toBe(0);
  });
});

describe('memory in all (tcp_mem)', () => {
  it('beyond its second mark no buffer grows, and SEND takes what keeps two windows going', () => {
    const t = established({ config: open });
    const size = t.tcb.sendBufferSize;
    pressure(t, 1);
    expect(size).toBeGreaterThan(2 * t.tcb.cwnd);
    expect(t.user.send(2_000_000)).toBe(2 * t.tcb.cwnd);
    let acked = 1;
    for (let i = 0; i < 40; i++) {
      acked += t.drain().reduce((n, r) => n + r.segment.payloadLength, 0);
      t.peer(`. 1:1 ack ${acked}`);
    }
    expect(t.tcb.sendBufferSize).toBe(size);
  });

  it('beyond the third SEND takes no more than each connection is promised', () => {
    const t = established({ config: open });
    pressure(t, 2);
    expect(t.user.send(100_000)).toBe(4096);
    t.drain();
    expect(t.user.send(100)).toBe(0);
    t.drain();
    t.told();
    t.peer('. 1:1 ack 1461');
    expect(t.told()).toContain('WRITABLE');
    expect(t.user.send(100_000)).toBe(1460);
  });

  it('and text that arrives is kept only so far, in order', () => {
    const t = established({ config: open });
    pressure(t, 2);
    t.peer('. 1001:2001 ack 1');
    t.expect('. 1:1 ack 1');
    expect(t.dropped()).toEqual(['out of buffer']);
    let at = 1;
    for (let i = 0; i < 8; i++) {
      t.peer(`. ${at}:${at + 1000} ack 1`);
      t.drain();
      if (t.tcb.receiveBuffer.readable === i * 1000 + 1000) at += 1000;
    }
    expect(t.tcb.receiveBuffer.readable).toBe(5000);
    t.user.receive();
    t.drain();
    t.peer(`. ${at}:${at + 1000} ack 1`);
    expect(t.tcb.receiveBuffer.readable).toBe(1000);
  });
});
