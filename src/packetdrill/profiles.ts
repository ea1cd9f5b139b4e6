import { freebsd, linux, rfc9293, type TcpConfig } from '../tcp/config.ts';

/** Linux as google's scripts set it up: buffers for a scale of 8. */
const linuxTests: TcpConfig = { ...linux, windowScale: 8 };

export const PROFILES: Readonly<Record<string, TcpConfig>> = { linux: linuxTests, freebsd, rfc9293 };
