import { DROP_REASONS, type DropReason } from './drop.ts';

/** Counters in the words of `nstat`/`netstat -s` (RFC 4022's MIB and Linux's TcpExt) where they have one. */
export class Counters {
  ActiveOpens = 0;
  PassiveOpens = 0;
  AttemptFails = 0;
  EstabResets = 0;
  InSegs = 0;
  OutSegs = 0;
  RetransSegs = 0;
  InErrs = 0;
  OutRsts = 0;
  ListenOverflows = 0;
  ListenDrops = 0;
  /** SYNs that found the SYN queue full: dropped, or answered by a cookie. */
  TCPReqQFullDrop = 0;
  TCPReqQFullDoCookies = 0;
  SyncookiesSent = 0;
  SyncookiesRecv = 0;
  SyncookiesFailed = 0;
  /** Fast Open: SYNs with text that was acknowledged, or not, as client; taken, or not, as server; requests for a cookie that came. */
  TCPFastOpenActive = 0;
  TCPFastOpenActiveFail = 0;
  TCPFastOpenPassive = 0;
  TCPFastOpenPassiveFail = 0;
  TCPFastOpenListenOverflow = 0;
  TCPFastOpenCookieReqd = 0;
  TCPFastOpenBlackhole = 0;
  /** ACKs without text, of handshakes whose listener waits for text. */
  TCPDeferAcceptDrop = 0;
  TCPTimeouts = 0;
  TCPFastRetrans = 0;
  TCPSynRetrans = 0;
  /** Segments with text, and acknowledgments, taken by header prediction. */
  TCPHPHits = 0;
  TCPHPAcks = 0;
  TCPChallengeACK = 0;
  TCPKeepAlive = 0;
  TCPAbortOnTimeout = 0;
  TCPAbortOnData = 0;
  TCPAbortOnClose = 0;
  TCPTimeWaitOverflow = 0;
  /** Outgoing connections that took over a four-tuple in TIME-WAIT. */
  TWRecycled = 0;
  TCPAbortOnMemory = 0;
  TCPMemoryPressures = 0;
  /** Probes for a longer path MTU that arrived, and that did not. */
  TCPMTUPSuccess = 0;
  TCPMTUPFail = 0;
  TCPOFOQueue = 0;
  TCPOFODrop = 0;
  TCPDSACKOldSent = 0;
  TCPDSACKRecv = 0;
  TCPLossProbes = 0;
  TCPLossProbeRecovery = 0;
  /** Recoveries that were for nothing: found by F-RTO, by D-SACK, by timestamps after a time-out and otherwise. */
  TCPSpuriousRTOs = 0;
  TCPDSACKUndo = 0;
  TCPLossUndo = 0;
  TCPFullUndo = 0;
  /** SYN,ACKs that echoed a timestamp which was not ours; and older segments. */
  PAWSActive = 0;
  PAWSEstab = 0;
  TCPHystartDelayDetect = 0;
  /** Reductions of cwnd because of congestion marks. */
  TCPEcnReductions = 0;
  DelayedACKs = 0;
  TW = 0;
  /** Segments not processed to their end, by reason. */
  readonly drops: Record<DropReason, number> = Object.fromEntries(DROP_REASONS.map((r) => [r, 0])) as Record<
    DropReason,
    number
  >;
}
