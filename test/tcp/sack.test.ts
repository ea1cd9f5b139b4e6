/** What we tell of text out of order: RFC 2018 §3 and §4, and of duplicates: RFC 2883 §4. */
import { describe, expect, it } from 'vitest';
import { established, ladder } from '../support/ladder.ts';

describe('RFC 2018 selective acknowledgments', () => {
  it('RFC 2018 §2: permitted only if both SYNs say so, and used only then', () => {
    const t = established();
    t.peer('. 101:201 ack 1');
    t.expect('. 1:1 ack 1 <>');
    const off = ladder({ role: 'active', config: { tcp_sack: false } });
    off.expect('S 0:0 <mss 1460,TS val * ecr 0,wscale 5>');
  });

  it('RFC 2018 §4: the block that was just received comes first, then the others', () => {
    const t = established({ sack: true });
    t.peer('. 501:601 ack 1');
    t.expect('. 1:1 ack 1 <sack 501:601>');
    t.peer('. 101:201 ack 1');
    t.expect('. 1:1 ack 1 <sack 101:201 501:601>');
    t.peer('. 301:401 ack 1');
    t.expect('. 1:1 ack 1 <sack 301:401 101:201 501:601>');
    t.peer('. 601:701 ack 1');
    t.expect('. 1:1 ack 1 <sack 501:701 301:401 101:201>');
    t.peer('. 1:101 ack 1');
    t.expect('. 1:1 ack 201 <sack 501:701 301:401>');
    t.peer('. 201:501 ack 1');
    t.expect('. 1:1 ack 701');
  });

  it('RFC 2018 §3: at most four blocks, three beside timestamps', () => {
    for (const ts of [false, true]) {
      const t = established({ sack: true, ts });
      for (let i = 1; i <= 6; i++) {
        t.peer(`. ${200 * i}:${200 * i + 100} ack 1`);
        const [sent] = t.drain();
        expect(sent!.segment.sackCount).toBe(Math.min(i, ts ? 3 : 4));
      }
    }
  });

  it('RFC 2018 §8: the receiver keeps what it has SACKed, where it has no room for more', () => {
    const t = established({ sack: true, config: { maxHoles: 2 } });
    t.peer('. 101:201 ack 1');
    t.expect('. 1:1 ack 1 <sack 101:201>');
    t.peer('. 301:401 ack 1');
    t.expect('. 1:1 ack 1 <sack 301:401 101:201>');
    t.peer('. 501:601 ack 1');
    t.expect('. 1:1 ack 1 <sack 301:401 101:201>');
    t.peer('. 1:101 ack 1');
    t.expect('. 1:1 ack 201 <sack 301:401>');
    t.peer('. 201:301 ack 1');
    t.expect('. 1:1 ack 401 <>');
    expect(t.user.receive()).toBe(400);
  });

  it('RFC 2883 §4.1: a duplicate segment is the first block, below the ACK', () => {
    const t = established({ sack: true });
    t.peer('. 1:101 ack 1');
    t.expect('. 1:1 ack 101');
    t.peer('. 1:101 ack 1');
    t.expect('. 1:1 ack 101 <sack 1:101>');
    t.peer('. 101:201 ack 1');
    t.expect('. 1:1 ack 201 <>');
  });

  it('RFC 2883 §4.1: a duplicate above the ACK is the first block, its run the second', () => {
    const t = established({ sack: true });
    t.peer('. 101:201 ack 1');
    t.expect('. 1:1 ack 1 <sack 101:201>');
    t.peer('. 101:201 ack 1');
    t.expect('. 1:1 ack 1 <sack 101:201 101:201>');
  });

  it('RFC 2883 §4.1: of a segment that is partly old, the old part is told', () => {
    const t = established({ sack: true });
    t.peer('. 1:101 ack 1');
    t.expect('. 1:1 ack 101');
    t.peer('. 51:151 ack 1');
    t.expect('. 1:1 ack 151 <sack 51:101>');
  });
});
