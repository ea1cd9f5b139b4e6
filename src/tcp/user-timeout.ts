import { type Segment, SYN } from '../wire/segment.ts';
import type { SynSide } from './options.ts';
import type { Tcb } from './tcb.ts';

/**
 * The user timeout option (RFC 5482): each end tells how long it keeps text that is not acknowledged, so that the other does not give up before.
 * Advice, not a promise: what it asks for is bounded. Where the application has set a time itself, that stays (the RFC's CHANGEABLE is false).
 */

/** L_LIMIT and U_LIMIT, µs (§3.1): R2 of RFC 1122 as the least; more than a day is no advice. */
export const LEAST_USER_TIMEOUT = 100_000_000;
export const LARGEST_USER_TIMEOUT = 86_400_000_000;

/** On our SYN, and on the next segment without text after a change: with text there may be no room. */
export function putUserTimeout(tcb: Tcb, segment: Segment): void {
  if (!tcb.userTimeoutDue || segment.payloadLength > 0) return;
  segment.userTimeout = Math.round(tcb.userTimeout / 1000);
  // A SYN may get lost: what is sent again says it again.
  if (!segment.has(SYN)) tcb.userTimeoutDue = false;
}

/** §3.1: what the peer asks for, within the limits; it counts only where the option is in use. */
export function takeUserTimeout(tcb: SynSide, segment: Segment): void {
  if (!tcb.config.userTimeoutOption || tcb.userTimeoutSet) return;
  tcb.userTimeout = Math.min(LARGEST_USER_TIMEOUT, Math.max(segment.userTimeout * 1000, LEAST_USER_TIMEOUT));
}
