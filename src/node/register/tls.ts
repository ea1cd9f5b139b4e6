import type nodeNet from 'node:net';
import tls from 'node:tls';
import { type Callback, normalize } from '../net/arguments.ts';
import type { ConnectSettings } from '../net/connect.ts';
import type { Socket, SocketOptions } from '../net/socket.ts';
import { isOurs, type Net } from './net.ts';
import { StreamHandle } from './stream-handle.ts';

/** What is Node's own of a TLS socket. */
interface TlsSocket extends nodeNet.Socket {
  connecting: boolean;
  readonly _tlsOptions: SocketOptions & { pipe?: boolean };
  readonly _handle: { readonly _parent: unknown } | null;
  _sockname: object | null;
  _unrefTimer(): void;
}

interface TlsPrototype {
  _wrapHandle(this: TlsSocket, wrap: unknown, handle: unknown, ...rest: unknown[]): object;
  connect(this: TlsSocket, ...args: unknown[]): TlsSocket;
}

/** What a socket says on its way to being connected, beside 'connect' and 'ready'. */
const ATTEMPTS = ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'] as const;

/**
 * TLS wraps the handle of the socket it is given, or, where it is given none, one of the kernel's that it makes and connects. For ours that is a
 * `StreamHandle`: of the socket given, or of one that lives below the TLS socket alone.
 */
export function teachTls(ours: Net): void {
  const prototype = tls.TLSSocket.prototype as unknown as TlsPrototype;
  const { _wrapHandle: wrapHandle, connect } = prototype;

  prototype._wrapHandle = function (wrap, handle, ...rest) {
    let stream = handle;
    if (handle == null && !this._tlsOptions.pipe) stream = new StreamHandle(socketBelow(this, ours), this);
    else if (isOurs(wrap, ours) && !(handle instanceof StreamHandle)) stream = new StreamHandle(wrap as Socket, this);
    return Reflect.apply(wrapHandle, this, [wrap, stream, ...rest]);
  };

  prototype.connect = function (...args) {
    const stream = this._handle?._parent;
    const [settings, callback] = normalize(args) as [ConnectSettings, Callback | null];
    if (!(stream instanceof StreamHandle)) {
      // Node would make one of the kernel's, without TLS.
      if (this._handle === null && !settings.path) throw new Error('A TLSSocket that was closed cannot connect again');
      return Reflect.apply(connect, this, args);
    }
    if (callback !== null) this.once('connect', callback as () => void);
    this._unrefTimer();
    this.connecting = true;
    stream.socket.connect(settings);
    return this;
  };
}

/** A socket for `secure` alone, which says what it hears there as Node's says it of its handle. */
function socketBelow(secure: TlsSocket, ours: Net): Socket {
  const { noDelay, keepAlive, keepAliveInitialDelay } = secure._tlsOptions;
  const settings = { allowHalfOpen: true, noDelay, keepAlive, keepAliveInitialDelay };
  const socket = new ours.Socket(settings as object) as unknown as Socket;
  for (const name of ATTEMPTS) {
    socket.on(name, (...values: unknown[]) => {
      const { autoSelectFamilyAttemptedAddresses } = socket;
      Object.assign(secure, { autoSelectFamilyAttemptedAddresses });
      secure.emit(name as string, ...values);
    });
  }
  socket.on('connect', () => {
    secure.connecting = false;
    secure._sockname = null;
    secure._unrefTimer();
    secure.emit('connect');
    secure.emit('ready');
    if (secure.readable && !secure.isPaused()) secure.read(0);
  });
  socket.on('error', (error) => secure.destroy(error));
  socket.on('close', () => secure.destroy());
  return socket;
}
