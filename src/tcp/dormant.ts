import { IpAddress } from '../wire/address.ts';
import { Cubic } from './congestion/cubic.ts';
import { HyStart } from './congestion/hystart.ts';
import type { Environment } from './environment.ts';
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_2, type State } from './state.ts';
import { Tcb } from './tcb.ts';
import { nextDeadline } from './timers.ts';

/**
 * Connections on which nothing goes on, as records: a TCB with all its parts is two or three kilobytes, and most of the connections of a busy
 * server are idle. A record is made where nothing is in flight, buffered or owed, and makes the same TCB again when something comes: no event can
 * tell the difference.
 *
 * Nothing is lost by design: each field of a TCB and of its parts is kept. Those that an idle connection has values of its own in have a place in the
 * record; any other is compared with a new TCB's, and kept beside the record where it differs.
 */

/** What is known of one of the objects that a TCB is made of. */
interface Part {
  /** The object; null where it is kept as a whole, beside the record. */
  of(tcb: Tcb): object | null;
  /** Fields with a place in the record: 32 bits, 64 bits, or as many as are said. A value that does not fit is kept beside. */
  readonly ints: readonly string[];
  readonly doubles: readonly string[];
  readonly bits: readonly (readonly [name: string, width: number])[];
  /** Fields that say nothing while all is quiet: they are set before they are read, or made anew. */
  readonly left: readonly string[];
}

const PARTS: readonly Part[] = [
  {
    of: (tcb) => tcb,
    ints: [
      ...['iss', 'sndUna', 'sndNxt', 'sndWnd', 'maxSndWnd', 'sndUp', 'sndWl1', 'sndWl2'],
      ...['irs', 'rcvNxt', 'rcvAdv', 'rcvUp', 'lastAckSent'],
      ...['sndMss', 'peerMss', 'pathMss', 'rcvMss', 'provenText', 'peerSegment', 'tsOffset', 'tsRecent', 'gsoMax'],
      ...[
        'srtt',
        'rttvar',
        'rto',
        'recover',
        'cwnd',
        'sndSml',
        'cwndUsed',
        'cwndUsageSeq',
        'cwndPeak',
        'quickAcks',
        'tlpEnd',
      ],
      ...['bytesSent', 'bytesAckedTotal', 'bytesReceived', 'segsIn', 'segsOut'],
    ],
    doubles: [
      ...[
        'tsRecentAge',
        'lastSendTime',
        'pauseAt',
        'cwndUsedAt',
        'pacingRate',
        'lastTextAt',
        'lastHeard',
        'lastTextReceived',
        'busyTime',
        'keepAliveAt',
      ],
    ],
    bits: [
      ['state', 4],
      ['sndWindScale', 4],
      ['rcvWindScale', 4],
      ['ecn', 2],
      ['ecnOffered', 2],
      ...['passive', 'windowScaling', 'sackOk', 'timestamps', 'synAcked', 'finSent', 'finAcked', 'finQueued'].map(flag),
      ...[
        'finReceived',
        'orphan',
        'noDelay',
        'cork',
        'keepAlive',
        'paced',
        'cwndLimited',
        'conversing',
        'tlpOut',
        'tlpRetransmitted',
      ].map(flag),
    ],
    left: [
      // The store's, the tuple's, and what is a part of its own or new with each TCB.
      ...['env', 'config', 'localAddress', 'localPort', 'remoteAddress', 'remotePort', 'owner'],
      ...['sendBuffer', 'receiveBuffer', 'scoreboard', 'rack'],
      // Of a recovery or a time-out that begins: set there. Of flags that are off: set with them.
      ...['prrTarget', 'prrDelivered', 'prrOut', 'recoverFlight', 'retriesSince'],
      ...['cwrEnd', 'finAt', 'dsackStart', 'dsackEnd'],
    ],
  },
  {
    of: (tcb) => tcb.receiveBuffer,
    ints: ['capacity', 'next'],
    doubles: [],
    bits: [['recycling', 1]],
    left: ['allocator', 'chunks', 'starts', 'ends', 'blocks'],
  },
  {
    of: (tcb) => tcb.scoreboard,
    ints: [],
    doubles: [],
    bits: [],
    left: ['slots', 'head', 'rack', 'result', 'lostFrom', 'highestSacked'],
  },
  {
    of: (tcb) => tcb.rack,
    ints: ['end', 'rtt', 'fack'],
    doubles: ['xmitTime', 'minRtt', 'minRttAt'],
    bits: [['started', 1]],
    // What the last acknowledgment said.
    left: [
      ...['delivered', 'fresh', 'dsack', 'dsackEnd', 'needless', 'original', 'originalEnd', 'sackedSentAt'],
      ...['displacement', 'now', 'echoed', 'fackBefore'],
    ],
  },
  {
    of: (tcb) => (isFresh(tcb.congestion) ? tcb.congestion.hystart : null),
    ints: ['rttSampleCount', 'windowEnd'],
    doubles: ['lastRoundMinRtt', 'currentRoundMinRtt'],
    bits: [['endless', 1]],
    left: [],
  },
];

