/** Path MTU discovery by ICMP: RFC 1191, RFC 8201, and what of it to believe (RFC 5927 §7). The stack has checked that the number quoted is in flight. */
import { describe, expect, it } from 'vitest';
import { output } from '../../src/tcp/connection.ts';
import { pathMtuChanged } from '../../src/tcp/path-mtu.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { established, type Ladder } from '../support/ladder.ts';

const tooBig = (t: Ladder, mtu: number): void => t.icmp({ failure: 'message too long', hard: false, mtu });
const lengths = (t: Ladder): number[] => t.drain().map((r) => r.segment.payloadLength);

/** Ten segments of 1460 in flight, none of which has arrived anywhere. */
function flying(): Ladder {
  const t = established();
  t.user.send(14_600);
  expect(lengths(t)).toEqual(new Array(10).fill(1460));
  return t;
}

describe('path MTU discovery', () => {
  it('RFC 1191 §6.5, RFC 8201 §5.4: what was too long is sent again at once in shorter segments, and cwnd stays', () => {
    const t = flying();
    const { cwnd } = t.tcb;
    tooBig(t, 1000);
    const sizes = lengths(t);
    expect(Math.max(...sizes)).toBe(960);
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(14_600);
    expect(t.tcb.cwnd).toBe(cwnd);
    t.peer('. 1:1 ack 14601');
    t.user.send(2000);
    expect(lengths(t)).toEqual([960, 960, 80]);
  });

  it('RFC 1191 §7: a router that does not tell its MTU: the next plateau below ours', () => {
    const t = flying();
    tooBig(t, 0);
    expect(lengths(t)[0]).toBe(1452);
    tooBig(t, 0);
    expect(lengths(t)[0]).toBe(966);
    tooBig(t, 0);
    expect(lengths(t)[0]).toBe(512);
    tooBig(t, 0);
    expect(lengths(t)).toEqual([]);
  });

  it('RFC 5927 §7.2: one that names no less than we send is made up, and one about nothing in flight', () => {
    const t = flying();
    for (const mtu of [1500, 1501, 9000, 65_535, 1, 67]) {
      tooBig(t, mtu);
      t.expectSilence();
    }
    t.peer('. 1:1 ack 14601');
    tooBig(t, 1000);
    expect(t.tcb.sndMss).toBe(1460);
  });

  it('RFC 5927 §4: one below min_pmtu is believed to that extent', () => {
    const t = flying();
    tooBig(t, 300);
    expect(lengths(t)[0]).toBe(512);
  });

  it('RFC 8201 §4: IPv6 carries 1280 bytes everywhere: less is no answer to our packets', () => {
    const t = established({ addresses: [IpAddress.of('fd00::1'), IpAddress.of('fd00::2')], mss: 1440 });
    t.user.send(1440);
    t.drain();
    tooBig(t, 1279);
    t.expectSilence();
    tooBig(t, 1280);
    expect(lengths(t)).toEqual([1220, 220]);
  });

  it('RFC 5927 §7.2: where full segments have been acknowledged, only a time-out confirms it', () => {
    const t = flying();
    t.peer('. 1:1 ack 2921');
    t.drain();
    tooBig(t, 1000);
    t.expectSilence();
    expect(t.tcb.sndMss).toBe(1460);
    const first = t.run(t.time + 1.1)[0]!;
    expect(first.segment.payloadLength).toBe(960);
  });

  it('RFC 5927 §7.2: and progress disproves it', () => {
    const t = flying();
    t.peer('. 1:1 ack 2921');
    t.drain();
    tooBig(t, 1000);
    t.peer('. 1:1 ack 4381');
    const first = t.run(t.time + 1.1)[0]!;
    expect(first.segment.payloadLength).toBe(1460);
  });

  it('ip_no_pmtu_disc: not at all', () => {
    const t = established({ config: { ip_no_pmtu_disc: true } });
    t.user.send(1460);
    t.drain();
    tooBig(t, 1000);
    t.expectSilence();
  });

  it('SACKed text is not sent again', () => {
    const t = established({ sack: true });
    t.user.send(4380);
    t.drain();
    t.peer('. 1:1 ack 1 <sack 1461:2921>');
    tooBig(t, 1000);
    const starts = t.drain().map((r) => r.segment.payloadLength);
    expect(starts.reduce((a, b) => a + b, 0)).toBe(2920);
  });
});

describe('a route that changes', () => {
  it('to a smaller MTU: what is out and longer goes again, shorter, and cwnd stays', () => {
    const t = established();
    t.user.send(3000);
    t.drain();
    const { cwnd } = t.tcb;
    t.event('the route changes', () => {
      pathMtuChanged(t.tcb, 1000, t.now);
      output(t.tcb, t.now);
    });
    expect(t.drain().map((r) => r.segment.payloadLength)).toEqual([960, 500, 960, 500]);
    expect(t.tcb.cwnd).toBe(cwnd);
  });

  it('to a larger one: segments grow with it, as far as the peer takes them', () => {
    const t = established({ mss: 1200, prepare: (tcb) => (tcb.pathMss = 600) });
    expect(t.tcb.sndMss).toBe(600);
    pathMtuChanged(t.tcb, 1500, t.now);
    t.user.send(2000);
    expect(t.drain().map((r) => r.segment.payloadLength)).toEqual([1200, 800]);
  });

  it('RFC 4821 §7.2: with probing the search begins again, and segments stay as they are meanwhile', () => {
    const config = { tcp_mtu_probing: 2, tcp_base_mss: 512, initialWindow: 11 } as const;
    const t = established({ config, prepare: (tcb) => (tcb.pathMss = 500) });
    expect(t.tcb.sndMss).toBe(500);
    pathMtuChanged(t.tcb, 1500, t.now);
    t.user.send(5000);
    // Half-way between 552 and 1500, less headers.
    expect(
      t
        .drain()
        .map((r) => r.segment.payloadLength)
        .slice(0, 3),
    ).toEqual([986, 500, 500]);
    t.peer('. 1:1 ack 5001');
    expect(t.tcb.sndMss).toBe(986);
  });
});
