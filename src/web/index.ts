/**
 * `synfin/web`: sockets without Node, as WinterTC's Sockets API has them, on any stack; a host for browsers and a link between them. With the stack itself, so
 * that a page needs no other door: its parts (`synfin/stack` has them) are in a bundle only where they are named, and given to the stack. `synfin/web/min` is the
 * same without parts, as one small file.
 */
export type { Parts } from '../stack/parts.ts';
export { StackError } from '../stack/socket.ts';
export { type DeviceAddress, LeanStack as Stack, type LeanStackOptions as StackOptions } from '../stack/stack.ts';
export { linux, type TcpConfig } from '../tcp/config.ts';
export { IpAddress } from '../wire/address.ts';
export type { AnySocketAddress, Lookup, SocketAddress } from './address.ts';
export { connect, type SocketOptions } from './connect.ts';
export { SocketError } from './error.ts';
export { WebHost } from './host.ts';
export { Listener, type ListenOptions, listen } from './listen.ts';
export { MessageLink, type MessageLinkOptions, type PortLike } from './message-link.ts';
export type { Socket, SocketInfo } from './socket.ts';
