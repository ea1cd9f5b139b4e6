import { after } from '../host.ts';
import type { OnRead } from './socket.ts';

/** What a socket keeps for itself. */
export class Internals {
  /** The last time-out's, its delay in ms, and whether anybody still waits for it: `http` sets one and takes it back with each request. */
  timer: NodeJS.Timeout | null = null;
  delay = 0;
  timing = false;
  onread: OnRead | null = null;
  buffer: Uint8Array | null = null;
  noDelay = false;
  keepAlive = false;
  /** Seconds. */
  keepAliveDelay = 0;
  /** What the handle counted, once it is gone. */
  bytesRead = 0;
  bytesWritten = 0;
  resetting = false;
  /** What the last write left to be sent, bytes, by when the time-out last looked. */
  waiting = 0;
  /** Counts `connect` calls and destructions: what was begun for an earlier one has no effect. */
  life = 0;

  /** Starts the time-out, by the same timer where that has this delay: to clear one and to make another is dear. */
  time(delay: number, socket: { _onTimeout(): void }): void {
    this.timing = true;
    if (this.timer !== null && delay === this.delay) {
      this.timer.refresh();
      return;
    }
    clearTimeout(this.timer ?? undefined);
    this.delay = delay;
    this.timer = after(delay, () => {
      if (this.timing) socket._onTimeout();
      else this.timer = null;
    }).unref();
  }
}
