/**
 * `synfin`: a complete TCP, from SYN to FIN. The rooms have doors of their own: `synfin/wire`, `synfin/tcp`, `synfin/link`,
 * `synfin/stack`, `synfin/trace`; on Node also `synfin/net` and `synfin/tun`.
 */
export { Loopback, Pair, Tee } from './link/index.ts';
export type { SocketEvents, StackOptions, StackWarning, TcpListener, TcpSocket } from './stack/index.ts';
export { type ConnectOptions, type Host, type ListenOptions, Stack, StackError } from './stack/index.ts';
export { linux, type TcpConfig } from './tcp/config.ts';
export { freebsd, rfc9293 } from './tcp/profiles.ts';
export { STATE_NAMES, TRANSITIONS } from './tcp/state.ts';
export { IpAddress } from './wire/address.ts';
