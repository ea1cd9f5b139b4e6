import { linux, rfc9293, type TcpConfig } from '../tcp/config.ts';

const SECOND = 1_000_000;

/**
 * FreeBSD's choices, as far as they show on the wire: a receive space of 64 KiB with a scale for two megabytes, no quick ACKs, its time-outs
 * (`rexmit_slop` included).
 */
export const freebsd: TcpConfig = {
  ...linux,
  windowScale: 6,
  receiveBuffer: 65_536,
  sendBuffer: 32_768,
  delayedAck: 0.04 * SECOND,
  quickAcks: 0,
  rtoInitial: 1 * SECOND,
  rtoMin: 0.03 * SECOND,
  rtoSlop: 0.2 * SECOND,
  rtoMax: 64 * SECOND,
  tcp_syn_retries: 12,
  tcp_synack_retries: 3,
  tcp_invalid_ratelimit: 0,
  timeWait: 60 * SECOND,
};

/** Linux as google's scripts set it up: buffers for a scale of 8. */
export const linuxTests: TcpConfig = { ...linux, windowScale: 8 };

export const PROFILES: Readonly<Record<string, TcpConfig>> = { linux: linuxTests, freebsd, rfc9293 };