function flag(name: string): [string, number] {
  return [name, 1];
}

/** CUBIC in its first slow start: all that it knows then is HyStart's. */
function isFresh(congestion: unknown): congestion is Cubic {
  return congestion instanceof Cubic && congestion.isFresh;
}

/** Whether nothing is in flight, buffered, owed or to be told, and no timer runs but those of an idle connection. */
export function isQuiet(tcb: Tcb): boolean {
  const { state, receiveBuffer } = tcb;
  return (
    (state === ESTABLISHED || state === CLOSE_WAIT || state === FIN_WAIT_2) &&
    tcb.sndUna === tcb.sndNxt &&
    tcb.scoreboard.count === 0 &&
    tcb.sendBuffer.length === 0 &&
    receiveBuffer.readable === 0 &&
    receiveBuffer.runs === 0 &&
    tcb.ackOwed === 0 &&
    tcb.notices === 0 &&
    tcb.recovery === 'open' &&
    !tcb.inCwr &&
    !tcb.finHeld &&
    !tcb.outputHeld &&
    tcb.dsackStart === tcb.dsackEnd &&
    nextDeadline(tcb) === Math.min(tcb.keepAliveAt, tcb.closeAt)
  );
}

interface Field {
  readonly part: number;
  readonly name: string;
}
interface BitField extends Field {
  readonly word: number;
  readonly shift: number;
  readonly width: number;
  readonly isFlag: boolean;
}
type Fields = Record<string, unknown>;

/** The first words of a record: ports, and the addresses. */
const PORTS = 0;
const LOCAL = 1;
const REMOTE = 5;
const BITS = 9;

const PAGE_BITS = 8;
const PAGE = 1 << PAGE_BITS;

/** Some records: pages come and go, so that nothing is ever copied to make room. */
class Page {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  used = 0;
  /** First free record behind those never used, and first of those given back, −1: none; PORTS of one is the next. */
  fresh = 0;
  free = -1;

  constructor(words: number, doubles: number) {
    this.words = new Int32Array(PAGE * words);
    this.doubles = new Float64Array(PAGE * doubles);
  }
}

/** The dormant connections of a stack. */
export class DormantTcbs {
  count = 0;
  readonly #env: Environment;
  /** The parts of a TCB just made: what every other field is compared with. */
  readonly #model: readonly Fields[];
  readonly #ints: Field[] = [];
  readonly #doubles: Field[] = [];
  readonly #bits: BitField[] = [];
  readonly #others: Field[] = [];
  /** All of them: what is kept beside a record is named by a place in this list. */
  readonly #fields: readonly Field[];
  readonly #firstInt: number;
  readonly #stride: number;
  readonly #pages: (Page | null)[] = [];
  /** Pages that have room. */
  readonly #roomy: number[] = [];
  /** What has no place in a record, by its number: pairs of a place in `#fields` and a value. */
  readonly #beside = new Map<number, unknown[]>();

