import { describe, expect, it } from 'vitest';
import { AccEcn, aceFlags, aceOf } from '../../src/tcp/accecn.ts';
import { ACC_ECN } from '../../src/tcp/ecn-mode.ts';
import { CE, ECT0, ECT1, NOT_ECT, Segment } from '../../src/wire/segment.ts';
import { type Ladder, ladder } from '../support/ladder.ts';
import { bareTcb, MSS } from './congestion/support/bare.ts';
import { Path } from './congestion/support/bottleneck.ts';

/** ESTABLISHED as the server, by RFC 9768, with r.cep = s.cep = 5. */
function server(): Ladder {
  const t = ladder({ role: 'passive', config: { tcp_ecn: 3, quickAcks: 0, tcp_congestion_control: 'reno' } });
  t.peer('SEWA 0:0 win 64240 <mss 1460>');
  t.expect('SW. 0:0 ack 1');
  t.peer('W. 1:1 ack 1');
  t.state('ESTABLISHED');
  return t;
}

/** ESTABLISHED as the client. `mark`: how the SYN,ACK arrives. */
function client(answer = 'SW.', mark = 'nect'): Ladder {
  const t = ladder({ role: 'active', config: { tcp_ecn: 3, quickAcks: 0, tcp_congestion_control: 'reno' } });
  t.expect('SEWA 0:0');
  t.peer(`${answer} 0:0 ack 1 win 64240 ${mark} <mss 1460>`);
  return t;
}

describe('RFC 9768 §3.1.1, table 2: the SYN,ACK tells how the SYN arrived', () => {
  it.each([
    ['nect', 'SW.'],
    ['ect1', 'SEW.'],
    ['ect0', 'SA.'],
    ['ce', 'SWA.'],
  ])('%s: %s', (mark, answer) => {
    const t = ladder({ role: 'passive', config: { tcp_ecn: 3 } });
    t.peer(`SEWA 0:0 win 64240 ${mark} <mss 1460>`);
    t.expect(`${answer} 0:0 ack 1 nect`);
  });
});

describe('RFC 9768 §3.2.2.1, table 3: the ACK of it tells how the SYN,ACK arrived', () => {
  it.each([
    ['nect', 'W.'],
    ['ect1', 'EW.'],
    ['ect0', 'A.'],
    ['ce', 'WA.'],
  ])('%s: %s', (mark, answer) => {
    const t = client('SW.', mark);
    t.expect(`${answer} 1:1 ack 1 nect`);
  });

  it('the next segments tell the count, 5 at first (§3.2.1)', () => {
    const t = client();
    t.expect('W. 1:1 ack 1');
    t.user.send(10);
    t.expect('PEA. 1:11 ack 1 ect0');
    expect(aceOf(aceFlags(5))).toBe(5);
  });

  it('a mark on the SYN,ACK counts', () => {
    const t = client('SW.', 'ce');
    t.drain();
    t.user.send(10);
    t.expect('PWA. 1:11 ack 1');
  });
});

describe('RFC 9768 §3.2.2: the ACE field', () => {
  it('counts marked segments, also those without text', () => {
    const t = server();
    t.peer('EA. 1:1001 ack 1 ce');
    t.expect('WA. 1:1 ack 1001', 0.04);
    t.peer('EA. 1001:1001 ack 1 ce');
    t.user.send(10);
    t.expect('PEWA. 1:11 ack 1001');
  });

  it('§3.2.2.5.1: every second mark is acknowledged at once', () => {
    const t = server();
    t.peer('EA. 1:101 ack 1 ce');
    t.expectSilence();
    t.peer('EA. 101:201 ack 1 ce');
    t.expect('EWA. 1:1 ack 201');
  });

  it('§3.2.2.5: an increase reduces cwnd once a window, without CWR', () => {
    const t = server();
    t.user.send(40 * 1460);
    t.drain();
    t.peer('WA. 1:1 ack 1461');
    expect(t.counters.TCPEcnReductions).toBe(1);
    const { ssthresh } = t.tcb;
    t.peer('EWA. 1:1 ack 2921');
    expect(t.tcb.ssthresh).toBe(ssthresh);
    expect(t.tcb.accEcn?.sCep).toBe(7);
    t.peer(`EWA. 1:1 ack ${1 + 10 * 1460}`);
    for (const r of t.drain()) expect(aceOf(r.segment.flags)).toBe(5);
  });

  it('§3.2.2.4: a first ACK without it says that the path wipes it out: nothing more is ECN-capable', () => {
    const t = ladder({ role: 'passive', config: { tcp_ecn: 3 } });
    t.peer('SEWA 0:0 win 64240 <mss 1460>');
    t.drain();
    t.peer('. 1:1 ack 1');
    t.user.send(10);
    t.expect('PEA. 1:11 ack 1 nect');
  });

  it('§3.2.2.3: nor when our SYN arrived as something that it was not', () => {
    const t = client('SWA.');
    t.drain();
    t.user.send(10);
    t.expect('PEA. 1:11 ack 1 nect');
  });
});

