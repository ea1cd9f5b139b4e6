/** Path MTU discovery without ICMP: RFC 4821, RFC 8899. */
import { describe, expect, it } from 'vitest';
import { type EstablishedOptions, established, type Ladder } from '../support/ladder.ts';

const lengths = (t: Ladder): number[] => t.drain().map((r) => r.segment.payloadLength);

function probing(options: EstablishedOptions = {}): Ladder {
  return established({ ...options, config: { tcp_mtu_probing: 2, initialWindow: 20, ...options.config } });
}

/** The peer acknowledges all that is out. */
function ackAll(t: Ladder, sent: number): void {
  t.peer(`. 1:1 ack ${1 + sent}`);
}

describe('RFC 8899 packetization-layer path MTU discovery', () => {
  it('RFC 4821 §7.2: begins with tcp_base_mss, and finds by halves what passes', () => {
    const t = probing();
    let sent = 0;
    const probes: number[] = [];
    for (let round = 0; round < 12; round++) {
      t.user.send(30_000);
      while (t.tcb.sendBuffer.length > 0) {
        const sizes = lengths(t);
        if (sizes.length === 0) t.fail('nothing is sent');
        sent += sizes.reduce((a, b) => a + b, 0);
        const usual = t.tcb.sndMss;
        probes.push(...sizes.filter((n) => n > usual));
        ackAll(t, sent);
      }
    }
    expect(probes).toEqual([1242, 1351, 1406, 1433, 1447, 1454]);
    expect(t.tcb.sndMss).toBe(1454);
    expect(t.counters.TCPMTUPSuccess).toBe(6);
  });

  it('RFC 4821 §7.2: a probe that gets lost is sent again in shorter segments, and cwnd stays', () => {
    const t = probing({ sack: true });
    t.user.send(15_000);
    expect(lengths(t).slice(0, 3)).toEqual([1242, 1024, 1024]);
    const { cwnd } = t.tcb;
    for (const end of [2267, 3291, 4315]) t.peer(`. 1:1 ack 1 <sack 1243:${end}>`);
    expect(lengths(t)[0]).toBe(1024);
    expect(t.tcb.cwnd).toBe(cwnd);
    expect([t.counters.TCPMTUPFail, t.tcb.mtuProbe!.high]).toEqual([1, 1281]);
    t.peer('. 1:1 ack 15001');
    t.drain();
    expect(t.tcb.cwnd).toBeGreaterThanOrEqual(cwnd);
    // The next one tries less.
    t.user.send(20_000);
    expect(lengths(t)[0]).toBe(1133);
  });

  it('RFC 4821 §7.2: other losses are congestion', () => {
    const t = probing({ sack: true });
    t.user.send(15_000);
    t.drain();
    t.peer('. 1:1 ack 1243');
    t.drain();
    const { cwnd } = t.tcb;
    for (const end of [3291, 4315, 5339, 6363]) {
      t.peer(`. 1:1 ack 1243 <sack 2267:${end}>`);
      t.drain();
    }
    expect(t.tcb.cwnd).toBeLessThan(cwnd);
    expect(t.counters.TCPMTUPFail).toBe(0);
  });

  it('a probe needs text behind it, and room for both', () => {
    const t = probing();
    t.user.send(4000);
    expect(Math.max(...lengths(t))).toBe(1024);
    const narrow = probing({ win: 5000 });
    narrow.user.send(20_000);
    expect(Math.max(...lengths(narrow))).toBe(1024);
    const slow = established({ config: { tcp_mtu_probing: 2, initialWindow: 10 } });
    slow.user.send(20_000);
    expect(Math.max(...lengths(slow))).toBe(1024);
  });

  it('RFC 8899 §5.1.1: when all is found it looks again after tcp_probe_interval', () => {
    const t = probing();
    const probe = t.tcb.mtuProbe!;
    probe.low = 1300;
    probe.high = 1303;
    t.user.send(12_000);
    expect(Math.max(...lengths(t))).toBe(1024);
    ackAll(t, 12_000);
    t.at(700);
    t.user.send(12_000);
    expect(lengths(t)[0]).toBe(1360);
  });

  it('RFC 4821 §7.7: after tcp_retries1 time-outs a black hole is suspected, and segments become shorter (tcp_mtu_probing 1)', () => {
    const t = established({ config: { tcp_mtu_probing: 1 } });
    t.user.send(3000);
    t.drain();
    const sizes = t.run(200).map((r) => r.segment.payloadLength);
    expect(sizes.slice(0, 9)).toEqual([1460, 1460, 1460, 1024, 512, 256, 128, 64, 48]);
    t.peer('. 1:1 ack 49');
    expect(Math.max(...lengths(t))).toBe(48);
  });

  it('and not unless asked for', () => {
    const t = established();
    t.user.send(3000);
    t.drain();
    const sizes = t.run(60).map((r) => r.segment.payloadLength);
    expect(new Set(sizes)).toEqual(new Set([1460]));
  });
});
