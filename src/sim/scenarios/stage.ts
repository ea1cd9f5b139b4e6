import type { Connection } from '../../stack/connection.ts';
import type { StateName } from '../../tcp/state.ts';
import type { Tcb } from '../../tcp/tcb.ts';
import type { SegmentRecord } from '../../trace/event.ts';
import { flagWords } from '../../trace/event.ts';
import { copySegment, type Recorder } from '../../trace/recorder.ts';
import { IpAddress } from '../../wire/address.ts';
import { ACK, FIN, RST, Segment, SYN } from '../../wire/segment.ts';
import { type Seq, seq } from '../../wire/seq.ts';
import { SimHost } from '../host.ts';
import type { Link } from '../link.ts';
import type { Network } from '../network.ts';
import { Sight, segmentFrame } from '../packet.ts';
import { bytesOf, SimSocket } from '../socket.ts';
import type { MutationName } from './mutations.ts';
import type { StageHost, StageListener, StageRow, StageSocket } from './parties.ts';
import type { Language, Text } from './text.ts';

export type Side = 'client' | 'server';

/** Something that must hold. */
export interface StageCheck {
  readonly ok: boolean;
  readonly text: Text;
}

/** A segment that a host sent. */
export interface Sent {
  /** µs since the start. */
  readonly time: number;
  readonly from: string;
  readonly segment: SegmentRecord;
  readonly port: number;
  /** The other end's port. */
  readonly to: number;
  /** Why it never arrived; null where it did. */
  lost: string | null;
}

/** A segment that no stack made. */
export interface Forged {
  readonly from: Side;
  readonly port: number;
  /** The other end's port. */
  readonly to: number;
  readonly flags: number;
  readonly seq: Seq | number;
  readonly ack?: Seq | number;
  readonly window?: number;
  readonly text?: string | number;
  /** An address that is not the side's own. */
  readonly address?: string;
  /** What it is said to be in pictures. */
  readonly remark: Text;
  /** Set on the segment last. */
  readonly change?: (segment: Segment) => void;
}

/** What a script has at hand. */
export class Stage {
  readonly net: Network;
  readonly client: StageHost;
  readonly server: StageHost;
  readonly link: Link;
  readonly language: Language;
  readonly mutation: MutationName | null;
  readonly checks: StageCheck[] = [];
  /** All segments that hosts sent, in order. */
  readonly sent: Sent[] = [];
  readonly #recorder: Recorder;
  readonly #knobs: ReadonlyMap<string, number>;
  /** How late a real machine may be, µs; 0 in virtual time. */
  readonly #slack: number;
  readonly #sight = new Sight();

  constructor(
    net: Network,
    hosts: { readonly client: StageHost; readonly server: StageHost; readonly link: Link },
    recorder: Recorder,
    knobs: ReadonlyMap<string, number>,
    language: Language,
    mutation: MutationName | null,
    slack = 0,
  ) {
    this.net = net;
    this.client = hosts.client;
    this.server = hosts.server;
    this.link = hosts.link;
    this.language = language;
    this.mutation = mutation;
    this.#slack = slack;
    this.#recorder = recorder;
    this.#knobs = knobs;
    net.observe(({ kind, time, frame, where, what }) => {
      if (kind !== 'sent' && kind !== 'lost') return;
      const { segment } = this.#sight.look(frame);
      if (segment === null) return;
      const record = copySegment(segment);
      const { sourcePort: port, destinationPort: to } = segment;
      if (kind === 'sent') {
        this.sent.push({ time: time - (net.now - net.elapsed), from: where, segment: record, port, to, lost: null });
      } else {
        const gone = this.sent.findLast(
          (s) =>
            s.lost === null &&
            s.segment.seq === record.seq &&
            s.segment.flags === record.flags &&
            s.segment.length === record.length,
        );
        if (gone !== undefined) gone.lost = what;
      }
    });
  }

  knob(name: string): number {
    const value = this.#knobs.get(name);
    if (value === undefined) throw new Error(`this scenario has no knob ${name}`);
    return value;
  }

  /** The one-way delay, µs. */
  get delay(): number {
    return this.knob('delay') * 1000;
  }

  /** An explanation, beside what happens now. */
  say(text: Text): void {
    this.#recorder.note(null, text[this.language], this.net.now);
  }

  /** What an application does or sees. The words are the system's: not translated. */
  api(side: Side, text: string): void {
    this.#recorder.note(side === 'client' ? 'ours' : 'peer', text, this.net.now);
  }

