import dns from 'node:dns';
import { type BlockList, isIP, type Socket as NodeSocket } from 'node:net';
import { after } from '../host.ts';
import { optionsBefore } from './beyond.ts';
import {
  blocked,
  connectError,
  connectErrors,
  connectionTimeout,
  type ErrorName,
  invalidAddress,
  invalidFamily,
  invalidType,
  missingArguments,
  type SystemError,
} from './errors.ts';
import type { TcpHandle } from './handle.ts';
import { HOME, type Lookup, type LookupAddress } from './home.ts';
import { kernel } from './kernel.ts';
import { type Chunk, piece } from './pieces.ts';
import type { Socket, SocketOptions } from './socket.ts';
import { checkBoolean, checkDelay, checkFunction, checkNumber, checkPort, checkString } from './validate.ts';

/** What `connect` understands; `node:net`'s documentation says what each is for. */
export interface ConnectSettings extends SocketOptions {
  port?: number | string;
  path?: string;
  host?: string;
  localAddress?: string;
  localPort?: number;
  family?: number;
  hints?: number;
  lookup?: Lookup;
  autoSelectFamily?: boolean;
  autoSelectFamilyAttemptTimeout?: number;
  blockList?: BlockList;
  /** Milliseconds: `setTimeout` before it connects. */
  timeout?: number;
}

/** One address to try. */
interface Target {
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
  readonly settings: ConnectSettings;
}

const LEAST_ATTEMPT_TIMEOUT = 10;

/** From the options to the first SYN: checks, looks up the name, chooses addresses. Errors of options throw, others destroy the socket. */
export function startToConnect(socket: Socket, settings: ConnectSettings): void {
  const home = socket[HOME];
  const { host = 'localhost', localAddress, localPort, blockList } = settings;
  const { autoSelectFamilyAttemptTimeout } = settings;
  if (settings.port === undefined) throw missingArguments();
  if (localAddress && isIP(localAddress) === 0) throw invalidAddress(localAddress);
  if (localPort) checkNumber(localPort, 'options.localPort');
  if (typeof settings.port !== 'number' && typeof settings.port !== 'string') {
    throw invalidType('options.port', 'one of type number or string', settings.port);
  }
  const port = checkPort(settings.port);
  const autoSelectFamily = settings.autoSelectFamily ?? home.autoSelectFamily;
  if (settings.autoSelectFamily != null) checkBoolean(autoSelectFamily, 'options.autoSelectFamily');
  let timeout = home.autoSelectFamilyAttemptTimeout;
  if (autoSelectFamilyAttemptTimeout != null) {
    checkDelay(autoSelectFamilyAttemptTimeout, 'options.autoSelectFamilyAttemptTimeout');
    timeout = Math.max(LEAST_ATTEMPT_TIMEOUT, autoSelectFamilyAttemptTimeout);
  }
  if (blockList !== undefined && typeof (blockList as Partial<BlockList>)?.check !== 'function') {
    throw invalidType('options.blockList', 'an net.BlockList', blockList);
  }
  checkString(host, 'options.host');
  const family = isIP(host);
  if (family === 4 || family === 6) {
    soon(socket, () => attempt(socket, { address: host, port, family, settings }));
    return;
  }
  if (settings.lookup != null) checkFunction(settings.lookup, 'options.lookup');
  const several = autoSelectFamily && settings.family !== 4 && settings.family !== 6 && !localAddress;
  if (several) lookUpAll(socket, host, port, timeout, settings);
  else lookUp(socket, host, port, settings);
}

/** In the next tick, where the socket still wants to connect by then. */
function soon(socket: Socket, what: () => void): void {
  const life = socket._life;
  process.nextTick(() => {
    if (socket.connecting && socket._life === life) what();
  });
}

function fail(socket: Socket, error: Error): void {
  process.nextTick(() => socket.destroy(error));
}

/** As Node: what makes no sense is `lookup`'s to refuse. */
function lookupOptions({ family, hints = 0 }: ConnectSettings): { family: unknown; hints: number } {
  const plain = family !== 4 && family !== 6 && hints === 0;
  return { family, hints: plain ? dns.ADDRCONFIG : hints };
}

function lookupOf(socket: Socket, settings: ConnectSettings): Lookup {
  return settings.lookup ?? socket[HOME].lookup ?? (dns.lookup as Lookup);
}