  constructor(env: Environment) {
    this.#env = env;
    const none = new IpAddress(4, 0, 0, 0xffff, 0);
    const model = new Tcb(env, { localAddress: none, localPort: 0, remoteAddress: none, remotePort: 0 });
    this.#model = partsOf(model).map((part) => part ?? (new HyStart() as unknown as Fields));
    let shift = 32;
    let word = BITS - 1;
    const place = (part: number, name: string, width: number, isFlag: boolean): void => {
      if (shift + width > 32) {
        word++;
        shift = 0;
      }
      this.#bits.push({ part, name, word, shift, width, isFlag });
      shift += width;
    };
    // The first is not of the TCB: whether the congestion control is a fresh CUBIC, and whether the addresses are IPv6's.
    place(-1, 'fresh CUBIC', 1, true);
    place(-1, 'IPv6', 1, true);
    PARTS.forEach(({ ints, doubles, bits, left }, part) => {
      const others = new Set(Object.keys(this.#model[part]!));
      for (const name of [...ints, ...doubles, ...bits.map(([name]) => name), ...left]) {
        if (!others.delete(name)) throw new Error(`a TCB has no field ${name} in its part ${part}`);
      }
      for (const name of ints) this.#ints.push({ part, name });
      for (const name of doubles) this.#doubles.push({ part, name });
      for (const [name, width] of bits) place(part, name, width, width === 1);
      for (const name of others) this.#others.push({ part, name });
    });
    this.#fields = [...this.#ints, ...this.#bits, ...this.#others];
    this.#firstInt = word + 1;
    this.#stride = this.#firstInt + this.#ints.length;
  }

  /** Memory of the records, bytes, without what is kept beside some. */
  get bytes(): number {
    const pages = this.#pages.filter((page) => page !== null).length;
    return pages * PAGE * (4 * this.#stride + 8 * this.#doubles.length);
  }

  /** A record of `tcb`, by number; −1 where it is not quiet. The TCB must not be used any more. */
  keep(tcb: Tcb): number {
    if (!isQuiet(tcb) || tcb.env !== this.#env || tcb.config !== this.#env.config) return -1;
    const id = this.#take();
    const page = this.#pages[id >>> PAGE_BITS]!;
    const at = (id & (PAGE - 1)) * this.#stride;
    const w = page.words;
    const parts = partsOf(tcb);
    const fresh = parts[PARTS.length - 1] !== null;
    w.fill(0, at + BITS, at + this.#firstInt);
    w[at + PORTS] = (tcb.localPort << 16) | tcb.remotePort;
    putAddress(w, at + LOCAL, tcb.localAddress);
    putAddress(w, at + REMOTE, tcb.remoteAddress);
    w[at + BITS] = (fresh ? 1 : 0) | (tcb.localAddress.family === 6 ? 2 : 0);
    let beside: unknown[] | null = null;
    const aside = (field: number, value: unknown): void => {
      beside ??= [];
      beside.push(field, value);
    };
    let field = 0;
    for (const { part, name } of this.#ints) {
      const value = parts[part] === null ? 0 : (parts[part]![name] as number);
      w[at + this.#firstInt + field] = value;
      if (value !== (value | 0)) aside(field, value);
      field++;
    }
    for (const { part, name, word, shift, width } of this.#bits) {
      const value = part < 0 || parts[part] === null ? 0 : Number(parts[part]![name]);
      if (value >>> width === 0) w[at + word] = w[at + word]! | (value << shift);
      else aside(field, value);
      field++;
    }
    for (const { part, name } of this.#others) {
      const value = parts[part]?.[name];
      if (parts[part] !== null && !isSame(value, this.#model[part]![name]) && !(fresh && name === 'congestion')) {
        aside(field, value);
      }
      field++;
    }
    const doubles = (id & (PAGE - 1)) * this.#doubles.length;
    this.#doubles.forEach(({ part, name }, i) => {
      page.doubles[doubles + i] = parts[part] === null ? 0 : (parts[part]![name] as number);
    });
    if (beside !== null) this.#beside.set(id, (beside as unknown[]).slice());
    return id;
  }

  /** The TCB again; its record is forgotten. */
  wake(id: number): Tcb {
    const tcb = this.look(id);
    this.#give(id);
    return tcb;
  }

  /** A TCB to read: the record stays what counts. */
  look(id: number): Tcb {
    const page = this.#pages[id >>> PAGE_BITS]!;
    const at = (id & (PAGE - 1)) * this.#stride;
    const w = page.words;
    const tcb = new Tcb(this.#env, {
      localAddress: this.#address(w, at, LOCAL),
      localPort: w[at + PORTS]! >>> 16,
      remoteAddress: this.#address(w, at, REMOTE),
      remotePort: w[at + PORTS]! & 0xffff,
    });
    const beside = this.#beside.get(id);
    // First what may be a part itself.
    if (beside !== undefined) {
      for (let i = 0; i < beside.length; i += 2) {
        const { part, name } = this.#fields[beside[i] as number]!;
        if (part === 0) (tcb as unknown as Fields)[name] = beside[i + 1];
      }
    }
    if ((w[at + BITS]! & 1) !== 0) tcb.congestion = new Cubic();
    const parts = partsOf(tcb);
    this.#ints.forEach(({ part, name }, i) => {
      if (parts[part] !== null) parts[part]![name] = w[at + this.#firstInt + i];
    });
    const doubles = (id & (PAGE - 1)) * this.#doubles.length;
    this.#doubles.forEach(({ part, name }, i) => {
      if (parts[part] !== null) parts[part]![name] = page.doubles[doubles + i];
    });
    for (const { part, name, word, shift, width, isFlag } of this.#bits) {
      if (part < 0 || parts[part] === null) continue;
      const value = (w[at + word]! >>> shift) & ((1 << width) - 1);
      parts[part]![name] = isFlag ? value === 1 : value;
    }
    if (beside !== undefined) {
      for (let i = 0; i < beside.length; i += 2) {
        const { part, name } = this.#fields[beside[i] as number]!;
        parts[part]![name] = beside[i + 1];
      }
    }
    return tcb;
  }

  /** Of the record alone: its state, and its addresses. */
  state(id: number): State {
    const { word, shift } = this.#bits[2]!;
    return ((this.#word(id, word) >>> shift) & 15) as State;
  }
  localAddress(id: number): IpAddress {
    return this.#address(this.#pages[id >>> PAGE_BITS]!.words, (id & (PAGE - 1)) * this.#stride, LOCAL);
  }
  remoteAddress(id: number): IpAddress {
    return this.#address(this.#pages[id >>> PAGE_BITS]!.words, (id & (PAGE - 1)) * this.#stride, REMOTE);
  }
  localPort(id: number): number {
    return this.#word(id, PORTS) >>> 16;
  }
  remotePort(id: number): number {
    return this.#word(id, PORTS) & 0xffff;
  }

  #word(id: number, word: number): number {
    return this.#pages[id >>> PAGE_BITS]!.words[(id & (PAGE - 1)) * this.#stride + word]!;
  }

  #address(w: Int32Array, at: number, which: number): IpAddress {
    const from = at + which;
    return new IpAddress((w[at + BITS]! & 2) === 0 ? 4 : 6, w[from]!, w[from + 1]!, w[from + 2]!, w[from + 3]!);
  }

  #take(): number {
    const index = this.#roomy.at(-1) ?? this.#addPage();
    this.#pages[index] ??= new Page(this.#stride, this.#doubles.length);
    const page = this.#pages[index]!;
    let slot = page.free;
    if (slot >= 0) page.free = page.words[slot * this.#stride + PORTS]!;
    else slot = page.fresh++;
    if (++page.used === PAGE) this.#roomy.pop();
    this.count++;
    return (index << PAGE_BITS) | slot;
  }

  #addPage(): number {
    const index = this.#pages.push(null) - 1;
    this.#roomy.push(index);
    return index;
  }

  #give(id: number): void {
    const index = id >>> PAGE_BITS;
    const slot = id & (PAGE - 1);
    const page = this.#pages[index]!;
    this.#beside.delete(id);
    this.count--;
    page.words[slot * this.#stride + PORTS] = page.free;
    page.free = slot;
    if (page.used-- === PAGE) this.#roomy.push(index);
    if (page.used === 0) this.#pages[index] = null;
  }
}

function partsOf(tcb: Tcb): (Fields | null)[] {
  return PARTS.map((part) => part.of(tcb) as Fields | null);
}

function putAddress(words: Int32Array, at: number, address: IpAddress): void {
  words[at] = address.w0;
  words[at + 1] = address.w1;
  words[at + 2] = address.w2;
  words[at + 3] = address.w3;
}

/** Two empty lists are as good as one. */
function isSame(a: unknown, b: unknown): boolean {
  return a === b || (Array.isArray(a) && Array.isArray(b) && a.length === 0 && b.length === 0);
}
