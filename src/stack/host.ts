/** What a stack needs of the machine it runs on. The two real ones are `node/host.ts` and `web/host.ts`; the simulator is a third. */
export interface Host {
  /** Monotonic time in whole microseconds (RFC 6298 §4 asks for 100 ms or finer). */
  now(): number;
  /** Fills with bytes nobody can predict (keys, ports, timestamp offsets). */
  random(bytes: Uint8Array): void;
  /**
   * Calls `callback` once, at `deadline` (µs, of `now`'s clock) or soon after; replaces the wake-up set before. `Infinity`: none.
   * One wake-up at a time is all the stack asks for, and it keeps a host's event loop alive only while `keepAlive` is true.
   */
  wakeAt(deadline: number, callback: () => void): void;
  /** Calls `callback` once, as soon as what runs now has returned to the host and what waits for it had its turn. */
  soon(callback: () => void): void;
}
