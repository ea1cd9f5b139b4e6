import { getSystemErrorMap, inspect } from 'node:util';
import { StackError } from '../../stack/socket.ts';
import type { Failure } from '../../tcp/notices.ts';

/** Errors as `node:net` makes them: class, message, `code`, and of those of the system `errno`, `syscall`, `address`, `port`. */

/** A name of errno(3). */
export type ErrorName =
  | 'EACCES'
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'EBADF'
  | 'ECANCELED'
  | 'ECONNABORTED'
  | 'ECONNREFUSED'
  | 'ECONNRESET'
  | 'EHOSTUNREACH'
  | 'EINVAL'
  | 'EMSGSIZE'
  | 'ENETUNREACH'
  | 'ENOBUFS'
  | 'ENOPROTOOPT'
  | 'ENOTCONN'
  | 'EPIPE'
  | 'ETIMEDOUT';

/** What Linux's sockets say of each failure; ICMP's by icmp_err_convert. */
const OF_FAILURE: Readonly<Record<Failure, ErrorName>> = {
  refused: 'ECONNREFUSED',
  reset: 'ECONNRESET',
  'timed out': 'ETIMEDOUT',
  aborted: 'ECONNABORTED',
  'host unreachable': 'EHOSTUNREACH',
  'network unreachable': 'ENETUNREACH',
  'port unreachable': 'ECONNREFUSED',
  'protocol unreachable': 'ENOPROTOOPT',
  'message too long': 'EMSGSIZE',
};

export function failureName(failure: Failure): ErrorName {
  return OF_FAILURE[failure];
}

/** The name of what `listen` or `connect` of a stack threw. Anything but a StackError is a defect, and is thrown again. */
export function stackErrorName(error: unknown): ErrorName {
  if (error instanceof StackError) return error.code;
  throw error;
}

export interface SystemError extends Error {
  errno?: number;
  code?: string;
  syscall?: string;
  address?: string;
  port?: number;
  localAddress?: string | undefined;
  localPort?: number | undefined;
}

let numbers: Map<string, readonly [number, string]> | undefined;

/** Number (negative, as Node's) and text of an error. */
function known(name: ErrorName): readonly [number, string] {
  numbers ??= new Map([...getSystemErrorMap()].map(([n, [code, text]]) => [code, [n, text]]));
  return numbers.get(name)!;
}

/** What libuv's functions return for it: negative. */
export function errno(name: ErrorName): number {
  return known(name)[0];
}

/** `read ECONNRESET`. */
export function systemError(name: ErrorName, syscall: string): SystemError {
  const error: SystemError = new Error(`${syscall} ${name}`);
  error.errno = known(name)[0];
  error.code = name;
  error.syscall = syscall;
  return error;
}

/** `connect ECONNREFUSED 192.0.2.1:80 - Local (192.0.2.2:40000)`. */
export function connectError(
  name: ErrorName,
  syscall: string,
  address: string,
  port: number,
  local?: { readonly address: string | undefined; readonly port: number | undefined },
  localText = local && `${local.address}:${local.port}`,
): SystemError {
  let where = port > 0 ? `${address}:${port}` : address;
  if (localText !== undefined) where += ` - Local (${localText})`;
  const error: SystemError = new Error(`${syscall} ${name} ${where}`);
  error.errno = known(name)[0];
  error.code = name;
  error.syscall = syscall;
  error.address = address;
  if (port > 0) error.port = port;
  if (local !== undefined) {
    error.localAddress = local.address;
    error.localPort = local.port;
  }
  return error;
}

/** `listen EADDRINUSE: address already in use 192.0.2.1:80`. */
export function listenError(name: ErrorName, syscall: string, address: string, port: number): SystemError {
  const [errno, text] = known(name);
  const where = port > 0 ? `${address}:${port}` : address;
  const error: SystemError = new Error(`${syscall} ${name}: ${text} ${where}`);
  error.code = name;
  error.errno = errno;
  error.syscall = syscall;
  error.address = address;
  if (port > 0) error.port = port;
  return error;
}

