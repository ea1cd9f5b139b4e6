import { describe, expect, it } from 'vitest';
import type { TcpConfig } from '../../src/tcp/config.ts';
import { ACC_ECN, NO_ECN, RFC_3168 } from '../../src/tcp/ecn-mode.ts';
import { ECT0, NOT_ECT } from '../../src/wire/segment.ts';
import { type Ladder, ladder } from '../support/ladder.ts';

type Config = Partial<TcpConfig>;

/** ESTABLISHED, with ECN by RFC 3168; we are the server unless told. */
function withEcn(config: Config = {}): Ladder {
  const t = ladder({ role: 'passive', config: { tcp_ecn: 1, quickAcks: 0, ...config } });
  t.peer('SEW 0:0 win 64240 <mss 1460>');
  t.expect('SE. 0:0 ack 1 nect');
  t.peer('. 1:1 ack 1');
  t.state('ESTABLISHED');
  return t;
}

describe('RFC 9293 SHLD-8, RFC 3168 §6.1.1: the handshake', () => {
  it.each([
    [0, 'S'],
    [1, 'SEW'],
    [2, 'S'],
    [3, 'SEWA'],
    [4, 'SEW'],
    [5, 'S'],
  ] as const)('tcp_ecn %i: our SYN is %s', (tcp_ecn, flags) => {
    const t = ladder({ role: 'active', config: { tcp_ecn } });
    t.expect(`${flags} 0:0 nect`);
  });

  it.each([
    [0, 'SEW', 'S.', NO_ECN],
    [0, 'SEWA', 'S.', NO_ECN],
    [1, 'S', 'S.', NO_ECN],
    [1, 'SE', 'S.', NO_ECN],
    [1, 'SW', 'S.', NO_ECN],
    [1, 'SEW', 'SE.', RFC_3168],
    [2, 'SEW', 'SE.', RFC_3168],
    // RFC 9768 §3.1.2: a server without AccECN takes the AE bit for a reserved one.
    [2, 'SEWA', 'SE.', RFC_3168],
    [3, 'SEW', 'SE.', RFC_3168],
    [3, 'SEWA', 'SW.', ACC_ECN],
    [4, 'SEWA', 'SW.', ACC_ECN],
    [5, 'SEWA', 'SW.', ACC_ECN],
  ] as const)('tcp_ecn %i: a SYN %s is answered by %s', (tcp_ecn, syn, answer, mode) => {
    const t = ladder({ role: 'passive', config: { tcp_ecn } });
    t.peer(`${syn} 0:0 win 64240 <mss 1460>`);
    t.expect(`${answer} 0:0 ack 1 nect`);
    expect(t.tcb.ecn).toBe(mode);
  });

  it.each([
    [1, 'S.', NO_ECN],
    [1, 'SE.', RFC_3168],
    // Both: the flags of our SYN come back from somebody who reflects them (§6.1.1.1).
    [1, 'SEW.', NO_ECN],
    [1, 'SW.', NO_ECN],
    [3, 'S.', NO_ECN],
    [3, 'SE.', RFC_3168],
    [3, 'SEA.', RFC_3168],
    [3, 'SW.', ACC_ECN],
    [3, 'SEWA.', NO_ECN],
    [2, 'SE.', NO_ECN],
  ] as const)('tcp_ecn %i: a SYN,ACK %s', (tcp_ecn, answer, mode) => {
    const t = ladder({ role: 'active', config: { tcp_ecn } });
    t.drain();
    t.peer(`${answer} 0:0 ack 1 win 64240 <mss 1460>`);
    expect(t.tcb.ecn).toBe(mode);
  });

  it('§6.1.1.1: a SYN that has to be sent again no longer asks, and ECT is not used whatever the answer', () => {
    const t = ladder({ role: 'active', config: { tcp_ecn: 1 } });
    t.expect('SEW 0:0');
    t.expect('S 0:0', 1);
    t.peer('SE. 0:0 ack 1 win 64240 <mss 1460>');
    t.expect('. 1:1 ack 1');
    t.user.send(100);
    t.expect('P. 1:101 ack 1 nect');
  });

  it('goes on asking where tcp_ecn_fallback is off', () => {
    const t = ladder({ role: 'active', config: { tcp_ecn: 1, tcp_ecn_fallback: false } });
    t.expect('SEW 0:0');
    t.expect('SEW 0:0', 1);
  });

  it('a SYN that comes again without asking takes ECN back', () => {
    const t = ladder({ role: 'passive', config: { tcp_ecn: 1 } });
    t.peer('SEW 0:0 win 64240 <mss 1460>');
    t.expect('SE. 0:0 ack 1');
    t.peer('S 0:0 win 64240 <mss 1460>');
    t.expect('S. 0:0 ack 1');
    t.peer('. 1:1 ack 1');
    t.user.send(100);
    t.expect('P. 1:101 ack 1 nect');
  });

  it('a SYN with ECT or CE is no ECN-setup SYN', () => {
    const t = ladder({ role: 'passive', config: { tcp_ecn: 1 } });
    t.peer('SEW 0:0 win 64240 ce <mss 1460>');
    t.expect('S. 0:0 ack 1');
  });
});

