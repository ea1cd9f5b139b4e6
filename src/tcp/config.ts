import type { CongestionName } from './congestion/controller.ts';

/**
 * Everything that can be set, with Linux's sysctl name and default where Linux has one. Times are in microseconds, sizes in bytes.
 */
export interface TcpConfig {
  /** Largest segment text to announce and to send, at most; 0: what the path's MTU allows (RFC 9293 §3.7.1); −1: the same, and no MSS option. */
  readonly maxMss: number;
  /** Offer and accept window scaling, SACK, timestamps (RFC 7323, RFC 2018). */
  readonly tcp_window_scaling: boolean;
  /** The shift to ask for, 0 … 14; −1: the least that can tell the whole receive buffer. */
  readonly windowScale: number;
  readonly tcp_sack: boolean;
  readonly tcp_timestamps: boolean;
  /** Segments without timestamps are dropped once they are agreed on (RFC 7323 §3.2). Linux takes them. */
  readonly requireTimestamps: boolean;

  /** Initial, least and largest retransmission time-out (RFC 6298 §2; Linux's least is 200 ms). */
  readonly rtoInitial: number;
  readonly rtoMin: number;
  readonly rtoMax: number;
  /** Least margin of the time-out over SRTT: RFC 6298's clock granularity G; Linux bounds 4·RTTVAR by its least time-out. */
  readonly rtoMargin: number;
  /** Added to each time-out: FreeBSD's `rexmit_slop`. */
  readonly rtoSlop: number;
  /** Retransmissions of a SYN, and of a SYN,ACK, before giving up. */
  readonly tcp_syn_retries: number;
  /** How long opening may take, µs: FreeBSD's `keepinit`; 0: as long as `tcp_syn_retries` makes it. */
  readonly openTimeout: number;
  readonly tcp_synack_retries: number;
  /** R1 and R2 of RFC 9293 §3.8.3, counted in retransmissions (SHLD-10: at least 3; SHLD-11: at least 100 s). */
  readonly tcp_retries1: number;
  readonly tcp_retries2: number;
  /** Retransmissions for a connection the application has let go of. */
  readonly tcp_orphan_retries: number;
  /** Whether giving up on a SYN-RECEIVED connection sends a RST (RFC 9293 leaves it open; Linux is silent). */
  readonly resetOnSynAckGiveUp: boolean;

  /** Segments as expected take the short way (`events/predicted.ts`). It changes nothing but the time they take. */
  readonly headerPrediction: boolean;

  /** Longest and usual delay of an acknowledgment (RFC 9293 §3.8.6.3: under 0.5 s; Linux 40 ms). */
  readonly delayedAck: number;
  /** Segments acknowledged at once at the start of a connection (Linux's quick-ack mode). */
  readonly quickAcks: number;

  /** Loss by time, RACK (RFC 8985): 1 on, +2 with a reordering window that does not adapt, +4 without DupThresh; 0: RFC 6675. */
  readonly tcp_recovery: number;
  /** 3 or 4: tail loss probes (RFC 8985 §7); 0: none. */
  readonly tcp_early_retrans: number;
  /** 1 or 2: spurious time-outs are found by F-RTO (RFC 5682). */
  readonly tcp_frto: number;
  /** DupThresh (RFC 5681 §3.2), and what reordering may raise it to. */
  readonly tcp_reordering: number;
  readonly tcp_max_reordering: number;

  /** The algorithm of new connections. */
  readonly tcp_congestion_control: CongestionName;
  /** Initial window in segments (RFC 6928). */
  readonly initialWindow: number;
  readonly tcp_slow_start_after_idle: boolean;
  /** Segments by which one ACK may grow cwnd in slow start (RFC 3465's L; RFC 5681: 1); 0: as many as it acknowledges, as Linux. */
  readonly abcLimit: number;
  /** Halve cwnd for each RTO of idle time, and let it shrink to what is used of it (RFC 2861, Linux); else RFC 5681 §4.1. */
  readonly cwndDecay: boolean;
  /** CUBIC leaves its first slow start by HyStart++ (RFC 9406). */
  readonly hystart: boolean;
  /** … or at once, by the ninth sample of a round, without Conservative Slow Start, as Linux's CUBIC does. */
  readonly hystartAtOnce: boolean;
  /** RFC 9406's L: segments by which one ACK may grow cwnd, its recommendation 8; 0: as many as it acknowledges, as Linux. */
  readonly hystartLimit: number;
  /** Pace algorithms that do not ask for it, at these percentages of cwnd a round trip, in slow start and later. */
  readonly pacing: boolean;
  readonly tcp_pacing_ss_ratio: number;
  readonly tcp_pacing_ca_ratio: number;
  /** Least burst for a device that segments, in segments; larger ones are what the rate gives in a millisecond. */
  readonly tcp_min_tso_segs: number;

