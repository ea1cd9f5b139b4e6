import { NodeHost } from '../node/host.ts';
import { Failure } from './failure.ts';

/** Calls back after `ms`, unless the returned function is called before. */
export function after(ms: number, callback: () => void): () => void {
  const host = new NodeHost();
  host.wakeAt(host.now() + ms * 1000, callback);
  return () => host.wakeAt(Number.POSITIVE_INFINITY, () => {});
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => after(ms, resolve));
}

/** Looks every 10 ms until `holds`, for at most `ms`. Whether it did. */
export async function until(holds: () => boolean, ms: number): Promise<boolean> {
  const clock = new NodeHost();
  const end = clock.now() + ms * 1000;
  while (!holds()) {
    if (clock.now() >= end) return false;
    await sleep(10);
  }
  return true;
}

/** What `promise` comes to, or, after `ms`, a Failure with this message. */
export function within<T>(ms: number, message: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = after(ms, () => reject(new Failure(message)));
    promise.then(resolve, reject).finally(cancel);
  });
}
