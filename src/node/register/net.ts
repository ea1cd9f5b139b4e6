import nodeNet from 'node:net';
import { kernel } from '../net/kernel.ts';

/** `node:net` of a stack, as `createNet` gives it. */
export type Net = typeof nodeNet;

type Constructor = abstract new (...args: never[]) => object;

export function isOurs(socket: unknown, ours: Net): boolean {
  return Function.prototype[Symbol.hasInstance].call(ours.Socket, socket);
}

/** `net.Socket` for a program that has both kinds: ours, and the kernel's below TLS, pipes and file descriptors. */
export function socketClass(ours: Net): Net['Socket'] {
  return standIn(ours.Socket, {
    // What Node builds on its own class (TLS, JS streams) goes on doing so.
    apply(target, self, args) {
      const Class = self instanceof kernel.Socket ? kernel.Socket : target;
      return Reflect.apply(Class as never, self, args);
    },
    isInstance: (value) => isOurs(value, ours) || value instanceof kernel.Socket,
  });
}

/** `net.Server`: ours. What a server of class `Http2Server` hears of is `lend`ed first. */
export function serverClass(ours: Net, Http2Server: unknown, lend: (socket: unknown) => unknown): Net['Server'] {
  return standIn(ours.Server, {
    construct(target, [options, listener], newTarget) {
      const lent =
        typeof listener === 'function' &&
        (newTarget === Http2Server || newTarget.prototype instanceof (Http2Server as never))
          ? function (this: unknown, socket: unknown) {
              Reflect.apply(listener, this, [lend(socket)]);
            }
          : listener;
      return Reflect.construct(target, [options, lent], newTarget);
    },
    isInstance: (value) =>
      value instanceof kernel.Server || Function.prototype[Symbol.hasInstance].call(ours.Server, value),
  });
}

interface Traps {
  apply?(target: Constructor, self: unknown, args: unknown[]): unknown;
  construct?(target: Constructor, args: unknown[], newTarget: new () => object): object;
  isInstance(value: unknown): boolean;
}

function standIn<C extends Constructor>(
  Class: C,
  { apply, construct = Reflect.construct as never, isInstance }: Traps,
): C {
  const proxy: C = new Proxy(Class, {
    ...(apply !== undefined && { apply: apply as ProxyHandler<C>['apply'] & {} }),
    construct: (target, args, newTarget) =>
      construct(target, args, (newTarget === proxy ? target : newTarget) as new () => object),
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
