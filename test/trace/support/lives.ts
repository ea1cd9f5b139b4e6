import { FIN } from '../../../src/wire/segment.ts';
import { TwoEnds, type TwoEndsOptions } from './two-ends.ts';

const TIME_WAIT = 60_000_000;

/** A request, an answer of 60 000 bytes, and a close by us that takes four segments. */
export function fourSegmentLife(options: TwoEndsOptions = {}): TwoEnds {
  const t = new TwoEnds(options);
  t.open();
  t.transfer('peer', 77);
  t.transfer('ours', 60_000);
  t.close('ours');
  t.settle(t.now + 1000);
  t.close('peer');
  t.settle(t.now + TIME_WAIT + 1000);
  return t;
}

/** The peer closes first, and we close before our acknowledgment of its FIN is due: FIN, FIN+ACK, ACK. */
export function threeSegmentLife(options: TwoEndsOptions = {}): TwoEnds {
  const t = new TwoEnds({ ...options, peerKnown: true });
  t.open();
  t.transfer('peer', 5);
  t.closeOnFin = true;
  t.close('peer');
  t.settle(t.now + TIME_WAIT + 1000);
  return t;
}

/** Both close before either FIN has arrived. */
export function simultaneousClose(options: TwoEndsOptions = {}): TwoEnds {
  const t = new TwoEnds({ ...options, peerKnown: true });
  t.open();
  t.close('ours');
  t.close('peer');
  t.settle(t.now + TIME_WAIT + 1000);
  return t;
}

/** Our FIN is lost once. */
export function lostFin(): TwoEnds {
  let lost = 0;
  const t = new TwoEnds({ lose: (from, _, s) => from === 'ours' && s.has(FIN) && lost++ === 0 });
  t.open();
  t.close('ours');
  t.settle(t.now + 1_000_000);
  t.close('peer');
  t.settle(t.now + TIME_WAIT + 1000);
  return t;
}
