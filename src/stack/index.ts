/** `synfin/stack`: a host's TCP/IP on any device. */
export type { Host } from './host.ts';
export type { ConnectionRow, StackStats } from './netstat.ts';
export {
  accEcn,
  bbr,
  dormancy,
  fastOpen,
  floodGuard,
  fragments,
  icmp,
  inspection,
  many,
  mtuProbes,
  type Parts,
  synCookies,
  udp,
  undo,
  warnings,
} from './parts.ts';
export * from './socket.ts';
export { type DeviceAddress, LeanStack, type LeanStackOptions, Stack, type StackOptions } from './stack.ts';
export type { CaState, TcpInfo } from './tcp-info.ts';
export type { TcpOptions } from './tcp-options.ts';
export type { BindOptions, UdpEvents, UdpSocket } from './udp.ts';
export type { StackWarning } from './warnings.ts';