describe('RFC 3168 §6.1.2: the sender', () => {
  it('reduces cwnd on ECE as for a loss, without sending anything again, and says CWR once', () => {
    const t = withEcn({ tcp_congestion_control: 'reno' });
    t.user.send(30 * 1460);
    const first = t.drain();
    expect(first).toHaveLength(10);
    expect(first.every((r) => r.segment.ecn === ECT0)).toBe(true);
    const before = t.tcb.cwnd;
    t.peer('E. 1:1 ack 2921');
    expect(t.tcb.ssthresh).toBe((8 * 1460) >>> 1);
    expect(t.tcb.cwnd).toBe(t.tcb.ssthresh);
    expect(t.tcb.cwnd).toBeLessThan(before);
    t.expectSilence();
    expect(t.tcb.totalRetrans).toBe(0);
    // Four may be out: the ACK of the next six lets the first new one go.
    t.peer('E. 1:1 ack 10221');
    t.expect('W. 14601:16061 ack 1 ect0');
    expect(t.drain().every((r) => r.segment.ecn === ECT0)).toBe(true);
  });

  it('does so once a window of data, whatever the number of ACKs with ECE', () => {
    const t = withEcn({ tcp_congestion_control: 'reno' });
    t.user.send(60 * 1460);
    t.drain();
    for (let i = 1; i <= 9; i++) {
      t.peer(`E. 1:1 ack ${1 + i * 1460}`);
      t.drain();
    }
    expect(t.counters.TCPEcnReductions).toBe(1);
    t.peer(`E. 1:1 ack ${1 + 10 * 1460}`);
    t.drain();
    t.peer(`E. 1:1 ack ${1 + 11 * 1460}`);
    expect(t.counters.TCPEcnReductions).toBe(2);
  });

  it('a loss in the same window is the same congestion', () => {
    const t = withEcn({ tcp_congestion_control: 'reno' });
    t.user.send(60 * 1460);
    t.drain();
    t.peer('E. 1:1 ack 1461');
    const { ssthresh } = t.tcb;
    for (let i = 0; i < 3; i++) t.peer('E. 1:1 ack 1461');
    t.drain();
    expect(t.tcb.recovery).not.toBe('open');
    expect(t.tcb.ssthresh).toBe(ssthresh);
  });

  it('says CWR after a reduction because of loss, too', () => {
    const t = withEcn({ tcp_congestion_control: 'reno' });
    t.user.send(40 * 1460);
    t.drain();
    for (let i = 0; i < 3; i++) {
      t.peer('. 1:1 ack 1');
      if (i < 2) t.drain();
    }
    const lost = t.drain().find((r) => r.segment.seq === t.tcb.sndUna)!;
    expect([lost.segment.ecn, lost.segment.flags & 0x80]).toEqual([NOT_ECT, 0]);
    t.peer(`. 1:1 ack ${1 + 10 * 1460}`);
    const rest = t.drain();
    expect(rest.filter((r) => (r.segment.flags & 0x80) !== 0)).toHaveLength(1);
  });

  it('CWR stands on one wire segment, also where the device segments', () => {
    const t = withEcn({ tcp_congestion_control: 'reno' });
    t.tcb.gsoMax = 65_535;
    t.user.send(60 * 1460);
    t.drain();
    t.peer('E. 1:1 ack 1461');
    t.peer(`. 1:1 ack ${1 + 10 * 1460}`);
    const first = t.drain()[0]!;
    expect(first.segment.flags & 0x80).toBe(0x80);
    expect(first.segment.wireSegments).toBe(1);
  });

  it('RFC 8511 §3.1: with abe by less than for a loss', () => {
    const t = withEcn({ tcp_congestion_control: 'reno', abe: true });
    t.user.send(30 * 1460);
    t.drain();
    t.peer('E. 1:1 ack 2921');
    expect(t.tcb.ssthresh).toBe(Math.floor(8 * 1460 * 0.8));
  });

  it('does nothing about ECE where ECN was not agreed on', () => {
    const t = ladder({ role: 'passive' });
    t.peer('S 0:0 win 64240 <mss 1460>');
    t.drain();
    t.peer('. 1:1 ack 1');
    t.user.send(14600);
    expect(t.drain().every((r) => r.segment.ecn === NOT_ECT)).toBe(true);
    t.peer('E. 1:1 ack 1461');
    expect(t.counters.TCPEcnReductions).toBe(0);
  });
});