  /**
   * ECN: 0 never; 1 asked for and accepted; 2 accepted; 3 AccECN (RFC 9768) asked for and accepted; 4 AccECN accepted, RFC 3168 asked for;
   * 5 AccECN accepted.
   */
  readonly tcp_ecn: 0 | 1 | 2 | 3 | 4 | 5;
  /** A SYN sent again asks no more (RFC 3168 §6.1.1.1). */
  readonly tcp_ecn_fallback: boolean;
  /** AccECN's byte counters are told in an option (RFC 9768 §3.2.3). */
  readonly tcp_ecn_option: boolean;
  /** After a mark reduce by less than after a loss (RFC 8511). */
  readonly abe: boolean;

  /** Buffer sizes, which then stay; 0: as `tcp_rmem` and `tcp_wmem` say. The receive buffer bounds the window. */
  readonly receiveBuffer: number;
  readonly sendBuffer: number;
  /** What a connection may have even when memory is short, what it begins with, and what it may come to, bytes. Text only: Linux counts its overhead too. */
  readonly tcp_rmem: readonly [number, number, number];
  readonly tcp_wmem: readonly [number, number, number];
  /** SEND takes no more while so much is unsent, bytes, and says that there is room when less than half of it is. */
  readonly tcp_notsent_lowat: number;
  /** SEND takes whole bursts: one that begins within the send buffer may end beyond it, as with Linux. */
  readonly sendWholeBursts: boolean;
  /** Let the receive buffer grow with what the application reads in a round trip. */
  readonly tcp_moderate_rcvbuf: boolean;
  /**
   * All buffers of a stack, bytes (Linux: pages): from the second on none grows, until they are below the first again; beyond the third text is dropped or not
   * taken, but for what each connection is promised.
   */
  readonly tcp_mem: readonly [number, number, number];
  /** Largest number of out-of-order runs held by a connection. */
  readonly maxHoles: number;

  /** Keep-alive, when a connection asks for it (RFC 9293 §3.8.4; MUST-28: no less than two hours). */
  readonly tcp_keepalive_time: number;
  readonly tcp_keepalive_intvl: number;
  readonly tcp_keepalive_probes: number;

  /** How long an orphan stays in FIN-WAIT-2. */
  readonly tcp_fin_timeout: number;
  /** TIME-WAIT in all: 2 MSL (RFC 9293 §3.6: MSL 2 minutes; Linux: 60 s in all). */
  readonly timeWait: number;
  readonly tcp_max_tw_buckets: number;
  /** An outgoing connection may take the four-tuple of one in TIME-WAIT with timestamps, a second old (RFC 6191): 0 never, 1 always, 2 on loopback. */
  readonly tcp_tw_reuse: 0 | 1 | 2;
  /** Connections that no application holds any more and that still have something to send or to wait for; one more is reset. */
  readonly tcp_max_orphans: number;
  /** Ignore RSTs in TIME-WAIT (RFC 1337). */
  readonly tcp_rfc1337: boolean;

  /** Half-open connections per listener, and the largest backlog `listen` may ask for. */
  readonly tcp_max_syn_backlog: number;
  readonly somaxconn: number;
  /** Answer with a RST, not with silence, where the accept queue is full. */
  readonly tcp_abort_on_overflow: boolean;
  /** SYN cookies (RFC 4987): 0 never, 1 where a SYN finds `tcp_max_syn_backlog` reached, 2 for every SYN. */
  readonly tcp_syncookies: 0 | 1 | 2;
  /**
   * Frames that a device gives without being found empty, after which those SYNs for a full SYN queue that come from nobody proven are not all answered:
   * we are behind. Infinity: they are.
   */
  readonly synBacklogFrames: number;
  /** How long a peer that completed a handshake is proven, µs (Linux's `tcp_peer_is_proven`, whose metrics last an hour); 0: nobody is. */
  readonly provenFor: number;
  /**
   * Fast Open (RFC 7413), bits: 1 as a client, 2 as a server (of listeners that ask for it), 4 a client sends text without a cookie, 0x200 a server takes
   * it, 0x400 every listener does.
   */
  readonly tcp_fastopen: number;
  /**
   * The servers' key, as Linux's sysctl is written: `a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4`. Machines that share it, ours or Linux, know each other's
   * cookies; '': a random one.
   */
  readonly tcp_fastopen_key: string;
  /** How long a server that neither took a SYN's text nor gave a cookie is not asked again, µs: FreeBSD's `path_disable_time`; 0: it is, as with Linux. */
  readonly fastOpenRefusal: number;
  /** After a connection that vanished no client uses it for so long, µs, doubling; 0: it goes on. */
  readonly tcp_fastopen_blackhole_timeout_sec: number;

