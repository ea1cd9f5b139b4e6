import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HalfSipHash } from '../../src/stack/half-siphash.ts';
import { TimeWaitTable } from '../../src/stack/time-wait.ts';
import { ACK, FIN, type Segment } from '../../src/wire/segment.ts';
import { add } from '../../src/wire/seq.ts';
import { RawPeer } from './support/raw-peer.ts';
import { find, timeWaitRecord, tuple } from './support/records.ts';

const hash = new HalfSipHash(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]));

describe('TimeWaitTable', () => {
  it('gives back what it was given', () => {
    const t = new TimeWaitTable(hash, 10);
    for (const six of [false, true]) {
      const given = timeWaitRecord(60_000_000);
      expect(t.add(tuple(5000, six), given)).toBe(true);
      const id = find(t, tuple(5000, six));
      expect(t.record(six ? 6 : 4, id, 3, 0)).toEqual(given);
      expect(t.tuple(six ? 6 : 4, id)).toEqual(tuple(5000, six));
    }
  });

  it('remembers when it last answered nonsense, to a tick of 31 ms, for a minute; the rest of the record stays', () => {
    const t = new TimeWaitTable(hash, 10);
    const given = timeWaitRecord(60_000_000, { timestamps: true, rcvWindScale: 14, rcvWnd: 0xffff << 14 });
    t.add(tuple(1), given);
    const id = find(t, tuple(1));
    for (const at of [1, 2_000_000, 63_000_000, 64_000_000, 1e12]) {
      t.answered(4, id, at);
      const { lastInvalidAck, ...rest } = t.record(4, id, 3, at + 400_000);
      expect(at - lastInvalidAck).toBeLessThan(31_250);
      expect(at - lastInvalidAck).toBeGreaterThan(-31_251);
      expect({ ...rest, lastInvalidAck: given.lastInvalidAck }).toEqual(given);
      expect(t.record(4, id, 3, at + 1_000_000).lastInvalidAck).toBe(lastInvalidAck);
    }
  });

  it('takes no more than its limit', () => {
    const t = new TimeWaitTable(hash, 2);
    expect([1, 2, 3].map((n) => t.add(tuple(n), timeWaitRecord(1000)))).toEqual([true, true, false]);
  });

  it('behaves as a map with a queue', () => {
    const step = fc.record({
      n: fc.nat(40),
      six: fc.boolean(),
      what: fc.constantFrom('add', 'remove', 'restart', 'time'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const t = new TimeWaitTable(hash, 1000);
        const model = new Map<string, number>();
        let now = 5_000_000;
        for (const { n, six, what } of steps) {
          const key = `${six} ${n}`;
          const family = six ? 6 : 4;
          const id = find(t, tuple(n, six));
          expect(id >= 0).toBe(model.has(key));
          if (what === 'add' && id < 0) {
            t.add(tuple(n, six), timeWaitRecord(now + 60_000));
            model.set(key, now + 60_000);
          } else if (what === 'remove' && id >= 0) {
            t.remove(family, id);
            model.delete(key);
          } else if (what === 'restart' && id >= 0) {
            t.restart(family, id, now + 60_000, 1);
            model.set(key, now + 60_000);
          } else if (what === 'time') {
            now += n * 1000;
            const gone: number[] = [];
            t.expire(now, (x) => gone.push(x.remotePort));
            const due = [...model].filter(([, at]) => at <= now);
            for (const [k] of due) model.delete(k);
            expect(gone.sort()).toEqual(due.map(([k]) => Number(k.split(' ')[1])).sort());
          }
          expect(t.count).toBe(model.size);
          expect(t.nextExpiry).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()));
          expect([...t.entries()].length).toBe(model.size);
        }
      }),
    );
  });

  it('is small for each of many, and empty when all are gone', () => {
    const t = new TimeWaitTable(hash, 1_000_000);
    for (let i = 0; i < 500_000; i++) t.add(tuple(i), timeWaitRecord(1_000_000 + i));
    expect(t.bytes / t.count).toBeLessThan(48);
    t.expire(1e9, () => {});
    expect(t.bytes).toBe(128);
  });
});

describe('in TIME-WAIT', () => {
  it('two ends out of step do not answer each other for ever: empty segments are answered twice a second (tcp_invalid_ratelimit)', () => {
    const peer = new RawPeer();
    peer.stack.listen({ port: 80 }, (socket) => socket.close());
    const { mine, theirs } = peer.open();
    const says = (flags: number, over: number) =>
      peer.send((s: Segment) => {
        Object.assign(s, { sourcePort: 4000, destinationPort: 80, flags, seq: add(mine, over), ack: add(theirs, 1) });
      });
    says(ACK | FIN, 0);
    expect(peer.stack.stats()).toMatchObject({ connections: 0, timeWait: 1 });
    peer.heard.length = 0;
    const answers = (): number => peer.heard.splice(0).length;
    says(ACK, 100_000);
    expect(answers()).toBe(1);
    for (let i = 0; i < 10; i++) says(ACK, 100_000);
    expect(answers()).toBe(0);
    peer.wait(600_000);
    says(ACK, 100_000);
    expect(answers()).toBe(1);
    // A FIN that comes again needs its answer.
    says(ACK | FIN, 0);
    says(ACK | FIN, 0);
    expect(answers()).toBe(2);
  });
});
