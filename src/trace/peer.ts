import type { StateName } from '../tcp/state.ts';
import { ACK, FIN, RST, SYN } from '../wire/segment.ts';
import type { SegmentEvent } from './event.ts';
import type { Seen } from './follow.ts';

/**
 * What state the other end must be in, from the segments alone: RFC 9293 §3.3.2 figure 5, seen from over there. What it sent it
 * surely did; what was sent to it is presumed to have arrived, until something it sends says otherwise (a SYN,ACK or a FIN once more).
 * The end of its TIME-WAIT leaves no mark on the wire: the model stays in it.
 */
export class PeerModel {
  state: StateName = 'CLOSED';
  /** Relative numbers one past the FINs; −1 before them. */
  #ourFin = -1;
  #peerFin = -1;
  /** Highest acknowledgment it sent: of our numbers. */
  #acked = 0;
  #weSentSyn = false;
  #synReceived = false;

  /** Takes the next segment; the states gone through because of it, in order, mostly none. */
  observe(event: SegmentEvent, seen: Seen): StateName[] {
    const before = this.state;
    const path: StateName[] = [];
    for (const state of event.direction === 'in' ? this.#sent(event, seen) : this.#received(event, seen)) {
      if (state !== (path.at(-1) ?? before)) path.push(state);
      this.state = state;
    }
    return path;
  }

  /** It sent this. */
  #sent(event: SegmentEvent, seen: Seen): StateName[] {
    const { flags } = event.segment;
    if (seen.ack !== null) this.#acked = Math.max(this.#acked, seen.ack);
    if (flags & RST) return ['CLOSED'];
    if (flags & SYN) {
      if (flags & ACK) {
        this.#synReceived = true;
        return ['SYN-RECEIVED'];
      }
      // With our SYN on its way, both opens are active (RFC 9293 §3.5, figure 7).
      return this.#weSentSyn ? ['SYN-SENT', 'SYN-RECEIVED'] : ['SYN-SENT'];
    }
    const path: StateName[] = [];
    if (this.#opening) path.push('ESTABLISHED');
    const knowsOurFin = this.#ourFin >= 0 && this.#acked >= this.#ourFin;
    if (flags & FIN) {
      this.#peerFin = seen.end;
      if (knowsOurFin) {
        if (this.state === 'TIME-WAIT') return path;
        if (path.length > 0 || this.state === 'ESTABLISHED') path.push('CLOSE-WAIT');
        path.push('LAST-ACK');
      } else {
        path.push('FIN-WAIT-1');
        if (this.#ourFin >= 0) path.push('CLOSING');
      }
    } else if (knowsOurFin) {
      if (path.length > 0 || this.state === 'ESTABLISHED') path.push('CLOSE-WAIT');
      else if (this.state === 'FIN-WAIT-1') path.push('CLOSING');
      else if (this.state === 'FIN-WAIT-2') path.push('TIME-WAIT');
    }
    return path;
  }

  /** It was sent this, and has it, as far as one knows. */
  #received(event: SegmentEvent, seen: Seen): StateName[] {
    const { flags } = event.segment;
    if (flags & RST) return this.state === 'CLOSED' ? [] : ['CLOSED'];
    if (flags & SYN) {
      this.#weSentSyn = true;
      if (flags & ACK) return this.#opening ? ['ESTABLISHED'] : [];
      return this.state === 'SYN-SENT' ? ['SYN-RECEIVED'] : this.state === 'CLOSED' ? ['LISTEN'] : [];
    }
    const path: StateName[] = [];
    let state = this.state;
    const go = (to: StateName) => {
      path.push(to);
      state = to;
    };
    if (state === 'SYN-RECEIVED' && this.#synReceived) go('ESTABLISHED');
    const acksItsFin = this.#peerFin >= 0 && seen.ack !== null && seen.ack >= this.#peerFin;
    if (flags & FIN) this.#ourFin = seen.end;
    const fin = (flags & FIN) !== 0;
    if (state === 'ESTABLISHED' && fin) go('CLOSE-WAIT');
    else if (state === 'FIN-WAIT-1' && fin && acksItsFin) {
      // §3.10.7.4 looks at the ACK before it looks at the FIN.
      go('FIN-WAIT-2');
      go('TIME-WAIT');
    } else if (state === 'FIN-WAIT-1' && fin) go('CLOSING');
    else if (state === 'FIN-WAIT-1' && acksItsFin) go('FIN-WAIT-2');
    else if (state === 'FIN-WAIT-2' && fin) go('TIME-WAIT');
    else if (state === 'CLOSING' && acksItsFin) go('TIME-WAIT');
    else if (state === 'LAST-ACK' && acksItsFin) go('CLOSED');
    return path;
  }

  get #opening(): boolean {
    return this.state === 'SYN-SENT' || this.state === 'SYN-RECEIVED';
  }
}
