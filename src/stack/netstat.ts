import { LISTEN, STATE_NAMES, type StateName, SYN_RECEIVED, TIME_WAIT } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { IpAddress } from '../wire/address.ts';
import type { Engine } from './engine.ts';

/** One line of `ss`. */
export interface ConnectionRow {
  readonly state: StateName;
  /** Bytes received and not read; of a listener, connections that wait to be accepted. */
  readonly recvQ: number;
  /** Bytes sent and not acknowledged, or not sent; of a listener, its backlog. */
  readonly sendQ: number;
  /** Null: every address. */
  readonly localAddress: IpAddress | null;
  readonly localPort: number;
  /** Null for a listener. */
  readonly remoteAddress: IpAddress | null;
  readonly remotePort: number;
  /** The timer that is due first, in `ss`'s words, and in how many µs; null where none runs. */
  readonly timer: { readonly name: 'on' | 'persist' | 'keepalive' | 'timewait' | 'delack'; readonly in: number } | null;
  /** Retransmissions in a row. */
  readonly retries: number;
}

export interface StackStats {
  /** By state; LISTEN counts listeners. */
  readonly states: Readonly<Record<StateName, number>>;
  /** Connections in the making or with a TCB: without listeners and TIME-WAIT. */
  readonly connections: number;
  /** Of these, the ones that peers began and whose handshake goes on: records, not TCBs. */
  readonly halfOpen: number;
  readonly timeWait: number;
  /** Connections on which nothing goes on, kept as records (`restAfter`), and the memory of those, bytes. */
  readonly dormant: number;
  readonly dormantBytes: number;
  readonly listeners: number;
  /** Timers that run. */
  readonly timers: number;
  /** Bytes in send and receive buffers. */
  readonly buffered: number;
  /** Memory of the TIME-WAIT table, bytes. */
  readonly timeWaitBytes: number;
  /** Memory of the half-open table, bytes. */
  readonly halfOpenBytes: number;
}

export function rows(engine: Engine): ConnectionRow[] {
  const now = engine.now();
  const list: ConnectionRow[] = [];
  for (const listener of engine.listeners) {
    list.push({
      state: 'LISTEN',
      recvQ: listener.acceptQueue,
      sendQ: listener.backlog,
      localAddress: listener.localAddress,
      localPort: listener.localPort,
      remoteAddress: null,
      remotePort: 0,
      timer: null,
      retries: 0,
    });
  }
  for (const connection of engine.demux) {
    const tcb = connection.look();
    list.push({
      state: STATE_NAMES[tcb.state],
      recvQ: tcb.receiveBuffer.readable,
      sendQ: tcb.sendBuffer.length,
      localAddress: tcb.localAddress,
      localPort: tcb.localPort,
      remoteAddress: tcb.remoteAddress,
      remotePort: tcb.remotePort,
      timer: firstTimer(tcb, now),
      retries: tcb.retries,
    });
  }
  const { table } = engine.passive;
  for (const { family, id } of table.entries()) {
    const timer = { name: 'on', in: Math.max(0, table.dueAt(family, id) - now) } as const;
    const retries = table.retries(family, id);
    list.push({ state: 'SYN-RECEIVED', recvQ: 0, sendQ: 0, ...table.tuple(family, id), timer, retries });
  }
  for (const { tuple, closeAt } of engine.timeWait.entries()) {
    const timer = { name: 'timewait', in: Math.max(0, closeAt - now) } as const;
    list.push({ state: 'TIME-WAIT', recvQ: 0, sendQ: 0, ...tuple, timer, retries: 0 });
  }
  return list;
}

export function stats(engine: Engine): StackStats {
  const states = Object.fromEntries(STATE_NAMES.map((name) => [name, 0])) as Record<StateName, number>;
  let connections = 0;
  let listeners = 0;
  let buffered = 0;
  for (const connection of engine.demux) {
    connections++;
    states[STATE_NAMES[connection.state]]++;
    if (connection.isDormant) continue;
    const { tcb } = connection;
    buffered += tcb.sendBuffer.length + tcb.receiveBuffer.memory;
  }
  for (const _ of engine.listeners) listeners++;
  const timeWait = engine.timeWait.count;
  states[STATE_NAMES[LISTEN]] = listeners;
  states[STATE_NAMES[TIME_WAIT]] = timeWait;
  const halfOpen = engine.passive.table.count;
  states[STATE_NAMES[SYN_RECEIVED]] += halfOpen;
  connections += halfOpen;
  const timers = engine.timers.armed + timeWait + halfOpen;
  const timeWaitBytes = engine.timeWait.bytes;
  const halfOpenBytes = engine.passive.table.bytes;
  const { count: dormant, bytes: dormantBytes } = engine.dormant ?? { count: 0, bytes: 0 };
  return {
    states,
    connections,
    halfOpen,
    timeWait,
    dormant,
    dormantBytes,
    listeners,
    timers,
    buffered,
    timeWaitBytes,
    halfOpenBytes,
  };
}

function firstTimer(tcb: Tcb, now: number): ConnectionRow['timer'] {
  const timers = [
    ['on', tcb.retransmitAt],
    ['persist', tcb.persistAt],
    ['keepalive', tcb.keepAliveAt],
    ['timewait', tcb.closeAt],
    ['delack', tcb.delayedAckAt],
  ] as const;
  let first: ConnectionRow['timer'] = null;
  for (const [name, at] of timers) {
    if (at !== Number.POSITIVE_INFINITY && (first === null || at - now < first.in)) first = { name, in: at - now };
  }
  return first === null ? null : { name: first.name, in: Math.max(0, first.in) };
}
