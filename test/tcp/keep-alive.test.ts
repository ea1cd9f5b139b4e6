/** Keep-alive: RFC 9293 §3.8.4. */
import { describe, expect, it } from 'vitest';
import { setKeepAlive } from '../../src/tcp/connection.ts';
import { type EstablishedOptions, established, inState, type Ladder } from '../support/ladder.ts';

const config = { tcp_keepalive_time: 10e6, tcp_keepalive_intvl: 2e6, tcp_keepalive_probes: 3 };

function kept(options: EstablishedOptions = {}): Ladder {
  const t = established({ config, ...options });
  t.event('keep-alive on', () => setKeepAlive(t.tcb, true, t.now));
  return t;
}

describe('RFC 9293 §3.8.4 keep-alive', () => {
  it('RFC 9293 MUST-25: it is off unless asked for', () => {
    const t = established({ config });
    t.expectSilence(100_000);
    t.state('ESTABLISHED');
  });

  it('RFC 9293 MAY-5, MUST-24: on and off, for one connection', () => {
    const t = kept();
    t.expect('. 0:0 ack 1', 10);
    t.peer('. 1:1 ack 1');
    t.event('keep-alive off', () => setKeepAlive(t.tcb, false, t.now));
    t.expectSilence(1000);
  });

  it('RFC 9293 MUST-28: the time is two hours unless set', () => {
    const t = kept({ config: {} });
    t.expectSilence(7199);
    t.expect('. 0:0 ack 1', 7200);
  });

  it('RFC 9293 SHLD-12, MUST-29: probes are empty, at SND.NXT − 1; several must be unanswered', () => {
    const t = kept();
    for (const at of [10, 12, 14]) t.expect('. 0:0 ack 1', at);
    t.expect('R. 1:1 ack 1', 16);
    t.state('CLOSED');
    expect(t.tcb.failure).toBe('timed out');
  });

  it('RFC 9293 MUST-29: one answer starts the count again', () => {
    const t = kept();
    t.expect('. 0:0 ack 1', 10);
    t.expect('. 0:0 ack 1', 12);
    t.peer('. 1:1 ack 1');
    t.expectSilence(21.9);
    t.expect('. 0:0 ack 1', 22);
  });

  it('RFC 9293 MUST-26: not while something is outstanding, and not before the time after what was last heard', () => {
    const t = kept();
    t.at(8);
    t.peer('P. 1:11 ack 1');
    t.expect('. 1:1 ack 11');
    t.expectSilence(17.9);
    t.user.send(10);
    t.expect('P. 1:11 ack 11');
    for (const { segment } of t.run(60)) expect(segment.payloadLength).toBe(10);
    t.state('ESTABLISHED');
  });

  it('RFC 9293 MUST-27: its times can be set for a connection', () => {
    const t = established({ prepare: (tcb) => (tcb.keepAliveTime = 5_000_000) });
    t.event('keep-alive on', () => setKeepAlive(t.tcb, true, t.now));
    t.expect('. 0:0 ack 1', 5);
  });

  it('RFC 9293 MUST-24: asked for before the connection is open, it starts with it; after it, it does nothing', () => {
    const t = inState('SYN-SENT', { config });
    t.event('keep-alive on', () => setKeepAlive(t.tcb, true, t.now));
    t.peer('S. 0:0 ack 1 <mss 1460>');
    t.expect('. 1:1 ack 1');
    t.expect('. 0:0 ack 1', 10);
    for (const name of ['CLOSED', 'LISTEN', 'TIME-WAIT'] as const) {
      const other = inState(name, { config });
      other.event('keep-alive on', () => setKeepAlive(other.tcb, true, other.now));
      other.expectSilence(59);
      other.state(name);
    }
  });

  it('RFC 9293 §3.8.4: the peer’s probe is answered: at SND.NXT − 1, empty or with an octet of rubbish', () => {
    const t = established();
    t.peer('. 0:0 ack 1');
    t.expect('. 1:1 ack 1');
    t.wait(1);
    t.peer('. 0:1 ack 1');
    t.expect('. 1:1 ack 1');
  });
});
