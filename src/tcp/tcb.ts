import type { IpAddress } from '../wire/address.ts';
import { type Seq, seq } from '../wire/seq.ts';
import type { AccEcn } from './accecn.ts';
import type { ReceiveSpace } from './autotune.ts';
import { IDLE, type Limit } from './chrono.ts';
import { receiveBufferSize, type TcpConfig } from './config.ts';
import type { CongestionControl, CongestionName } from './congestion/controller.ts';
import { reno } from './congestion/reno.ts';
import { type EcnMode, NO_ECN } from './ecn-mode.ts';
import type { Environment } from './environment.ts';
import type { FastOpen } from './fast-open.ts';
import type { Frto } from './loss/frto.ts';
import { Rack } from './loss/rack.ts';
import { Scoreboard } from './loss/scoreboard.ts';
import type { MtuProbe } from './mtu-probe.ts';
import type { Failure } from './notices.ts';
import { REAL_ZERO } from './real.ts';
import { ReceiveBuffer } from './receive-buffer.ts';
import { SendBuffer } from './send-buffer.ts';
import { CLOSED, type State } from './state.ts';
import type { FourTuple } from './trace.ts';

/** No deadline: the timer is off. */
export const NEVER = Number.POSITIVE_INFINITY;

/**
 * A transmission control block (RFC 9293 §3.3.1): the whole state of one connection, flat. The functions of this folder are its methods;
 * whoever may write a field is said beside it where that is one place only.
 */
export class Tcb implements FourTuple {
  readonly env: Environment;
  readonly config: TcpConfig;
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;

  /** Written by `setState` only. */
  state: State = CLOSED;
  /** Opened by a peer's SYN (MUST-11): a failure in SYN-RECEIVED goes back to LISTEN and not to the application. */
  passive = false;

  // Send sequence space (RFC 9293 §3.3.1).
  iss: Seq = seq(0);
  sndUna: Seq = seq(0);
  /** Written by `output` only. */
  sndNxt: Seq = seq(0);
  /** The peer's window in bytes, scaled. */
  sndWnd = 0;
  /** Largest window the peer ever offered: half of it is Fs of §3.8.6.2.1, and RFC 5961 §5.2's MAX.SND.WND. */
  maxSndWnd = 0;
  sndUp: Seq = seq(0);
  sndWl1: Seq = seq(0);
  sndWl2: Seq = seq(0);

  // Receive sequence space.
  irs: Seq = seq(0);
  /** Written by `advance` of `receive.ts` only. */
  rcvNxt: Seq = seq(0);
  /** Right edge of the window as last announced: RCV.NXT + RCV.WND. Never moves left (SHLD-14). */
  rcvAdv: Seq = seq(0);
  rcvUp: Seq = seq(0);
  /** The ACK field of the last segment sent (RFC 7323 §4.3). */
  lastAckSent: Seq = seq(0);

  // What the SYNs agreed on.
  /** Largest text the peer takes in a segment, before options: its MSS option or the default (MUST-15), bounded by our path. */
  sndMss = 536;
  /** The peer's word alone. */
  peerMss = 536;
  /** Largest text that the path to the peer carries, before options: its MTU less the fixed headers. Set when opening, lowered by ICMP. */
  pathMss: number;
  /** Largest text that we announce (MUST-67). Set when opening. */
  rcvMss: number;
  /** Most text that one ACK acknowledged, up to a segment's: such segments pass the path. */
  provenText = 0;
  /** A path MTU that an ICMP error told, contrary to what was proven; 0: none (`path-mtu.ts`). */
  doubtedMtu = 0;
  mtuProbe: MtuProbe | null = null;
  sndWindScale = 0;
  rcvWindScale = 0;
  windowScaling = false;
  sackOk = false;
  timestamps = false;
  tsOffset = 0;
  tsRecent = 0;
  /** When `tsRecent` was set, µs (RFC 7323 §5.5: it ages). */
  tsRecentAge = REAL_ZERO;

  /** Text of the peer's SYN in a simultaneous open: it waits for ESTABLISHED. */
  synText: Uint8Array | null = null;

  /** In SYN-SENT: when our first SYN left, µs. */
  openedAt = 0;
  /** Our SYN has been acknowledged. Until then the send buffer starts at ISS + 1, later at SND.UNA. */
  synAcked = false;
  /** Our FIN has been sent (`output` only), and acknowledged. */
  finSent = false;
  finAcked = false;

