import { badPort, invalidType, outOfRange } from './errors.ts';

/** Checks of what a program passes, with the errors that `node:net` throws. */

const LARGEST_DELAY = 2 ** 31 - 1;

export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== 'function') throw invalidType(name, 'of type function', value);
}

export function checkString(value: unknown, name: string): void {
  if (typeof value !== 'string') throw invalidType(name, 'of type string', value);
}

export function checkBoolean(value: unknown, name: string): void {
  if (typeof value !== 'boolean') throw invalidType(name, 'of type boolean', value);
}

export function checkNumber(value: unknown, name: string): void {
  if (typeof value !== 'number') throw invalidType(name, 'of type number', value);
}

/** 1 … 2^31 − 1. */
export function checkDelay(value: unknown, name: string): void {
  checkNumber(value, name);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if ((value as number) < 1 || (value as number) > LARGEST_DELAY) {
    throw outOfRange(name, `>= 1 && <= ${LARGEST_DELAY}`, value);
  }
}

export function checkAbortSignal(value: unknown, name: string): void {
  const signal = value !== null && typeof value === 'object' && 'aborted' in value;
  if (value !== undefined && !signal) throw invalidType(name, 'an instance of AbortSignal', value);
}

/** A port as number or text, as a number. */
export function checkPort(value: unknown, name = 'Port'): number {
  const text = typeof value === 'string';
  const port = Number(value);
  if ((typeof value !== 'number' && !text) || (text && value.trim() === '') || port !== port >>> 0 || port > 0xffff) {
    throw badPort(name, value);
  }
  return port;
}

/** Milliseconds for a timer: a number, not negative, at most 2^31 − 1. */
export function timerDelay(value: unknown, name: string): number {
  checkNumber(value, name);
  const delay = value as number;
  if (delay < 0 || !Number.isFinite(delay)) throw outOfRange(name, 'a non-negative finite number', delay);
  if (delay <= LARGEST_DELAY) return delay;
  process.emitWarning(
    `${delay} does not fit into a 32-bit signed integer.\nTimer duration was truncated to ${LARGEST_DELAY}.`,
    'TimeoutOverflowWarning',
  );
  return LARGEST_DELAY;
}
