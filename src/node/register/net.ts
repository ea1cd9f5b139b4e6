import nodeNet from 'node:net';
import { kernel } from '../net/kernel.ts';

/** `node:net` of a stack, as `createNet` gives it. */
export type Net = typeof nodeNet;

type Constructor = abstract new (...args: never[]) => object;
/** Called with the object that a subclass of old makes: `net.Socket.call(this, options)`. */
type OnApply = (self: unknown, args: unknown[]) => unknown[] | null;

/** The next question whether this one is a `net.Socket` is answered with no. */
let denied: unknown = null;

/**
 * TLS takes a `net.Socket` for one of the kernel's, and uses its handle. What is none, it reads and writes as a stream. Ours are for the
 * second: while `make` runs, the first question about `socket` is TLS's, which decides by it.
 */
export function asStream<T>(socket: unknown, ours: Net, make: () => T): T {
  if (!isOurs(socket, ours)) return make();
  denied = socket;
  try {
    return make();
  } finally {
    denied = null;
  }
}

export function isOurs(socket: unknown, ours: Net): boolean {
  return Function.prototype[Symbol.hasInstance].call(ours.Socket, socket);
}

/** `net.Socket` for a program that has both kinds: ours, and the kernel's below TLS, pipes and file descriptors. */
export function socketClass(ours: Net): Net['Socket'] {
  return standIn(ours.Socket, {
    // What Node builds on its own class (TLS, JS streams) goes on doing so.
    apply: (self, args) => {
      if (!(self instanceof kernel.Socket)) return args;
      Reflect.apply(kernel.Socket as never, self, args);
      return null;
    },
    isInstance: (value) => {
      if (value === denied && value !== null) {
        denied = null;
        return false;
      }
      return isOurs(value, ours) || value instanceof kernel.Socket;
    },
  });
}

/** `net.Server`: ours. `onApply` sees the arguments of servers that are built upon it. */
export function serverClass(ours: Net, onApply: OnApply): Net['Server'] {
  return standIn(ours.Server, {
    apply: onApply,
    isInstance: (value) =>
      value instanceof kernel.Server || Function.prototype[Symbol.hasInstance].call(ours.Server, value),
  });
}

function standIn<C extends Constructor>(
  Class: C,
  { apply, isInstance }: { apply: OnApply; isInstance: (value: unknown) => boolean },
): C {
  const proxy: C = new Proxy(Class, {
    apply(target, self, args) {
      const left = apply(self, args);
      return left === null ? undefined : Reflect.apply(target as never, self, left);
    },
    construct: (target, args, newTarget) => Reflect.construct(target, args, newTarget === proxy ? target : newTarget),
    get: (target, name, receiver) => (name === Symbol.hasInstance ? isInstance : Reflect.get(target, name, receiver)),
  });
  Object.defineProperty(Class.prototype, 'constructor', { value: proxy, writable: true, configurable: true });
  return proxy;
}

/** Puts our names in place of Node's, for `require`, for `import` (once they are told) and for Node's own modules. */
export function replaceNet(ours: Net, Socket: Net['Socket'], Server: Net['Server']): void {
  Object.assign(nodeNet, {
    Socket,
    Stream: Socket,
    Server,
    connect: ours.connect,
    createConnection: ours.createConnection,
    createServer: ours.createServer,
    getDefaultAutoSelectFamily: ours.getDefaultAutoSelectFamily,
    setDefaultAutoSelectFamily: ours.setDefaultAutoSelectFamily,
    getDefaultAutoSelectFamilyAttemptTimeout: ours.getDefaultAutoSelectFamilyAttemptTimeout,
    setDefaultAutoSelectFamilyAttemptTimeout: ours.setDefaultAutoSelectFamilyAttemptTimeout,
  });
}
