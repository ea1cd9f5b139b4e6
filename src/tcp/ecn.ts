import { ACK, AE, CE, CWR, ECE, ECT0, NOT_ECT, RST, type Segment, SYN } from '../wire/segment.ts';
import { oweAck } from './ack-policy.ts';
import { reduceForMark } from './congestion/window.ts';
import { ACC_ECN, type EcnMode, NO_ECN, RFC_3168 } from './ecn-mode.ts';
import type { SynSide } from './options.ts';
import type { Tcb } from './tcb.ts';

/** Explicit congestion notification: RFC 3168 §6.1, and where both sides have it the accurate feedback of RFC 9768 (`accecn.ts`). */

const FLAGS = AE | CWR | ECE;
/** ACKs that are sent at once after the first mark, so that the sender hears of it (Linux). */
const QUICK_ACKS = 2;

/** `tcp_ecn`, as Linux numbers it: what our SYNs offer, and the most that is accepted when offered. */
const OFFERS: readonly EcnMode[] = [NO_ECN, RFC_3168, NO_ECN, ACC_ECN, RFC_3168, NO_ECN];
const ACCEPTS: readonly EcnMode[] = [NO_ECN, RFC_3168, RFC_3168, ACC_ECN, ACC_ECN, ACC_ECN];

/**
 * The flags of our SYN, or SYN,ACK (RFC 9293 SHLD-8). RFC 3168 §6.1.1: ECE and CWR ask, ECE alone agrees; RFC 9768 §3.1.1: AE besides asks for more, and the
 * SYN,ACK then tells how the SYN arrived. §6.1.1.1: a SYN sent again asks no more, as its flags may be why it was dropped.
 */
export function synFlags(tcb: SynSide, answering: boolean): number {
  if (answering) {
    if (tcb.ecn === RFC_3168) return ECE;
    return tcb.accEcn === null ? 0 : tcb.accEcn.synAckFlags;
  }
  const silent = tcb.config.tcp_ecn_fallback && tcb.synRetransmitted && tcb.retries > tcb.config.ecnSynRetries;
  tcb.ecnOffered = silent ? NO_ECN : able(tcb, OFFERS[tcb.config.tcp_ecn]!);
  if (tcb.ecnOffered === NO_ECN) return 0;
  return tcb.ecnOffered === ACC_ECN ? FLAGS : ECE | CWR;
}

/** As far as we can. */
function able({ env }: SynSide, mode: EcnMode): EcnMode {
  return mode === ACC_ECN && env.extensions.accEcn === undefined ? RFC_3168 : mode;
}

/** The peer's SYN or SYN,ACK: what is agreed on (RFC 3168 §6.1.1; RFC 9768 §3.1.1, table 2). */
export function agreeEcn(tcb: SynSide, segment: Segment): void {
  if (segment.has(ACK)) agreeAsClient(tcb, segment);
  else agreeAsServer(tcb, segment);
}

function agreeAsServer(tcb: SynSide, segment: Segment): void {
  const accepts = able(tcb, ACCEPTS[tcb.config.tcp_ecn]!);
  const asked = segment.flags & FLAGS;
  tcb.ecn = NO_ECN;
  if (asked === FLAGS && accepts === ACC_ECN) {
    tcb.ecn = ACC_ECN;
    tcb.accEcn = tcb.env.extensions.accEcn!(segment.ecn);
  } else if ((asked & (ECE | CWR)) === (ECE | CWR) && accepts !== NO_ECN && segment.ecn === NOT_ECT) {
    // A marked SYN that asks for RFC 3168 is nothing that RFC 3168 sends: something on the path is broken.
    tcb.ecn = RFC_3168;
  }
}

function agreeAsClient(tcb: SynSide, segment: Segment): void {
  const answer = segment.flags & FLAGS;
  tcb.ecn = NO_ECN;
  if (tcb.ecnOffered === NO_ECN) return;
  // ECE alone, and with AE from a peer of the old nonce experiment. All the flags, or those of our SYN: they were only reflected.
  if (answer === ECE || (tcb.ecnOffered === ACC_ECN && answer === (AE | ECE))) tcb.ecn = RFC_3168;
  else if (tcb.ecnOffered === ACC_ECN && answer !== 0 && answer !== FLAGS) {
    tcb.ecn = ACC_ECN;
    tcb.accEcn = tcb.env.extensions.accEcn!(segment.ecn);
    tcb.accEcn.synArrived(answer);
  }
}

/** The peer's SYN came again, and no longer asks: it must not see ECT (RFC 3168 §6.1.1). */
export function retractEcn(tcb: Tcb, segment: Segment): void {
  if ((segment.flags & (ECE | CWR)) === (ECE | CWR)) return;
  tcb.ecn = NO_ECN;
  tcb.accEcn = null;
}

/**
 * The ECN fields of a segment that is about to leave. Only text sent for the first time is ECN-capable: not pure ACKs, retransmissions,
 * probes and control segments (RFC 3168 §6.1.4 to §6.1.6), and nothing of an algorithm that does not answer marks.
 */
export function stampEcn(tcb: Tcb, segment: Segment): void {
  if (segment.has(RST | SYN)) return;
  const fresh = segment.payloadLength > 0 && segment.seq === tcb.sndNxt;
  if (fresh && tcb.congestion.model === undefined && tcb.accEcn?.mayMark !== false) segment.ecn = ECT0;
  if (tcb.accEcn !== null) {
    tcb.accEcn.stamp(tcb, segment);
    return;
  }
  if (tcb.ecnEcho) segment.flags |= ECE;
  if (fresh && tcb.cwrDue) {
    segment.flags |= CWR;
    tcb.cwrDue = false;
  }
}

/** An acceptable segment arrived: its mark is to be told to the peer (RFC 3168 §6.1.3), until its CWR says that it has heard. */
export function noteMarks(tcb: Tcb, segment: Segment): void {
  if (tcb.accEcn !== null) {
    if (tcb.accEcn.arrived(tcb, segment)) oweAck(tcb);
    return;
  }
  if (segment.payloadLength === 0) return;
  if (segment.has(CWR)) {
    tcb.ecnEcho = false;
    // A sender that has just slowed down may have little in flight: it is not to wait for a delayed ACK.
    oweAck(tcb);
  }
  if (segment.ecn === CE && !tcb.ecnEcho) {
    tcb.ecnEcho = true;
    tcb.conversing = false;
    tcb.quickAcks = Math.max(tcb.quickAcks, QUICK_ACKS);
    oweAck(tcb);
  }
}

/** What an acceptable ACK says of marks on what we sent. `acked`: bytes newly acknowledged. */
export function takeEcho(tcb: Tcb, segment: Segment, acked: number): void {
  if (segment.has(SYN)) return;
  const marked = tcb.accEcn !== null ? tcb.accEcn.feedback(tcb, segment, acked) > 0 : segment.has(ECE);
  if (!marked) return;
  // Congestion it was: what it led to is not to be undone.
  tcb.priorCwnd = 0;
  reduceForMark(tcb);
}