describe('RFC 9768 §3.2.2.5.2, appendix A.2.1: a count that may have gone round', () => {
  const ace = (value: number): Segment => {
    const segment = new Segment();
    segment.flags = aceFlags(value);
    return segment;
  };
  it.each([
    // Segments acknowledged, ACE field, marks told of: s.cep begins at 5.
    [1, 5, 0],
    [1, 6, 1],
    [4, 1, 4],
    [7, 4, 7],
    // Eight or more: as many as fit.
    [8, 5, 8],
    [8, 6, 1],
    [10, 7, 10],
    [10, 6, 9],
    [20, 5, 16],
  ])('%i segments acknowledged, ACE %i: %i marks', (segments, value, marks) => {
    const accEcn = new AccEcn(NOT_ECT);
    const tcb = bareTcb();
    accEcn.feedback(tcb, ace(2), 0);
    expect(accEcn.feedback(tcb, ace(value), segments * MSS)).toBe(marks);
    expect(accEcn.sCep).toBe(5 + marks);
  });

  it('where ACKs for many segments are usual they say nothing of lost ones', () => {
    const accEcn = new AccEcn(NOT_ECT);
    const tcb = bareTcb();
    accEcn.feedback(tcb, ace(2), 0);
    for (let i = 0; i < 20; i++) accEcn.feedback(tcb, ace(5), 40 * MSS);
    const before = accEcn.sCep;
    expect(accEcn.feedback(tcb, ace((before + 1) & 7), 40 * MSS)).toBe(1);
  });
});

describe('RFC 9768 §3.2.3: the option', () => {
  it('tells the bytes of text by their ECN bits on pure ACKs, when they have changed', () => {
    const t = server();
    t.peer('EA. 1:1001 ack 1 ect0');
    t.peer('EA. 1001:2001 ack 1 ce');
    const { segment } = t.expect('WA. 1:1 ack 2001', 0.04);
    expect([segment.accEcnE0b, segment.accEcnCeb, segment.accEcnE1b]).toEqual([1001, 1000, 1]);
    t.peer('EA. 2001:2001 ack 1');
    t.peer('EA. 1:1001 ack 1');
    expect(t.expect('WA. 1:1 ack 2001').segment.accEcnE0b).toBe(-1);
  });

  it('says how often the count went round', () => {
    const accEcn = new AccEcn(NOT_ECT);
    const tcb = bareTcb();
    const ack = (value: number, ceb: number): Segment => {
      const segment = new Segment();
      segment.flags = aceFlags(value & 7);
      segment.accEcnE0b = 1;
      segment.accEcnCeb = ceb;
      return segment;
    };
    accEcn.feedback(tcb, ack(2, 0), 0);
    expect(accEcn.feedback(tcb, ack(5 + 20, 20 * MSS), 40 * MSS)).toBe(20);
    expect(accEcn.feedback(tcb, ack(5 + 20, 20 * MSS), 40 * MSS)).toBe(0);
    // Short segments: fewer bytes than the marks would have had.
    expect(accEcn.feedback(tcb, ack(5 + 29, 20 * MSS + 8500), 40 * MSS)).toBe(9);
  });

  it('is off with tcp_ecn_option', () => {
    const t = ladder({ role: 'passive', config: { tcp_ecn: 3, tcp_ecn_option: false } });
    t.peer('SEWA 0:0 win 64240 <mss 1460>');
    t.drain();
    t.peer('W. 1:1 ack 1');
    t.peer('EA. 1:2921 ack 1 ce');
    expect(t.drain().every((r) => r.segment.accEcnE0b === -1)).toBe(true);
  });
});

describe('over a bottleneck that marks', () => {
  it.each([
    [1, 'reno'],
    [1, 'cubic'],
    [3, 'reno'],
    [3, 'cubic'],
  ] as const)(
    'tcp_ecn %i, %s: RFC 3168 §1: the rate adapts without a loss, and the queue stays short',
    (tcp_ecn, control) => {
      const run = (ecn: typeof tcp_ecn | 0) => {
        const path = new Path({ rate: 20e6, rtt: 20_000, queue: 200_000, markAbove: 30_000 });
        const flow = path.flow({ control, config: { tcp_ecn: ecn, hystart: false } });
        path.run(10);
        return { path, flow };
      };
      const { path, flow } = run(tcp_ecn);
      expect(flow.drops).toBe(0);
      expect(flow.retransmissions).toBe(0);
      expect(flow.marks).toBeGreaterThan(50);
      expect(flow.sender.env.counters.TCPEcnReductions).toBeGreaterThan(5);
      expect(flow.received).toBeGreaterThan(0.85 * 10 * path.textRate);
      expect(path.longestQueue).toBeLessThan(150_000);
      expect(flow.sent.some((s) => s.ecn === ECT0)).toBe(true);
      expect(flow.sent.some((s) => s.ecn === ECT1 || s.ecn === CE)).toBe(false);
      if (tcp_ecn === 3) {
        // Every mark is told of, but for what is on its way.
        expect(flow.sender.ecn).toBe(ACC_ECN);
        expect(flow.receiver.accEcn!.rCep - 5).toBeLessThanOrEqual(flow.marks);
        expect(flow.marks - (flow.sender.accEcn!.sCep - 5)).toBeLessThan(60);
      }
      // The same without ECN loses.
      expect(run(0).flow.drops).toBeGreaterThan(50);
    },
  );
});