  /** Something that must hold. Where a rule is taken out it is only reported. */
  check(text: Text, ok: boolean): void {
    this.checks.push({ text, ok });
    this.#recorder.note(null, text[this.language], this.net.now, ok);
  }

  /** Client and server, connected. */
  async open(port = 80): Promise<{ client: StageSocket; server: StageSocket; listener: StageListener }> {
    const listener = this.server.listen(port);
    this.api('server', 'listen()');
    this.api('client', 'connect()');
    const client = this.client.connect(this.server, port);
    const server = await listener.accept();
    await client.opened;
    return { client, server, listener };
  }

  /** Until all that is on its way has arrived: one and a half round trips and a bit. */
  quiet(): Promise<void> {
    return this.net.sleep(3 * this.delay + 50_000 + this.#slack / 4);
  }

  /** In virtual time: whether two times, µs, are the same. In real time the first may be late, as real machines are. */
  same(time: number, expected: number): boolean {
    return time >= expected - this.#slack / 4 && time <= expected + this.#slack;
  }

  /** A moment to wait until something has happened, µs: in real time a longer one. */
  grace(moment: number): number {
    return Math.max(moment, this.#slack / 3);
  }

  /** Whether time is virtual. */
  get virtual(): boolean {
    return this.#slack === 0;
  }

  sleep(milliseconds: number): Promise<void> {
    return this.net.sleep(milliseconds * 1000);
  }

  /** A time in which nothing is to happen, however long: in real time a short one has to do. */
  idle(milliseconds: number, real = 1000): Promise<void> {
    return this.sleep(this.virtual ? milliseconds : Math.min(milliseconds, real));
  }

  /** The segments a side sent whose flags are exactly these words, as `SYN, ACK`. All of them without words; PSH does not count. */
  segments(from: Side, words?: string): Sent[] {
    return this.sent.filter(
      (s) =>
        s.from === from &&
        (words === undefined || flagWords(s.segment.flags & (SYN | FIN | RST | ACK)).join(', ') === words),
    );
  }

  /** Whether a host knows of a connection in this state. */
  has(side: Side, state: StateName): boolean {
    return this.count(side, state) > 0;
  }

  count(side: Side, state: StateName): number {
    return this[side].connections().filter((row) => row.state === state).length;
  }

  /** What a host still knows of: connections in the making or made. */
  connections(side: Side): StageRow[] {
    return this[side].connections().filter(({ state }) => state !== 'LISTEN' && state !== 'TIME-WAIT');
  }

  state(socket: StageSocket): StateName {
    return socket.state;
  }

  /** A host whose TCP is ours. */
  ours(side: Side): SimHost {
    const host = this[side];
    if (!(host instanceof SimHost)) throw new Error(`the ${side} is not simulated here`);
    return host;
  }

  /** As long as 2 MSL are with our own TCP, and a second. */
  afterTimeWait(): Promise<void> {
    return this.sleep(this.ours('client').config.timeWait / 1000 + 1000);
  }

  /** A socket whose TCP is ours. */
  inside(socket: StageSocket): SimSocket {
    if (!(socket instanceof SimSocket)) throw new Error('this socket is not simulated');
    return socket;
  }

  tcb(socket: StageSocket): Tcb {
    return (this.inside(socket).tcp as Connection).tcb;
  }

  /** Puts a segment onto the link at a side, as if that side, or whoever, had sent it. */
  forge(spec: Forged): void {
    const own = this[spec.from].addresses[0]!;
    const from = spec.address === undefined ? own : IpAddress.of(spec.address);
    const to = (spec.from === 'client' ? this.server : this.client).addresses[0]!;
    const segment = new Segment();
    segment.sourcePort = spec.port;
    segment.destinationPort = spec.to;
    segment.flags = spec.flags;
    segment.seq = number(spec.seq);
    if (spec.ack !== undefined) segment.ack = number(spec.ack);
    segment.wnd = spec.window ?? 64_240;
    if (spec.text !== undefined) {
      segment.bytes = bytesOf(spec.text);
      segment.payloadLength = segment.bytes.length;
    }
    spec.change?.(segment);
    if (spec.from === 'client' && spec.address === undefined) {
      const tuple = { localAddress: from, localPort: spec.port, remoteAddress: to, remotePort: spec.to };
      this.#recorder.segment('out', tuple, segment, this.net.now, { remark: spec.remark[this.language], forged: true });
    }
    const frame = segmentFrame(from, to, segment);
    this.link.send(frame, spec.from === 'client' ? 'forward' : 'back');
  }
}

function number(n: Seq | number): Seq {
  return typeof n === 'number' ? seq(n) : n;
}
