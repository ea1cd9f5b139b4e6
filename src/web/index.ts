/** `synfin/web`: sockets without Node, as WinterTC's Sockets API has them, on any stack; a host for browsers and a link between them. */
export type { AnySocketAddress, Lookup, SocketAddress } from './address.ts';
export { connect, type SocketOptions } from './connect.ts';
export { SocketError } from './error.ts';
export { WebHost } from './host.ts';
export { Listener, type ListenOptions, listen } from './listen.ts';
export { MessageLink, type MessageLinkOptions, type PortLike } from './message-link.ts';
export type { Socket, SocketInfo } from './socket.ts';
