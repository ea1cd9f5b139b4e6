import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { KernelCalls } from '../../node/kernel-calls.ts';
import type { SimGate } from '../../sim/gate.ts';
import type { StageHost, StageRow } from '../../sim/scenarios/parties.ts';
import type { ListenOptions } from '../../stack/socket.ts';
import type { TcpConfig } from '../../tcp/config.ts';
import { type Cause, CLOSED, STATE_NAMES, type State, type StateName, TRANSITIONS } from '../../tcp/state.ts';
import type { FourTuple } from '../../tcp/trace.ts';
import { IpAddress } from '../../wire/address.ts';
import { KernelListener, type KernelSide, KernelSocket, type SocketOptions, type Watched } from './sockets.ts';

/** include/net/tcp_states.h, from 1; TCP_CLOSE is 7, TCP_NEW_SYN_RECV 12. */
const STATES: readonly StateName[] = [
  'CLOSED',
  'ESTABLISHED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'CLOSED',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
  'SYN-RECEIVED',
];

interface KernelRow extends StageRow {
  readonly localAddress: IpAddress;
  readonly remoteAddress: IpAddress;
}

const SYSCTLS = '/proc/sys/net/ipv4';
/** Of what a scenario sets on a host, in µs, what the kernel has in seconds. */
const SECONDS = new Set(['tcp_fin_timeout']);
/** Of what a scenario sets, what the kernel does anyhow, or has no switch for and does not need. */
const AS_IT_IS = new Set(['resetOnSynAckGiveUp', 'timeWait', 'quickAcks', 'initialWindow']);

/** The kernel of this machine as a host of a scenario: its own TCP, behind a gate of the simulated network. */
export class KernelHost implements StageHost, KernelSide {
  readonly name: string;
  readonly addresses: readonly IpAddress[];
  readonly calls: KernelCalls;
  readonly #gate: SimGate;
  readonly #now: () => number;
  readonly #socketOptions: SocketOptions;
  #watched: Watched[] = [];
  #rows: KernelRow[] = [];
  /** State of each connection that was told of, by its ports. */
  readonly #told = new Map<string, { readonly tuple: FourTuple; last: State }>();
  readonly #resets = new Set<string>();
  #countersBefore: ReadonlyMap<string, number>;

  /** `now`: the network's clock, µs. `config`: what is not as Linux has it. */
  constructor(calls: KernelCalls, gate: SimGate, now: () => number, config: Partial<TcpConfig> = {}) {
    this.calls = calls;
    this.name = gate.name;
    this.addresses = gate.addresses;
    this.#gate = gate;
    this.#now = now;
    const { receiveBuffer, ...rest } = config;
    // The kernel doubles it, for what surrounds the text.
    this.#socketOptions = receiveBuffer === undefined ? {} : { receiveBuffer: receiveBuffer / 2 };
    // Since 6.5 the first SYNs are repeated every second; RFC 6298 §5.5 doubles the time.
    if (existsSync(`${SYSCTLS}/tcp_syn_linear_timeouts`)) setSysctl('tcp_syn_linear_timeouts', 0);
    for (const [name, value] of Object.entries(rest)) if (!AS_IT_IS.has(name)) setSysctl(name, value);
    this.#countersBefore = counters();
  }

  get address(): IpAddress {
    return this.addresses[0]!;
  }

