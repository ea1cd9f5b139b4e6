/**
 * `synfin/net`: `node:net` on a TCP in TypeScript. `createNet(stack)` makes one for a stack of yours; what is imported directly runs on a
 * stack of its own that has nothing but 127.0.0.0/8, ::1 and itself to talk to.
 */
import type nodeNet from 'node:net';
import { Stack } from '../stack/stack.ts';
import { NodeHost } from './host.ts';
import { createNet } from './net/create-net.ts';

export type { TcpInfo } from '../stack/tcp-info.ts';
export type { TcpOptions } from '../stack/tcp-options.ts';
export type { BacklogInfo, BeyondListenOptions, BeyondServer, BeyondSocket } from './net/beyond.ts';
export { createNet, type Net, type NetOptions } from './net/create-net.ts';
export type { SocketTcpOptions } from './net/handle.ts';

// Open sockets keep the process alive, not what a closed one leaves behind (TIME-WAIT).
/** The stack of what is imported directly: `connections()` lists what there is. */
export const stack = new Stack({ host: new NodeHost().unref() });
const net = createNet(stack);

/** The types beside the values, for who writes `net.Socket` where a type is asked for. */
declare namespace net {
  type AddressInfo = nodeNet.AddressInfo;
  type BlockList = nodeNet.BlockList;
  type ConnectOpts = nodeNet.ConnectOpts;
  type DropArgument = nodeNet.DropArgument;
  type IpcNetConnectOpts = nodeNet.IpcNetConnectOpts;
  type IpcSocketConnectOpts = nodeNet.IpcSocketConnectOpts;
  type IPVersion = nodeNet.IPVersion;
  type ListenOptions = nodeNet.ListenOptions;
  type LookupFunction = nodeNet.LookupFunction;
  type NetConnectOpts = nodeNet.NetConnectOpts;
  type OnReadOpts = nodeNet.OnReadOpts;
  type Server = nodeNet.Server;
  type ServerOpts = nodeNet.ServerOpts;
  type Socket = nodeNet.Socket;
  type SocketAddress = nodeNet.SocketAddress;
  type SocketAddressInitOptions = nodeNet.SocketAddressInitOptions;
  type SocketConnectOpts = nodeNet.SocketConnectOpts;
  type SocketConstructorOpts = nodeNet.SocketConstructorOpts;
  type SocketReadyState = nodeNet.SocketReadyState;
  type TcpNetConnectOpts = nodeNet.TcpNetConnectOpts;
  type TcpSocketConnectOpts = nodeNet.TcpSocketConnectOpts;
}

export default net;
export type * from 'node:net';
export type BlockList = nodeNet.BlockList;
export type Server = nodeNet.Server;
export type Socket = nodeNet.Socket;
export type SocketAddress = nodeNet.SocketAddress;
export const {
  BlockList,
  SocketAddress,
  Socket,
  Stream,
  Server,
  connect,
  createConnection,
  createServer,
  getDefaultAutoSelectFamily,
  getDefaultAutoSelectFamilyAttemptTimeout,
  isIP,
  isIPv4,
  isIPv6,
  setDefaultAutoSelectFamily,
  setDefaultAutoSelectFamilyAttemptTimeout,
} = net as typeof net & { Stream: typeof net.Socket };