describe('RFC 3168 §6.1.3: the receiver', () => {
  it('says ECE on every ACK from the first mark until CWR, at once when that changes', () => {
    const t = withEcn();
    t.peer('. 1:1001 ack 1 ect0');
    t.expectSilence();
    t.peer('. 1001:2001 ack 1 ce');
    t.expect('E. 1:1 ack 2001 nect');
    t.peer('. 2001:3001 ack 1 ect0');
    t.expect('E. 1:1 ack 3001');
    t.peer('. 3001:4001 ack 1 ect0');
    t.expect('E. 1:1 ack 4001', 0.04);
    t.user.send(10);
    t.expect('PE. 1:11 ack 4001');
    t.peer('W. 4001:5001 ack 11 ect0');
    t.expect('. 11:11 ack 5001');
  });

  it('a segment with both CWR and a mark starts it anew', () => {
    const t = withEcn();
    t.peer('. 1:1001 ack 1 ce');
    t.expect('E. 1:1 ack 1001');
    t.peer('W. 1001:2001 ack 1 ce');
    t.expect('E. 1:1 ack 2001');
  });

  it('§6.1.4: a mark on a pure ACK says nothing', () => {
    const t = withEcn();
    t.peer('. 1:1 ack 1 ce');
    t.peer('P. 1:101 ack 1');
    t.expect('. 1:1 ack 101', 0.04);
  });
});

describe('RFC 3168 §6.1.4 to §6.1.6: what is not ECN-capable', () => {
  it('pure ACKs, retransmissions, and window probes', () => {
    const t = withEcn();
    t.peer('P. 1:3001 ack 1 ect0');
    t.expect('. 1:1 ack 3001 nect');
    t.user.send(100);
    t.expect('P. 1:101 ack 3001 ect0');
    const again = t.run(3).filter((r) => r.segment.payloadLength > 0);
    expect(again.length).toBeGreaterThan(0);
    expect(again.every((r) => r.segment.ecn === NOT_ECT)).toBe(true);
    t.peer('. 3001:3001 ack 101 win 0');
    t.user.send(100);
    const probes = t.run(10);
    expect(probes.length).toBeGreaterThan(0);
    expect(probes.every((r) => r.segment.ecn === NOT_ECT)).toBe(true);
  });

  it('text of an algorithm that does not answer marks', () => {
    const t = withEcn({ tcp_congestion_control: 'bbr' });
    t.user.send(100);
    t.expect('P. 1:101 ack 1 nect');
  });
});