  // What the application did.
  /** CLOSE has been called: nothing more will be sent after what is queued. */
  finQueued = false;
  /** The peer's FIN has been taken in order. */
  finReceived = false;
  /** The peer's FIN has come, at `finAt`, with text missing before it. */
  finHeld = false;
  finAt: Seq = seq(0);
  /** Nobody will read: text that arrives is answered by RST (SHLD-3). */
  orphan = false;
  noDelay = false;
  cork = false;
  /** The application has said that what it sent last goes on: the end of it is no push (RFC 9293 §3.9.1.2). */
  more = false;
  /** Off unless asked for (MUST-25). */
  keepAlive = false;
  keepAliveTime: number;
  keepAliveInterval: number;
  keepAliveProbes: number;
  /** R2 as a time, µs (RFC 9293 §3.8.3, MUST-21); 0: `tcp_retries2` decides. */
  userTimeout = 0;
  /** The application has set it; and the peer is to be told (`user-timeout.ts`). */
  userTimeoutSet = false;
  userTimeoutDue = false;
  /** Largest text of one emitted segment when the device segments (GSO); 0: one MSS. */
  gsoMax = 0;
  ttl: number;
  /** The DS field, 0 … 63 (MUST-48). */
  dscp = 0;

  /** With Fast Open (`fast-open.ts`). */
  fastOpen: FastOpen | null = null;

  // Buffers.
  readonly sendBuffer = new SendBuffer();
  sendBufferSize: number;
  /** TCP_NOTSENT_LOWAT: no more than that of it is to be unsent, bytes. */
  notsentLowat: number;
  readonly receiveBuffer: ReceiveBuffer;
  /** Of `autotune.ts`. */
  receiveSpace: ReceiveSpace | null = null;

  // Round-trip time and retransmission (RFC 6298). µs.
  srtt = 0;
  rttvar = 0;
  rto: number;
  /** Retransmissions of the earliest unacknowledged segment, in a row. */
  retries = 0;
  /** When the first of them was due: what a user time-out counts from. */
  retriesSince = REAL_ZERO;
  synRetransmitted = false;
  readonly scoreboard = new Scoreboard();

  // Loss recovery.
  dupAcks = 0;
  /** Bytes taken as received by the peer from duplicate ACKs without SACK: RFC 5681's inflation of cwnd, told as a smaller pipe. */
  dupAckBytes = 0;
  /** RFC 6582's `recover`, RFC 6675's RecoveryPoint. */
  recover: Seq = seq(0);
  recovery: 'open' | 'fast' | 'timeout' = 'open';
  /** The next lost range goes out whatever cwnd says: recovery was entered, a partial ACK came, or a time-out. */
  retransmitNow = false;
  readonly rack: Rack;
  /** The tail loss probe (`loss/tlp.ts`): one is out, up to there, and repeated something. */
  tlpOut = false;
  tlpEnd: Seq = seq(0);
  tlpRetransmitted = false;
  /** Proportional rate reduction (`loss/prr.ts`): where it goes to, prr_delivered, prr_out and RecoverFS. Bytes. */
  prrTarget = 0;
  prrDelivered = 0;
  prrOut = 0;
  /** RFC 6675 §4, RescueRxt: this recovery has had its rescue retransmission. */
  rescued = false;
  recoverFlight = 0;
  /** What a needless recovery is known by (`loss/undo.ts`): segments sent again since `undoMarker` and not reported as duplicates. */
  undoMarker: Seq = seq(0);
  undoRetrans = -1;
  /** TSval of the first of them. */
  retransStamped = false;
  retransStamp: Seq = seq(0);
  frto: Frto = 'off';

  // Congestion control. `cwnd` and `ssthresh` are written in `congestion/` only. Bytes.
  congestion: CongestionControl = reno;
  /** What `congestion` becomes when the handshake is done. */
  congestionName: CongestionName;
  cwnd = 0;
  ssthresh = 0x7fffffff;
  /** Bytes acknowledged since cwnd last grew in congestion avoidance (RFC 3465). */
  bytesAcked = 0;
  lastSendTime = 0;
  /** End of the last segment sent that was not full-sized (Minshall's variant of Nagle). */
  sndSml: Seq = seq(0);
  /** The `lastSendTime` before the last pause that cwnd took into account. */
  pauseAt = -1;
  /** Sending was held back by cwnd. */
  cwndLimited = false;
  /** What was in flight when that was found, and SND.NXT then: it holds until that is acknowledged. */
  cwndUsed = 0;
  cwndUsageSeq: Seq = seq(0);
  /** The most that was in flight since cwnd was last in full use, and when that was (RFC 2861). */
  cwndPeak = 0;
  cwndUsedAt = REAL_ZERO;
  /** cwnd and ssthresh before the last reduction, for when it turns out to have been needless; `priorCwnd` 0: nothing to go back to. */
  priorCwnd = 0;
  priorSsthresh = 0;
  /** A mark was answered: no further answer, and no growth, until `cwrEnd` is acknowledged. */
  inCwr = false;
  cwrEnd: Seq = seq(0);

