import { freebsd, linux, rfc9293, type TcpConfig } from '../tcp/config.ts';

/** Linux as its scripts find it: buffers for a scale of 8, and the HyStart of its CUBIC, which is older than RFC 9406. */
const linuxTests: TcpConfig = { ...linux, windowScale: 8, hystartAtOnce: true };

export const PROFILES: Readonly<Record<string, TcpConfig>> = { linux: linuxTests, freebsd, rfc9293 };
