import nodeNet from 'node:net';
import tls from 'node:tls';
import { asStream, type Net } from './net.ts';

type ConnectOptions = tls.ConnectionOptions & nodeNet.TcpNetConnectOpts & { path?: string; timeout?: number };
type Callback = () => void;

/** Events of the connection below, which `tls.connect`'s socket is documented to have too. */
const FORWARDED = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
  'ready',
] as const;

/** `tls.connect` and `tls.TLSSocket` over our sockets. */
export function replaceTls(ours: Net): void {
  const { connect, TLSSocket } = tls;

  function connectOurs(...args: unknown[]): tls.TLSSocket {
    const [options, callback] = normalize(args);
    const { socket: given, path, timeout } = options;
    if (given || path) return asStream(given, ours, () => connect(options, callback));
    const { allowHalfOpen, noDelay, keepAlive, keepAliveInitialDelay } = options;
    const socket = new ours.Socket({ allowHalfOpen, noDelay, keepAlive, keepAliveInitialDelay } as object);
    const secure = connect({ ...options, socket }, callback);
    if (timeout) secure.setTimeout(timeout);
    for (const name of FORWARDED) {
      socket.on(name, (...values: unknown[]) => {
        const { autoSelectFamilyAttemptedAddresses } = socket;
        Object.assign(secure, { autoSelectFamilyAttemptedAddresses });
        secure.emit(name as never, ...(values as never[]));
      });
    }
    socket.connect(options);
    return secure;
  }

  tls.connect = connectOurs as typeof tls.connect;
  tls.TLSSocket = new Proxy(TLSSocket, {
    construct: (target, args, newTarget) => asStream(args[0], ours, () => Reflect.construct(target, args, newTarget)),
    apply: (target, self, args) => asStream(args[0], ours, () => Reflect.apply(target as never, self, args)),
  });
}

/** As TLS reads them: `(options, callback)`, `(port, host, options, callback)`, `(path, options, callback)`. */
function normalize(args: unknown[]): [ConnectOptions, Callback | undefined] {
  const { _normalizeArgs } = nodeNet as unknown as { _normalizeArgs(args: unknown[]): [object, Callback | null] };
  const [first, callback] = _normalizeArgs(args);
  const more = [args[1], args[2]].find((value) => value !== null && typeof value === 'object');
  return [{ ...first, ...(more as object | undefined) } as ConnectOptions, callback ?? undefined];
}