/** All attempts of one `connect` failed. */
export function connectErrors(errors: readonly SystemError[]): Error {
  const error: AggregateError & { code?: string | undefined } = new AggregateError(errors, '');
  error.code = errors[0]?.code;
  return error;
}

type ErrorClass = new (message: string) => Error;

/** An error of Node's own kind, `TypeError [ERR_…]: …`. The stack starts below `caller`. */
export function coded(Class: ErrorClass, code: string, message: string): Error & { code: string } {
  const error = new Class(message) as Error & { code: string };
  // The header of a stack is written when it is captured: with the code in it, while `name` stays the class's.
  const { name } = error;
  Object.defineProperty(error, 'name', { value: `${name} [${code}]`, configurable: true });
  Error.captureStackTrace(error, coded);
  delete (error as { name?: string }).name;
  Object.defineProperty(error, 'toString', {
    value: () => `${name} [${code}]: ${message}`,
    configurable: true,
    writable: true,
  });
  error.code = code;
  return error;
}

export function socketClosed(): Error {
  return coded(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed');
}

export function closedBeforeConnection(): Error {
  return coded(Error, 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION', 'Socket closed before the connection was established');
}

export function connectionTimeout(): Error {
  return coded(Error, 'ERR_SOCKET_CONNECTION_TIMEOUT', 'Socket connection timeout');
}

export function blocked(address: string): Error {
  return coded(Error, 'ERR_IP_BLOCKED', `IP(${address}) is blocked by net.BlockList`);
}

export function serverNotRunning(): Error {
  return coded(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.');
}

export function alreadyListening(): Error {
  return coded(Error, 'ERR_SERVER_ALREADY_LISTEN', 'Listen method has been called more than once without closing.');
}

export function invalidAddress(address: unknown): Error {
  return coded(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${address}`);
}

export function invalidFamily(family: unknown, host: string, port: number): Error {
  const message = `Invalid address family: ${family} ${host}:${port}`;
  return Object.assign(coded(RangeError, 'ERR_INVALID_ADDRESS_FAMILY', message), { host, port });
}

export function missingArguments(): Error {
  return coded(TypeError, 'ERR_MISSING_ARGS', 'The "options" or "port" or "path" argument must be specified');
}

/** The writable side after the peer ended a socket that is not half-open. */
export function endedByPeer(): SystemError {
  const error: SystemError = new Error('This socket has been ended by the other party');
  error.code = 'EPIPE';
  return error;
}

/** `expected`: "of type number", "an instance of AbortSignal". */
export function invalidType(name: string, expected: string, value: unknown): Error {
  const kind = name.includes('.') ? 'property' : 'argument';
  return coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "${name}" ${kind} must be ${expected}.${received(value)}`);
}

/** `reason`: "is invalid", "must have the property …". */
export function invalidValue(name: string, reason: string, value: unknown): Error {
  const kind = name.includes('.') ? 'property' : 'argument';
  let text = inspect(value);
  if (text.length > 128) text = `${text.slice(0, 128)}...`;
  return coded(TypeError, 'ERR_INVALID_ARG_VALUE', `The ${kind} '${name}' ${reason}. Received ${text}`);
}

/** `range`: "a non-negative finite number", ">= 1 && <= 2147483647". */
export function outOfRange(name: string, range: string, value: unknown): Error {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${inspect(value)}`;
  return coded(RangeError, 'ERR_OUT_OF_RANGE', message);
}

export function badPort(name: string, port: unknown): Error {
  return coded(RangeError, 'ERR_SOCKET_BAD_PORT', `${name} should be >= 0 and < 65536.${received(port)}.`);
}

function received(value: unknown): string {
  if (value === null || value === undefined) return ` Received ${value}`;
  if (typeof value === 'function') return ` Received function ${value.name}`;
  if (typeof value === 'object') {
    const { name } = value.constructor ?? {};
    return name ? ` Received an instance of ${name}` : ` Received ${inspect(value, { depth: -1 })}`;
  }
  let text = inspect(value, { colors: false });
  if (text.length > 28) text = `${text.slice(0, 25)}...`;
  return ` Received type ${typeof value} (${text})`;
}
