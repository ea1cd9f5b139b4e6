import type { Connection } from './connection.ts';
import type { Demux } from './demux.ts';
import type { HalfOpenTable } from './half-open.ts';
import type { TimeWaitTable } from './time-wait.ts';
import type { TimerQueue } from './timer-queue.ts';

/** What a class shows. */
export type Shown<T> = Pick<T, keyof T>;

/** What a stack keeps its connections in: `many-tables.ts`, or `few-tables.ts`. */
export interface Tables {
  readonly demux: Shown<Demux<Connection>>;
  readonly timers: Shown<TimerQueue<Connection>>;
  /** What peers open. */
  readonly halfOpen: Shown<HalfOpenTable>;
  readonly timeWait: Shown<TimeWaitTable>;
}

/** Makes them. `secret`: a key of so many bytes, of its own. `waiting`: the most there may be in TIME-WAIT. */
export type MakeTables = (secret: (length: number) => Uint8Array, waiting: number) => Tables;
