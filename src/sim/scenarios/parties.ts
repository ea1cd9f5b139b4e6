import type { ListenOptions } from '../../stack/socket.ts';
import type { Failure } from '../../tcp/notices.ts';
import type { StateName } from '../../tcp/state.ts';
import type { IpAddress } from '../../wire/address.ts';

/** A connection as a script sees it, whoever's TCP it is: `SimSocket` in virtual time, a socket of the kernel in real time. */
export interface StageSocket {
  readonly state: StateName;
  readonly localPort: number;
  readonly remotePort: number;
  /** Bytes that have come and were not read. */
  readonly readable: number;
  /** Bytes that have come in all. */
  readonly received: number;
  /** Fulfilled when it is established; rejected where it fails before. */
  readonly opened: Promise<void>;
  /** Fulfilled when it is over: null after an orderly close, else how it failed. */
  readonly closed: Promise<Failure | null>;
  /** Queues as much as there is room for. Returns how many bytes; −1 where none can be sent. */
  offer(data: Uint8Array | string | number): number;
  /** Queues all of it, when there is room. */
  write(data: Uint8Array | string | number): Promise<void>;
  /** What has come, when something has; null at the end. */
  read(max?: number): Promise<Uint8Array | null>;
  readAll(): Promise<Uint8Array>;
  end(): void;
  close(): void;
  abort(): void;
  /** Times in µs. */
  setKeepAlive(on: boolean, time?: number, interval?: number, probes?: number): void;
  setNoDelay(on: boolean): void;
  /** Holds back what is not a full segment, until it is closed or uncorked. */
  setCork(on: boolean): void;
}

export interface StageListener {
  readonly port: number;
  /** Connections that wait to be accepted. */
  readonly waiting: number;
  accept(): Promise<StageSocket>;
  serve(handler: (socket: StageSocket) => Promise<void> | void): void;
  close(): void;
}

/** A line of netstat. */
export interface StageRow {
  readonly state: StateName;
  readonly localPort: number;
  readonly remotePort: number;
}

/** One of the two hosts of a scenario. */
export interface StageHost {
  readonly name: string;
  readonly addresses: readonly IpAddress[];
  connect(target: StageHost, port: number, options?: { localPort?: number }): StageSocket;
  listen(port: number, options?: ListenOptions): StageListener;
  /** What it knows of: listeners, connections, TIME-WAITs. */
  connections(): readonly StageRow[];
  /** A counter of `nstat`, by its name there without the prefix: `ListenOverflows`. */
  counter(name: string): number;
  /** The power goes: all state is lost, nobody is told. */
  crash(): void;
  reboot(): void;
}
