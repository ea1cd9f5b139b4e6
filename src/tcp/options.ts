import { ACK, type Segment, SYN } from '../wire/segment.ts';
import { agreeEcn, synFlags } from './ecn.ts';
import { agreeMss, fitReceiveBuffer, optionLength } from './mss.ts';
import type { Tcb } from './tcb.ts';
import { timestampNow } from './timestamps.ts';
import { takeUserTimeout } from './user-timeout.ts';
import { chooseWindowScale, LARGEST_SHIFT } from './window.ts';

/**
 * What of a TCB takes part in agreeing by SYNs: a `ConnectionRequest` has it, too, for which there is no TCB yet.
 */
export interface SynSide
  extends Pick<
    Tcb,
    | 'config'
    | 'localAddress'
    | 'passive'
    | 'retries'
    | 'synRetransmitted'
    | 'env'
    | 'pathMss'
    | 'rcvMss'
    | 'peerMss'
    | 'sndMss'
    | 'peerSegment'
    | 'windowScaling'
    | 'sndWindScale'
    | 'rcvWindScale'
    | 'sackOk'
    | 'timestamps'
    | 'tsOffset'
    | 'tsRecent'
    | 'tsRecentAge'
    | 'ecn'
    | 'ecnOffered'
    | 'accEcn'
    | 'fastOpen'
    | 'userTimeout'
    | 'userTimeoutSet'
  > {
  readonly receiveBuffer: { capacity: number };
}

/** What the two SYNs agree on. MSS is each side's own word; scaling, SACK and timestamps need both (RFC 7323 §2.2, §3.2; RFC 2018 §2). */

/** What our SYN or SYN,ACK says besides its numbers and its window: `segment` has its flags already. */
export function putSyn(tcb: SynSide, segment: Segment, now: number): void {
  const answering = segment.has(ACK);
  putSynOptions(tcb, segment, answering, now);
  segment.flags |= synFlags(tcb, answering);
}

/** Options of our SYN or SYN,ACK: MSS always (MUST-14, SHLD-5, MAY-3). In answer to a SYN only what it offered. */
function putSynOptions(tcb: SynSide, segment: Segment, answering: boolean, now: number): void {
  const { config } = tcb;
  if (config.maxMss >= 0) segment.mss = tcb.rcvMss;
  segment.packed = config.packedSynOptions;
  if (!answering && tcb.retries > config.synOptionRetries) return;
  if (answering ? tcb.sackOk : config.tcp_sack) segment.sackPermitted = true;
  if (answering ? tcb.timestamps : config.tcp_timestamps) {
    segment.hasTimestamps = true;
    segment.tsVal = timestampNow(tcb, now);
    segment.tsEcr = answering ? tcb.tsRecent : 0;
  }
  if (answering ? tcb.windowScaling : config.tcp_window_scaling) segment.windowScale = chooseWindowScale(tcb);
  // A client has nothing to ask for any more when it answers (simultaneous open).
  const cookie = answering && !tcb.passive ? null : (tcb.fastOpen?.cookie ?? null);
  if (cookie !== null) {
    segment.fastOpenLength = cookie.length;
    segment.fastOpenCookie.set(cookie);
  }
}

/** Takes the options of the peer's SYN or SYN,ACK: SACK where both permit it (RFC 2018 §2). */
export function takeSynOptions(tcb: SynSide, segment: Segment, now: number): void {
  if (!segment.has(SYN)) throw new Error('options are agreed on by SYNs only');
  const { config } = tcb;
  agreeMss(tcb, segment.mss);
  tcb.windowScaling = config.tcp_window_scaling && segment.windowScale >= 0;
  tcb.sndWindScale = tcb.windowScaling ? Math.min(segment.windowScale, LARGEST_SHIFT) : 0;
  tcb.rcvWindScale = tcb.windowScaling ? chooseWindowScale(tcb) : 0;
  tcb.sackOk = config.tcp_sack && segment.sackPermitted;
  tcb.timestamps = config.tcp_timestamps && segment.hasTimestamps;
  if (tcb.timestamps) {
    tcb.tsRecent = segment.tsVal;
    tcb.tsRecentAge = now;
  }
  // What the SYNs agree on counts options as text (RFC 6691 §2).
  if (segment.userTimeout > 0) takeUserTimeout(tcb, segment);
  tcb.peerSegment = Math.min(tcb.sndMss, tcb.rcvMss) - optionLength(tcb.timestamps, 0);
  agreeEcn(tcb, segment);
  fitReceiveBuffer(tcb);
}
