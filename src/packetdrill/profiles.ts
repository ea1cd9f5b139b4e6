import { freebsd, linux, rfc9293, type TcpConfig } from '../tcp/config.ts';

/**
 * Linux as its scripts find it: buffers for a scale of 8, and where the preset goes by an RFC that Linux does not keep, what Linux does: the older
 * HyStart of its CUBIC, segments without timestamps.
 */
const linuxTests: TcpConfig = { ...linux, windowScale: 8, hystartAtOnce: true, requireTimestamps: false };

export const PROFILES: Readonly<Record<string, TcpConfig>> = { linux: linuxTests, freebsd, rfc9293 };
