import { Demux } from './demux.ts';
import { HalfOpenTable } from './half-open.ts';
import { HalfSipHash } from './half-siphash.ts';
import type { MakeTables } from './tables.ts';
import { TimeWaitTable } from './time-wait.ts';
import { TimerQueue } from './timer-queue.ts';

/** Tables for a million connections: typed arrays, that grow without a pause, and a wheel of timers. */
export const manyTables: MakeTables = (secret, waiting) => ({
  demux: new Demux(secret(8)),
  timers: new TimerQueue(),
  timeWait: new TimeWaitTable(new HalfSipHash(secret(8)), waiting),
  halfOpen: new HalfOpenTable(new HalfSipHash(secret(8))),
});
