/** ICMP errors: RFC 9293 §3.9.2.2, RFC 5461, RFC 5927. Which connection one is about, and whether it may be believed, the stack has decided. */
import { describe, expect, it } from 'vitest';
import { inState } from '../../support/ladder.ts';

describe('RFC 9293 §3.9.2.2 ICMP errors', () => {
  it('RFC 9293 MUST-54, SHLD-26: an error ends an active opening: the application hears which', () => {
    for (const [failure, told] of [
      ['port unreachable', 'refused'],
      ['protocol unreachable', 'refused'],
      ['host unreachable', 'host unreachable'],
      ['network unreachable', 'network unreachable'],
    ] as const) {
      const t = inState('SYN-SENT');
      t.icmp({ failure, hard: told === 'refused' });
      t.state('CLOSED');
      expect(t.tcb.failure).toBe(told);
      expect(t.told()).toEqual(['OVER']);
      t.expectSilence(1000);
    }
  });

  it('RFC 9293 MUST-56, SHLD-25, RFC 5927 §5.2: later none ends the connection, and the application may hear of it', () => {
    for (const name of ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK'] as const) {
      for (const hard of [false, true]) {
        const t = inState(name);
        t.icmp({ failure: hard ? 'port unreachable' : 'host unreachable', hard });
        t.state(name);
        expect(t.told()).toEqual(['ADVICE']);
        expect(t.tcb.softError).not.toBeNull();
        expect(t.tcb.failure).toBeNull();
      }
    }
  });

  it('with FreeBSD only what tells of a refusal, or of a path in circles, ends an attempt', () => {
    for (const [error, told] of [
      [{ failure: 'host unreachable', hard: true, refusal: true }, 'refused'],
      [{ failure: 'protocol unreachable', hard: false, refusal: true }, 'refused'],
      [{ failure: 'host unreachable', hard: false, refusal: true }, 'host unreachable'],
      [{ failure: 'host unreachable', hard: true, refusal: false }, null],
      [{ failure: 'network unreachable', hard: false }, null],
    ] as const) {
      const t = inState('SYN-SENT', { config: { icmpWhileOpening: 'refusal' } });
      t.icmp(error);
      t.state(told === null ? 'SYN-SENT' : 'CLOSED');
      expect(t.tcb.failure).toBe(told);
    }
  });

  it('RFC 9293 MUST-56: a half-open connection that a peer began survives it', () => {
    const t = inState('SYN-RECEIVED');
    t.icmp({ failure: 'port unreachable', hard: true });
    t.state('SYN-RECEIVED');
  });

  it('RFC 9293 §3.9.2.2: what is closed, or only listens, is not touched', () => {
    for (const name of ['CLOSED', 'LISTEN'] as const) {
      const t = inState(name);
      t.icmp({ failure: 'port unreachable', hard: true });
      t.state(name);
      expect(t.told()).toEqual([]);
    }
  });
});