  /** No path MTU discovery by ICMP (Linux's 1). */
  readonly ip_no_pmtu_disc: boolean;
  /** The least path MTU of IPv4 that an ICMP error is believed, bytes; and how long it is remembered, µs. */
  readonly min_pmtu: number;
  readonly mtu_expires: number;

  /** Tell the peer of a user time-out, and heed its own (RFC 5482). Linux has not got it. */
  readonly userTimeoutOption: boolean;
  /** Path MTU discovery without ICMP (RFC 4821): 0 never, 1 where a black hole is suspected, 2 always; where it begins, and the least it goes down to. */
  readonly tcp_mtu_probing: 0 | 1 | 2;
  readonly tcp_base_mss: number;
  readonly tcp_mtu_probe_floor: number;
  /** The search ends when so few bytes are in doubt, and begins again after so long, µs. */
  readonly tcp_probe_threshold: number;
  readonly tcp_probe_interval: number;

  /** Challenge ACKs a second, per stack (RFC 5961 §7). */
  readonly tcp_challenge_ack_limit: number;
  /** Least time between two ACKs in answer to unacceptable segments of one connection. */
  readonly tcp_invalid_ratelimit: number;

  /**
   * Which ICMP errors end an attempt to connect (RFC 9293 §3.9.2.2, RFC 5461 §4): any, as Linux; those that will not pass by themselves (MUST-56, SHLD-26);
   * those that tell of a refusal, or of a path that goes in circles, as FreeBSD; none.
   */
  readonly icmpWhileOpening: 'any' | 'hard' | 'refusal' | 'none';
  /** Whether the text of a SYN that crosses ours is kept for ESTABLISHED (RFC 9293 §3.10.7.3). Linux leaves it, to be sent again. */
  readonly keepSynText: boolean;
  /** Whether our SYN announces what is known of the path, as Linux and FreeBSD do, and not what the interface takes (RFC 6691 §2). */
  readonly announcePathMss: boolean;
  /** Whether a SYN,ACK to a listener is answered by a RST (§3.10.7.2); FreeBSD is silent. */
  readonly resetSynAckToListen: boolean;
  /** Whether TIME-WAIT answers segments without an ACK; FreeBSD drops them. */
  readonly answerTimeWaitWithoutAck: boolean;
  /** Whether an ACK sent while our FIN is unacknowledged carries the FIN again, as FreeBSD's do. */
  readonly repeatFinInAcks: boolean;
  /** Whether every second segment is acknowledged, full-sized or not, as with FreeBSD. */
  readonly ackEverySecondSegment: boolean;
  /** Retransmissions of a SYN that still ask for ECN: FreeBSD's `ecn.maxretries`. */
  readonly ecnSynRetries: number;
  /** Retransmissions of a SYN after which it has no options but MSS: FreeBSD's `rexmit_drop_options`; Infinity: never. */
  readonly synOptionRetries: number;
  /** Whether the last segment of a burst carries PSH, as with Linux's segmentation offload. */
  readonly pushBursts: boolean;
  /** Whether a SYN's options stand as FreeBSD packs them (window scale first, no padding between), and not as Linux does. */
  readonly packedSynOptions: boolean;
  /** Whether the receive buffer is rounded up to whole segments, and what fits it is accepted though it was not announced, as with FreeBSD. */
  readonly receiveBufferInSegments: boolean;

  /**
   * How long nothing happens on a connection, with nothing in flight or buffered, before it becomes a small record until something does (within twice
   * that), µs; 0: at once, for tests; Infinity: never. Nobody can tell the difference but by the memory.
   */
  readonly restAfter: number;

  /** First and last ephemeral port (RFC 6056). */
  readonly ip_local_port_range: readonly [number, number];
  /** TTL, or hop limit, of what is sent. */
  readonly ip_default_ttl: number;
}