function lookUp(socket: Socket, host: string, port: number, settings: ConnectSettings): void {
  const options = lookupOptions(settings);
  socket._host = host;
  const life = socket._life;
  lookupOf(socket, settings)(host, options, (error, address, family) => {
    socket.emit('lookup', error, address, family, host);
    if (!socket.connecting || socket._life !== life) return;
    if (error) fail(socket, error);
    else if (typeof address !== 'string' || isIP(address) === 0) fail(socket, invalidAddress(address));
    else if (family !== 4 && family !== 6) fail(socket, invalidFamily(family, host, port));
    else {
      socket._unrefTimer();
      attempt(socket, { address, port, family, settings });
    }
  });
}

function lookUpAll(socket: Socket, host: string, port: number, timeout: number, settings: ConnectSettings): void {
  const options = { ...lookupOptions(settings), all: true };
  socket._host = host;
  const life = socket._life;
  lookupOf(socket, settings)(host, options, (error, found) => {
    const going = (): boolean => socket.connecting && socket._life === life;
    if (error) {
      socket.emit('lookup', error, undefined, undefined, host);
      if (going()) fail(socket, error);
      return;
    }
    const addresses = Array.isArray(found) ? found : [];
    const usable: (LookupAddress & { family: 4 | 6 })[] = [];
    for (const { address, family } of addresses) {
      socket.emit('lookup', error, address, family, host);
      if (!going()) return;
      if (isIP(address) !== 0 && (family === 4 || family === 6)) usable.push({ address, family });
    }
    if (usable.length === 0) {
      const [first] = addresses;
      const wrong = isIP(`${first?.address}`) === 0;
      fail(socket, wrong ? invalidAddress(first?.address) : invalidFamily(first?.family, host, port));
      return;
    }
    socket._unrefTimer();
    const targets = alternate(usable).map(({ address, family }) => ({ address, port, family, settings }));
    if (targets.length === 1) attempt(socket, targets[0]!);
    else new Attempts(socket, targets, timeout).next();
  });
}

/** RFC 8305 §4: the families in turn, that of the first address first. */
function alternate<T extends { family: number }>(addresses: readonly T[]): T[] {
  const first = addresses[0]!.family;
  const own = addresses.filter((a) => a.family === first);
  const other = addresses.filter((a) => a.family !== first);
  const out: T[] = [];
  for (let i = 0; i < Math.max(own.length, other.length); i++) {
    if (i < own.length) out.push(own[i]!);
    if (i < other.length) out.push(other[i]!);
  }
  return out;
}

/** The most of a first write that is offered for the SYN, which holds no more than a segment. */
const MOST_EARLY = 65_536;

/** What was written before there is a connection. */
function written({ _pendingData: data, _pendingEncoding: encoding }: Socket): Uint8Array | null {
  if (data === null) return null;
  const chunks = Array.isArray(data) ? data : [{ chunk: data, encoding }];
  return Buffer.concat(chunks.map((chunk) => piece(chunk as Chunk).bytes)).subarray(0, MOST_EARLY);
}

/** Binds where asked to, and sends the SYN. The error that came at once, or null. */
function begin(socket: Socket, handle: TcpHandle, { address, port, settings, family }: Target): SystemError | null {
  handle.options = { ...optionsBefore(socket), ...handle.options };
  const { localAddress, localPort } = settings;
  if (localAddress || localPort) {
    handle.bind(localAddress || (family === 6 ? '::' : '0.0.0.0'), localPort || 0);
  }
  const failed = handle.connect(address, port, handle.options.fastOpen ? written(socket) : null);
  if (failed === null) return null;
  const { syscall, error } = failed;
  if (syscall === 'bind') {
    return connectError(error, syscall, localAddress || (family === 6 ? '::' : '0.0.0.0'), localPort || 0);
  }
  // As Node: of what the system refuses at once, where the socket is bound, be it nowhere.
  const { address: own = family === 6 ? '::' : '0.0.0.0', port: ownPort = 0 } = nameOf(handle);
  return connectError(error, 'connect', address, port, undefined, `${own}:${ownPort}`);
}

function nameOf(handle: TcpHandle): { address?: string; port?: number } {
  const name: { address?: string; port?: number } = {};
  handle.getsockname(name);
  return name;
}

function attemptError(
  error: ErrorName,
  address: string,
  port: number,
  settings: ConnectSettings,
  handle: TcpHandle,
): SystemError {
  // As Node: only where the program chose both.
  if (!settings.localAddress || !settings.localPort) return connectError(error, 'connect', address, port);
  const name = nameOf(handle);
  return connectError(error, 'connect', address, port, {
    address: name.address ?? settings.localAddress,
    port: name.port ?? settings.localPort,
  });
}

