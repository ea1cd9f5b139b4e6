import type { Tcb } from './tcb.ts';

/** RFC 6298: the round-trip time and the retransmission time-out. Times in µs. */

/** Takes a measurement `r` and sets RTO (§2.2, §2.3). Takes back any back-off (§5, note to 5.7). */
export function measureRtt(tcb: Tcb, r: number): void {
  const sample = Math.max(1, Math.round(r));
  if (tcb.srtt === 0) {
    tcb.srtt = sample;
    tcb.rttvar = sample >>> 1;
  } else {
    tcb.rttvar = Math.round(tcb.rttvar * 0.75 + Math.abs(tcb.srtt - sample) * 0.25);
    tcb.srtt = Math.max(1, Math.round(tcb.srtt * 0.875 + sample * 0.125));
  }
  setRto(tcb);
}

/**
 * RFC 4015 §3.4: a time-out was spurious, and the round trip that the original took was `r`: it may well take as long again. The estimates
 * are not to be less.
 */
export function afterSpuriousTimeout(tcb: Tcb, r: number): void {
  tcb.srtt = Math.max(tcb.srtt, r);
  tcb.rttvar = Math.max(tcb.rttvar, r / 2);
  setRto(tcb);
}

/** RTO from the estimates, within its bounds (§2.4, §2.5). */
export function setRto(tcb: Tcb): void {
  const { rtoMin, rtoMax, rtoMargin } = tcb.config;
  const margin = Math.max(rtoMargin, 4 * tcb.rttvar);
  tcb.rto = Math.min(rtoMax, Math.max(rtoMin, tcb.srtt + margin));
}

/** §5.5: the time-out doubles. */
export function backOff(tcb: Tcb): void {
  tcb.rto = Math.min(tcb.config.rtoMax, tcb.rto * 2);
}
