import { describe, expect, it } from 'vitest';
import type { SegmentEvent } from '../../src/trace/event.ts';
import { Follower } from '../../src/trace/follow.ts';
import { PeerModel } from '../../src/trace/peer.ts';
import { ACK, FIN, RST, SYN } from '../../src/wire/segment.ts';
import { fourSegmentLife, lostFin, simultaneousClose, threeSegmentLife } from './support/lives.ts';
import { TwoEnds } from './support/two-ends.ts';

function inferred(events: readonly { event: { kind: string } }[]): string[] {
  const follower = new Follower();
  const model = new PeerModel();
  return events.flatMap(({ event }) => {
    if (event.kind !== 'segment') return [];
    const segment = event as SegmentEvent;
    return model.observe(segment, follower.see(segment));
  });
}

/** What the peer says of itself; its LISTEN is inferred from our SYN, and the end of TIME-WAIT cannot be. */
function known(life: TwoEnds): string[] {
  const states = life.events.flatMap(({ event }) => (event.kind === 'state' && event.end === 'peer' ? [event.to] : []));
  return states.at(-2) === 'TIME-WAIT' ? states.slice(0, -1) : states;
}

describe('the peer, inferred from the wire', () => {
  it.each([
    ['a close in four segments', () => fourSegmentLife({ peerKnown: true })],
    ['a close in three segments', threeSegmentLife],
    ['a FIN that is lost', lostFin],
    ['a link that is slow', () => fourSegmentLife({ peerKnown: true, delay: 30_000 })],
  ])('is what it is: %s', (_, make) => {
    const life = make();
    if (known(life).length > 0) expect(inferred(life.events)).toEqual(known(life));
    else expect(inferred(life.events)).toEqual(['SYN-SENT', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSED']);
  });

  it('is presumed to have what was sent to it, until it says otherwise', () => {
    // At a simultaneous close our FIN is on its way when the peer's shows that it has not arrived.
    const states = inferred(simultaneousClose().events);
    expect(states).toEqual(['SYN-SENT', 'ESTABLISHED', 'CLOSE-WAIT', 'FIN-WAIT-1', 'CLOSING', 'TIME-WAIT']);
  });

  it('goes to CLOSED with a reset, from either end', () => {
    const segment = (direction: 'in' | 'out', flags: number, seq: number, ack: number): { event: SegmentEvent } => ({
      event: {
        kind: 'segment',
        serial: 0,
        time: 0,
        connection: 1,
        direction,
        segment: { seq, ack, flags, length: 0, window: 1, urgent: 0, options: {}, wireSegments: 1 },
      },
    });
    const opening = [segment('in', SYN, 0, 0), segment('out', SYN | ACK, 7, 1), segment('in', ACK, 1, 8)];
    expect(inferred([...opening, segment('out', RST, 8, 0)])).toEqual(['SYN-SENT', 'ESTABLISHED', 'CLOSED']);
    expect(inferred([...opening, segment('in', RST, 1, 0)])).toEqual(['SYN-SENT', 'ESTABLISHED', 'CLOSED']);
    // Its FIN, and our acknowledgment of it, with our own side open.
    const half = [...opening, segment('in', FIN | ACK, 1, 8), segment('out', ACK, 8, 2)];
    expect(inferred(half)).toEqual(['SYN-SENT', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2']);
  });

  it('is a server where we open', () => {
    const life = new TwoEnds({ peerKnown: true, opener: 'ours' });
    life.open();
    life.close('ours');
    life.settle(life.now + 1000);
    life.close('peer');
    life.settle(life.now + 61_000_000);
    expect(inferred(life.events)).toEqual(known(life));
  });
});
