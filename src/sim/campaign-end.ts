import type { TcpSocket } from '../stack/socket.ts';
import type { Failure } from '../tcp/notices.ts';
import type { SimHost } from './host.ts';
import type { Random } from './random.ts';

const MINUTE = 60_000_000;
const CHUNKS = [100, 1000, 8192, 65_536] as const;

/**
 * How an application ends: after what it wrote it shuts its direction down and reads on ('end'), or only after the peer's end ('close'); it aborts;
 * or it closes at the first text that comes and reads nothing of it ('drop'), with a reset where it lingers for 0 s ('linger 0').
 */
export type Style = 'end' | 'close' | 'abort' | 'drop' | 'linger 0';

/** One end of a connection, with an application that writes, reads and closes as chance has it. */
export class CampaignEnd {
  readonly name: string;
  readonly host: SimHost;
  /** Its stream begins with this number: no two streams are alike. */
  readonly stream: number;
  readonly toSend: number;
  readonly style: Style;
  readonly fastOpen: boolean;
  sent = 0;
  received = 0;
  /** It read something that was not next. */
  wrong = -1;
  ended = false;
  /** Undefined while it lives. */
  failure: Failure | null | undefined;
  socket: TcpSocket | null = null;
  /** The host's life in which it began. */
  #crashes = 0;
  /** It is over. */
  onOver: () => void = () => {};
  readonly #chunk: number;
  readonly #slow: boolean;
  readonly #noDelay: boolean;
  readonly #later: (callback: () => void) => void;

  constructor(name: string, host: SimHost, stream: number, random: Random, later: (callback: () => void) => void) {
    this.name = name;
    this.host = host;
    this.stream = stream;
    this.#later = later;
    this.toSend = random.chance(0.2) ? 0 : Math.floor(random.next() ** 3 * 60_000);
    const dice = random.next();
    this.style = dice < 0.04 ? 'abort' : dice < 0.07 ? 'drop' : dice < 0.1 ? 'linger 0' : dice < 0.37 ? 'close' : 'end';
    this.#chunk = random.pick(CHUNKS);
    this.#slow = random.chance(0.2);
    this.#noDelay = random.chance(0.3);
    this.fastOpen = random.chance(0.3);
  }

  /** Its host lost its memory since it began. */
  get crashed(): boolean {
    return this.host.crashes > this.#crashes;
  }

  /** Over, or nobody is left who could tell. */
  get isOver(): boolean {
    return this.failure !== undefined || (this.socket !== null && this.crashed);
  }

  /** The first piece: for a SYN that may carry it. */
  first(): Uint8Array {
    return this.#piece();
  }

  attach(socket: TcpSocket, taken = 0): void {
    this.socket = socket;
    this.#crashes = this.host.crashes;
    this.sent = taken;
    socket.setKeepAlive(true, MINUTE, MINUTE / 4, 12);
    if (this.#noDelay) socket.setNoDelay(true);
    if (this.style === 'linger 0') socket.setOptions({ linger: 0 });
    const write = () => this.write();
    socket.events = {
      onConnect: write,
      onWritable: write,
      onReadable: () => {
        if (this.style === 'drop' || this.style === 'linger 0') socket.close();
        else if (this.#slow) this.#later(() => this.#read());
        else this.#read();
      },
      onEnd: () => {
        this.#read();
        this.ended = true;
        this.#finish();
      },
      onClose: (failure) => {
        this.failure = failure;
        this.onOver();
      },
    };
  }

  write(): void {
    const socket = this.socket!;
    while (this.sent < this.toSend) {
      const piece = this.#piece();
      const taken = socket.send(piece);
      if (taken > 0) this.sent += taken;
      if (taken < piece.length) return;
    }
    this.#finish();
  }

  #piece(): Uint8Array {
    const piece = new Uint8Array(Math.min(this.#chunk, this.toSend - this.sent));
    for (let i = 0; i < piece.length; i++) piece[i] = byteAt(this.stream, this.sent + i);
    return piece;
  }

  /** Everything is written: it ends its direction, in its own way. */
  #finish(): void {
    const socket = this.socket!;
    if (this.sent < this.toSend) return;
    if (this.style === 'abort') socket.abort();
    else if (this.style === 'end' || !this.ended) socket.shutdown();
    if (this.ended && socket.ended) socket.close();
  }

  #read(): void {
    if (this.crashed) return;
    this.socket!.consume((bytes) => {
      for (let i = 0; i < bytes.length; i++) {
        if (bytes[i] !== byteAt(this.stream ^ 1, this.received + i) && this.wrong < 0) this.wrong = this.received + i;
      }
      this.received += bytes.length;
    });
    if (this.ended) this.#finish();
  }
}

/** A client's end and a server's, which speak with each other. */
export interface CampaignPair {
  /** Which of the run's conversations: a second one on the same ports has the same number. */
  readonly conversation: number;
  readonly a: CampaignEnd;
  readonly b: CampaignEnd;
}

/** Byte `at` of a stream. */
function byteAt(stream: number, at: number): number {
  return (Math.imul(at + 1, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) >>> 24;
}

/** What does not hold of a pair at the end. `excused`: something was done to it that may end a connection in spite of all that TCP does. */
export function judgePair({ a, b }: CampaignPair, excused: boolean): string[] {
  const complaints: string[] = [];
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (one.wrong >= 0) complaints.push(`${one.name} read a wrong byte at ${one.wrong}`);
    if (one.received > other.sent) complaints.push(`${one.name} read ${one.received} bytes of ${other.sent}`);
    if (one.ended && one.wrong < 0 && one.received < other.toSend && !leaves(one)) {
      complaints.push(`${one.name} saw the end after ${one.received} of ${other.toSend} bytes`);
    }
    if (one.socket !== null && one.failure === undefined && !one.crashed) {
      complaints.push(`${one.name} was never told how it ended`);
    }
    // Where the other end is done, and its TIME-WAIT over, nobody acknowledges any more: the two generals' problem, which TCP does not solve.
    if (one.failure && other.failure !== null && !excused && !leaves(a) && !leaves(b)) {
      complaints.push(`${one.name} failed (${one.failure}), though nothing was done to it`);
    }
  }
  return complaints;
}

/** Its application does not stay to the end. */
function leaves({ style }: CampaignEnd): boolean {
  return style === 'abort' || style === 'drop' || style === 'linger 0';
}