const SECOND = 1_000_000;
const MIB = 1 << 20;

/** Linux's choices: the default. */
export const linux: TcpConfig = {
  maxMss: 0,
  tcp_window_scaling: true,
  windowScale: -1,
  tcp_sack: true,
  tcp_timestamps: true,
  requireTimestamps: true,
  rtoInitial: 1 * SECOND,
  rtoMin: 0.2 * SECOND,
  rtoMargin: 0.2 * SECOND,
  rtoSlop: 0,
  rtoMax: 120 * SECOND,
  tcp_syn_retries: 6,
  openTimeout: 0,
  tcp_synack_retries: 5,
  tcp_retries1: 3,
  tcp_retries2: 15,
  tcp_orphan_retries: 8,
  resetOnSynAckGiveUp: false,
  headerPrediction: true,
  delayedAck: 0.04 * SECOND,
  quickAcks: 16,
  tcp_recovery: 1,
  tcp_early_retrans: 3,
  tcp_frto: 2,
  tcp_reordering: 3,
  tcp_max_reordering: 300,
  tcp_congestion_control: 'cubic',
  initialWindow: 10,
  tcp_slow_start_after_idle: true,
  abcLimit: 0,
  cwndDecay: true,
  hystart: true,
  hystartAtOnce: false,
  hystartLimit: 0,
  pacing: false,
  tcp_pacing_ss_ratio: 200,
  tcp_pacing_ca_ratio: 120,
  tcp_min_tso_segs: 2,
  tcp_ecn: 2,
  tcp_ecn_fallback: true,
  tcp_ecn_option: true,
  abe: false,
  receiveBuffer: 0,
  sendBuffer: 0,
  tcp_rmem: [4096, 131_072, 32 * MIB],
  // More than Linux's 16 KiB and 4 MiB: only text counts here, and it should do for 10 Gbit/s over 20 ms. Writers are woken where a third is free, so
  // that two thirds have to fill the largest window.
  tcp_wmem: [4096, MIB, 48 * MIB],
  tcp_notsent_lowat: Number.POSITIVE_INFINITY,
  sendWholeBursts: false,
  tcp_moderate_rcvbuf: true,
  tcp_mem: [256 * MIB, 384 * MIB, 512 * MIB],
  maxHoles: 4096,
  tcp_keepalive_time: 7200 * SECOND,
  tcp_keepalive_intvl: 75 * SECOND,
  tcp_keepalive_probes: 9,
  tcp_fin_timeout: 60 * SECOND,
  timeWait: 60 * SECOND,
  tcp_max_tw_buckets: 131_072,
  tcp_tw_reuse: 2,
  tcp_max_orphans: 65_536,
  tcp_rfc1337: false,
  tcp_max_syn_backlog: 4096,
  somaxconn: 4096,
  tcp_abort_on_overflow: false,
  tcp_syncookies: 1,
  synBacklogFrames: 256,
  provenFor: 3600 * SECOND,
  tcp_fastopen: 1,
  tcp_fastopen_key: '',
  fastOpenRefusal: 0,
  tcp_fastopen_blackhole_timeout_sec: 0,
  ip_no_pmtu_disc: false,
  min_pmtu: 552,
  mtu_expires: 600 * SECOND,
  userTimeoutOption: false,
  tcp_mtu_probing: 0,
  tcp_base_mss: 1024,
  tcp_mtu_probe_floor: 48,
  tcp_probe_threshold: 8,
  tcp_probe_interval: 600 * SECOND,
  tcp_challenge_ack_limit: 1000,
  tcp_invalid_ratelimit: 0.5 * SECOND,
  icmpWhileOpening: 'any',
  keepSynText: true,
  announcePathMss: false,
  resetSynAckToListen: true,
  answerTimeWaitWithoutAck: true,
  repeatFinInAcks: false,
  ackEverySecondSegment: false,
  ecnSynRetries: 0,
  synOptionRetries: Number.POSITIVE_INFINITY,
  pushBursts: true,
  packedSynOptions: false,
  receiveBufferInSegments: false,
  restAfter: 5 * SECOND,
  ip_local_port_range: [32_768, 60_999],
  ip_default_ttl: 64,
};

/** Size that a receive buffer begins with, bytes. */
export function receiveBufferSize(config: TcpConfig): number {
  return config.receiveBuffer || config.tcp_rmem[1];
}
