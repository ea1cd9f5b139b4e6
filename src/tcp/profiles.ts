import { linux, type TcpConfig } from './config.ts';

// Apart from `config.ts`: a bundle has a preset only where it names it.

const SECOND = 1_000_000;

/** The letter of RFC 9293 and of RFC 6298 where Linux chose otherwise. */
export const rfc9293: TcpConfig = {
  ...linux,
  rtoMin: 1 * SECOND,
  rtoMargin: 0.001 * SECOND,
  rtoMax: 60 * SECOND,
  delayedAck: 0.2 * SECOND,
  quickAcks: 0,
  tcp_congestion_control: 'reno',
  abcLimit: 1,
  cwndDecay: false,
  hystartLimit: 8,
  timeWait: 240 * SECOND,
  tcp_rfc1337: true,
  icmpWhileOpening: 'hard',
  pushBursts: false,
  // RFC 7413 §4.1.3.1: negative answers are remembered.
  fastOpenRefusal: 900 * SECOND,
  // With these intervals it is 3 minutes before a SYN is given up (MUST-23).
  tcp_syn_retries: 7,
  tcp_synack_retries: 7,
};

/**
 * FreeBSD's choices, as far as they show on the wire: a receive space of 64 KiB with a scale for two megabytes, no quick ACKs, its time-outs
 * (`rexmit_slop` included), and its answers where the RFC leaves a choice.
 */
export const freebsd: TcpConfig = {
  ...linux,
  windowScale: 6,
  receiveBuffer: 65_536,
  sendBuffer: 32_768,
  quickAcks: 0,
  rtoMin: 0.03 * SECOND,
  rtoMargin: 0.001 * SECOND,
  rtoSlop: 0.2 * SECOND,
  rtoMax: 64 * SECOND,
  tcp_syn_retries: 12,
  openTimeout: 75 * SECOND,
  tcp_synack_retries: 3,
  tcp_invalid_ratelimit: 0,
  tcp_rfc1337: true,
  icmpWhileOpening: 'refusal',
  resetSynAckToListen: false,
  answerTimeWaitWithoutAck: false,
  repeatFinInAcks: true,
  ackEverySecondSegment: true,
  ecnSynRetries: 1,
  fastOpenRefusal: 900 * SECOND,
  pushBursts: false,
  packedSynOptions: true,
  receiveBufferInSegments: true,
};

/** The presets by name. */
export const profiles = { linux, freebsd, rfc9293 } as const;
export type ProfileName = keyof typeof profiles;
