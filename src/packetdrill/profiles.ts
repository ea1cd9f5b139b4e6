import { linux, type TcpConfig } from '../tcp/config.ts';
import { freebsd, rfc9293 } from '../tcp/profiles.ts';

/**
 * Linux as its scripts find it: buffers for a scale of 8, and where the preset goes by an RFC that Linux does not keep, what Linux does: the older
 * HyStart of its CUBIC, segments without timestamps, an MSS by what is known of the path, a SYN's text left aside when SYNs cross, a
 * send buffer that is filled in whole bursts.
 */
const linuxTests: TcpConfig = {
  ...linux,
  windowScale: 8,
  hystartAtOnce: true,
  requireTimestamps: false,
  announcePathMss: true,
  keepSynText: false,
  sendWholeBursts: true,
};

export const PROFILES: Readonly<Record<string, TcpConfig>> = { linux: linuxTests, freebsd, rfc9293 };