  // Pacing (`pacing.ts`). Bytes a second, 0 while unknown; the next text may leave at `nextSendAt`, µs.
  paced = false;
  pacingRate = REAL_ZERO;
  nextSendAt = 0;

  // ECN (`ecn.ts`).
  ecn: EcnMode = NO_ECN;
  ecnOffered: EcnMode = NO_ECN;
  /** A mark arrived: ECE on what we send until the peer says CWR. */
  ecnEcho = false;
  /** cwnd was reduced: the next new text says CWR. */
  cwrDue = false;
  accEcn: AccEcn | null = null;

  // Acknowledging (`ack-policy.ts`).
  /** 0: nothing is owed; else one of `ack-policy.ts`. */
  ackOwed = 0;
  quickAcks: number;
  /** Text is answered by text, and when the last came (`ack-policy.ts`). */
  conversing = false;
  lastTextAt = -NEVER;
  /** Bytes received since the last ACK was sent. */
  unackedBytes = 0;
  /** Estimate of the peer's full segment size (Linux's rcv_mss): SHLD-19 counts in it. */
  peerSegment = 536;
  /** D-SACK to report next (RFC 2883): empty when both are equal. */
  dsackStart: Seq = seq(0);
  dsackEnd: Seq = seq(0);
  /** A number in each of the out-of-order runs that grew last, the latest first: their order in the next SACK (RFC 2018 §4). */
  recentRuns: readonly Seq[] = [];

  // Urgent data.
  urgentPending = false;

  // Deadlines, µs, NEVER when off. One for each timer; `timers.ts` keeps `deadline` at or before the least.
  retransmitAt = NEVER;
  persistAt = NEVER;
  delayedAckAt = NEVER;
  keepAliveAt = NEVER;
  pacingAt = NEVER;
  /** RFC 8985: the tail loss probe, and the end of waiting for what may be reordered. */
  tlpAt = NEVER;
  reorderAt = NEVER;
  /** TIME-WAIT or FIN-WAIT-2, by state. */
  closeAt = NEVER;
  persistBackoff = 0;
  /** Since when the device has refused new text with nothing in flight, µs. */
  refusedSince = NEVER;
  keepAliveSent = 0;
  /** When the last segment that passed for the peer's came, and the last zero-window probe left. */
  lastHeard = REAL_ZERO;
  lastProbe = 0;
  lastInvalidAck = -NEVER;

  /** Bits of `notices.ts` for the application, delivered and cleared by whoever drives the connection. */
  notices = 0;
  failure: Failure | null = null;
  softError: Failure | 'retransmitting' | null = null;
  /** A `send` was cut short: tell when there is space. */
  wantsWritable = false;
  /** The output pass waits for the driver, which makes one later for all that is said meanwhile. */
  outputHeld = false;

  // Figures for `tcp_info`.
  /** What sending waits for, since when, and how long it has waited for each (`chrono.ts` only). µs. */
  limit: Limit = IDLE;
  limitSince = 0;
  busyTime = 0;
  rwndLimited = 0;
  sndbufLimited = 0;
  /** When text last came in order, µs; the handshake at first. */
  lastTextReceived = REAL_ZERO;
  bytesSent = 0;
  bytesAckedTotal = 0;
  bytesReceived = 0;
  totalRetrans = 0;
  segsIn = 0;
  segsOut = 0;

  /** Whoever drives the connection keeps its own record here. */
  owner: unknown = null;

  constructor(env: Environment, tuple: FourTuple, config: TcpConfig = env.config) {
    this.env = env;
    this.config = config;
    this.localAddress = tuple.localAddress;
    this.localPort = tuple.localPort;
    this.remoteAddress = tuple.remoteAddress;
    this.remotePort = tuple.remotePort;
    this.pathMss = tuple.localAddress.family === 4 ? 1460 : 1440;
    this.rcvMss = this.pathMss;
    this.keepAliveTime = config.tcp_keepalive_time;
    this.keepAliveInterval = config.tcp_keepalive_intvl;
    this.keepAliveProbes = config.tcp_keepalive_probes;
    this.ttl = config.ip_default_ttl;
    this.congestionName = config.tcp_congestion_control;
    this.notsentLowat = config.tcp_notsent_lowat;
    this.sendBufferSize = config.sendBuffer || config.tcp_wmem[1];
    this.receiveBuffer = new ReceiveBuffer(env.memory, receiveBufferSize(config), config.maxHoles);
    this.rto = config.rtoInitial;
    this.rack = new Rack(config.tcp_reordering);
    this.scoreboard.rack = this.rack;
    this.quickAcks = config.quickAcks;
  }
}
