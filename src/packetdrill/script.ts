/** A packetdrill script, parsed. Times are in µs. */
export interface Script {
  readonly path: string;
  /** `--name=value` lines, in order; without a value: ''. */
  readonly options: readonly Option[];
  readonly events: readonly ScriptEvent[];
}

export interface Option {
  readonly name: string;
  readonly value: string;
}

/** When an event is to happen: at, or (relative) after the event before it; between two times; or at any time. */
export type When =
  | { readonly kind: 'at' | 'after'; readonly time: number }
  | { readonly kind: 'between'; readonly relative: boolean; readonly from: number; readonly to: number }
  | { readonly kind: 'any' };

interface Base {
  readonly line: number;
  /** Null: as soon as it is its turn. */
  readonly when: When | null;
}

export interface PacketEvent extends Base {
  readonly kind: 'packet';
  readonly direction: 'in' | 'out';
  readonly packet: TcpPacket | IcmpPacket;
}

export interface CallEvent extends Base {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Value[];
  /** What it must return; null: any. */
  readonly result: Value | null;
  /** ECONNRESET, … */
  readonly errno: string | null;
  /** A blocking call: when it must return, absolute or relative as its start. Null: it must not block. */
  readonly end: number | null;
}

export interface CommandEvent extends Base {
  readonly kind: 'command';
  readonly text: string;
}

export interface CodeEvent extends Base {
  readonly kind: 'code';
  readonly text: string;
}

export type ScriptEvent = PacketEvent | CallEvent | CommandEvent | CodeEvent;

/** What stands in a call's parentheses: numbers, names and `A | B`, strings, lists, structures, and `...`. */
export type Value =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'name'; readonly names: readonly string[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'struct'; readonly fields: Readonly<Record<string, Value>> }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Value[] }
  | { readonly kind: 'any' };

export type Ecn = 'noecn' | 'ect0' | 'ect1' | 'ect01' | 'ce';

export interface IpFields {
  readonly ecn?: Ecn;
  /** The whole TOS or traffic class byte. */
  readonly tos?: number;
  readonly ttl?: number;
}

export interface TcpPacket {
  readonly type: 'tcp';
  readonly ip: IpFields;
  /** Control bits of `wire/segment.ts`. */
  readonly flags: number;
  /** Relative to the sender's ISN as the script counts it; null: any. */
  readonly seq: number | null;
  /** `!`: the numbers are those on the wire. */
  readonly absolute: boolean;
  readonly length: number;
  readonly ack: number | null;
  readonly win: number | null;
  readonly urg: number | null;
  /** Null: `<...>`, any. */
  readonly options: readonly TcpOption[] | null;
  /** `/udp(1 > 2)`: in a UDP datagram. */
  readonly encapsulated: boolean;
}

export type TcpOption =
  | { readonly kind: 'nop' | 'eol' | 'sackOK' | 'md5' | 'unknown'; readonly text: string }
  | { readonly kind: 'mss'; readonly value: number }
  | { readonly kind: 'wscale'; readonly value: number }
  | { readonly kind: 'TS'; readonly val: number | null; readonly ecr: number | null }
  | { readonly kind: 'sack'; readonly blocks: readonly (readonly [number, number])[] }
  /** `cookie` in hexadecimal digits; null: a variable the runner was not given. */
  | { readonly kind: 'FO' | 'FOEXP'; readonly cookie: string | null };

export interface IcmpPacket {
  readonly type: 'icmp';
  /** `unreachable`, `packet_too_big`, `time_exceeded`, `parameter_problem`. */
  readonly message: string;
  /** `host_unreachable`, `frag_needed`, …; '' where none is named. */
  readonly code: string;
  readonly mtu: number;
  /** The quoted segment's numbers; null: those of the last one sent. */
  readonly quote: { readonly seq: number; readonly length: number } | null;
}

/** A script that is none: where, and why. */
export class ScriptError extends Error {
  readonly line: number;
  constructor(path: string, line: number, message: string) {
    super(`${path}:${line}: ${message}`);
    this.name = 'ScriptError';
    this.line = line;
  }
}