  connect(target: StageHost, port: number, { localPort = 0 }: { localPort?: number } = {}): KernelSocket {
    return KernelSocket.connect(this, target.addresses[0]!, port, localPort, this.#socketOptions);
  }

  listen(port: number, { backlog = 511 }: ListenOptions = {}): KernelListener {
    return new KernelListener(this, port, backlog, this.#socketOptions);
  }

  connections(): readonly StageRow[] {
    this.look();
    return this.#rows;
  }

  counter(name: string): number {
    return (counters().get(name) ?? 0) - (this.#countersBefore.get(name) ?? 0);
  }

  /** Cut off first, so that nobody hears of it. */
  crash(): void {
    this.#gate.isDown = true;
    for (const one of this.#watched) one.vanish();
    this.#watched = [];
    this.look();
  }

  reboot(): void {
    if (!this.#gate.isDown) this.crash();
    this.#gate.isDown = false;
  }

  watch(watched: Watched): void {
    this.#watched.push(watched);
  }

  /** A packet was given to the kernel. */
  told(packet: Uint8Array): void {
    const header = (packet[0]! & 15) * 4;
    const isRst = packet[9] === 6 && packet.length >= header + 20 && (packet[header + 13]! & 4) !== 0;
    if (!isRst) return;
    const port = (at: number) => (packet[header + at]! << 8) | packet[header + at + 1]!;
    this.#resets.add(`${port(2)} ${port(0)}`);
  }

  wasReset(localPort: number, remotePort: number): boolean {
    return this.#resets.has(`${localPort} ${remotePort}`);
  }

  stateOf(localPort: number, remotePort: number): StateName {
    const row = this.#rows.find((r) => r.localPort === localPort && r.remotePort === remotePort);
    return row?.state ?? 'CLOSED';
  }

  /** Looks at everything. True where something has happened. */
  poll(): boolean {
    this.look();
    // In turn: one that is found may begin to watch another.
    return [...this.#watched].map((one) => one.poll()).includes(true);
  }

  /** Reads the kernel's list, and tells of the states that are others now. */
  look(): void {
    this.#rows = readRows();
    const seen = new Set<string>();
    for (const row of this.#rows) {
      if (row.state === 'LISTEN') continue;
      const key = `${row.localPort} ${row.remoteAddress} ${row.remotePort}`;
      seen.add(key);
      let known = this.#told.get(key);
      if (known === undefined) {
        const { localAddress, localPort, remoteAddress, remotePort } = row;
        known = { tuple: { localAddress, localPort, remoteAddress, remotePort }, last: CLOSED };
        this.#told.set(key, known);
      }
      this.#tell(known, STATE_NAMES.indexOf(row.state) as State);
    }
    for (const [key, known] of this.#told) {
      if (seen.has(key)) continue;
      this.#tell(known, CLOSED);
      this.#told.delete(key);
    }
  }

  /** The kernel shows where a connection is, and not how it got there: the shortest way in the diagram that fits is told. */
  #tell(known: { readonly tuple: FourTuple; last: State }, to: State): void {
    if (known.last === to) return;
    const reset = this.wasReset(known.tuple.localPort, known.tuple.remotePort);
    for (const { from, next, cause } of shortestWay(known.last, to, reset)) {
      this.#gate.trace?.state(known.tuple, from, next, cause, this.#now());
    }
    known.last = to;
  }
}

interface Arrow {
  readonly from: State;
  readonly next: State;
  readonly cause: Cause;
}

/** Breadth first through the table of transitions. Empty where there is no way: a list that is read twice may miss a whole life. */
function shortestWay(from: State, to: State, reset: boolean): Arrow[] {
  const border: Arrow[][] = [[]];
  const reached = new Set<State>([from]);
  for (const way of border) {
    const at = way.at(-1)?.next ?? from;
    for (const arrow of TRANSITIONS) {
      if (arrow.from !== at || reached.has(arrow.to)) continue;
      const causes = arrow.causes.filter((cause) => cause !== 'ABORT' && cause !== 'ICMP error');
      const cause = reset && causes.includes('rcv RST') ? 'rcv RST' : causes.find((c) => c !== 'rcv RST');
      const further: Arrow[] = [...way, { from: at, next: arrow.to, cause: cause ?? arrow.causes[0]! }];
      if (arrow.to === to) return further;
      reached.add(arrow.to);
      border.push(further);
    }
  }
  return [];
}

/** /proc/net/tcp: `sl local_address rem_address st …`, addresses in hexadecimal as they are in memory. */
function readRows(): KernelRow[] {
  const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  return lines.flatMap((line): KernelRow[] => {
    const [, local, remote, state] = line.trim().split(/\s+/);
    if (local === undefined || remote === undefined || state === undefined) return [];
    const [localAddress, localPort] = endpoint(local);
    const [remoteAddress, remotePort] = endpoint(remote);
    return [{ state: STATES[Number.parseInt(state, 16)]!, localAddress, localPort, remoteAddress, remotePort }];
  });
}

function endpoint(text: string): [IpAddress, number] {
  const [address = '', port = ''] = text.split(':');
  const bytes = address.match(/../g)!.reverse();
  return [IpAddress.of(bytes.map((byte) => Number.parseInt(byte, 16)).join('.')), Number.parseInt(port, 16)];
}

/** Those of /proc/net/netstat and /proc/net/snmp: a line of names, a line of numbers. */
function counters(): ReadonlyMap<string, number> {
  const all = new Map<string, number>();
  for (const file of ['/proc/net/netstat', '/proc/net/snmp']) {
    const lines = readFileSync(file, 'latin1').split('\n');
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [title = '', ...names] = lines[i]!.split(' ');
      if (title !== 'TcpExt:' && title !== 'Tcp:') continue;
      const values = lines[i + 1]!.split(' ').slice(1);
      for (const [k, name] of names.entries()) all.set(name, Number(values[k]));
    }
  }
  return all;
}

/** Throws for what the kernel does not know by that name: a scenario that needs it is not marked for Linux. */
function setSysctl(name: string, value: unknown): void {
  const text = Array.isArray(value) ? value.join(' ') : String(SECONDS.has(name) ? Number(value) / 1e6 : Number(value));
  writeFileSync(`${SYSCTLS}/${name}`, text);
}