/** The one address there is. */
function attempt(socket: Socket, target: Target): void {
  const { address, port, family, settings } = target;
  const handle = socket._handle;
  if (handle === null) return;
  if (settings.blockList?.check(address, `ipv${family}`)) {
    socket.destroy(blocked(address));
    return;
  }
  socket.emit('connectionAttempt', address, port, family);
  if (!socket.connecting || socket._handle !== handle) return;
  const failed = begin(socket, handle, target);
  if (failed !== null) {
    socket.destroy(failed);
    return;
  }
  handle.owner = {
    onConnected(error) {
      handle.owner = socket;
      if (socket.destroyed) return;
      if (error === null) {
        socket._established();
        return;
      }
      socket.connecting = false;
      socket._sockname = null;
      const failure = attemptError(error, address, port, settings, handle);
      socket.emit('connectionAttemptFailed', address, port, family, failure);
      socket.destroy(failure);
    },
    onData: (bytes) => socket.onData(bytes),
    onEnd: () => socket.onEnd(),
    onReadError: (error) => socket.onReadError(error),
  };
}

/** RFC 8305, "happy eyeballs" as Node does it: one address after another, each given up where it takes too long. */
class Attempts {
  readonly #socket: Socket;
  readonly #targets: readonly Target[];
  readonly #timeout: number;
  readonly #life: number;
  readonly #errors: SystemError[] = [];
  #at = 0;

  constructor(socket: Socket, targets: readonly Target[], timeout: number) {
    this.#socket = socket;
    this.#targets = targets;
    this.#timeout = timeout;
    this.#life = socket._life;
    socket.autoSelectFamilyAttemptedAddresses = [];
  }

  next(): void {
    const socket = this.#socket;
    if (!this.#going) return;
    const target = this.#targets[this.#at];
    if (target === undefined) {
      socket.destroy(this.#errors.length === 0 ? connectionTimeout() : connectErrors(this.#errors));
      return;
    }
    // The first attempt has the handle that `connect` made.
    const handle = this.#at > 0 ? socket._renewHandle() : socket._handle!;
    this.#at++;
    const { address, port, family, settings } = target;
    if (settings.blockList?.check(address, `ipv${family}`)) {
      this.#errors.push(blocked(address));
      this.next();
      return;
    }
    socket.autoSelectFamilyAttemptedAddresses!.push(`${address}:${port}`);
    socket.emit('connectionAttempt', address, port, family);
    if (!this.#going) return;
    const failed = begin(socket, handle, target);
    if (failed === null) this.#await(handle, target);
    else {
      handle.close();
      this.#failed(target, failed);
    }
  }

  get #going(): boolean {
    return this.#socket.connecting && this.#socket._life === this.#life;
  }

  #await(handle: TcpHandle, target: Target): void {
    const socket = this.#socket;
    const { address, port, family, settings } = target;
    let timer: NodeJS.Timeout | undefined;
    handle.owner = {
      onConnected: (error) => {
        clearTimeout(timer);
        if (!this.#going) {
          handle.close();
          return;
        }
        if (error === null) {
          handle.owner = socket;
          socket._established();
          return;
        }
        const failure = attemptError(error, address, port, settings, handle);
        handle.close();
        this.#failed(target, failure);
      },
      onData() {},
      onEnd() {},
      onReadError() {},
    };
    if (this.#at === this.#targets.length) return;
    timer = after(this.#timeout, () => {
      if (!this.#going) return;
      const failure = attemptError('ETIMEDOUT', address, port, settings, handle);
      this.#errors.push(failure);
      handle.close();
      socket.emit('connectionAttemptTimeout', address, port, family);
      this.next();
    });
  }

  #failed({ address, port, family }: Target, error: SystemError): void {
    this.#errors.push(error);
    this.#socket.emit('connectionAttemptFailed', address, port, family, error);
    this.next();
  }
}

/** A path is the kernel's: a socket of the real `node:net`. */
export function connectPath(settings: ConnectSettings, callback: ((...args: never[]) => void) | null): NodeSocket {
  const socket = new kernel.Socket(settings as object);
  return socket.connect(settings as { path: string }, (callback ?? undefined) as (() => void) | undefined);
}
