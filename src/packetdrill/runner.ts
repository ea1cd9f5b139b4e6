import type { Connection } from '../stack/connection.ts';
import { Stack } from '../stack/stack.ts';
import type { TcpConfig } from '../tcp/config.ts';
import { CLOSED, ESTABLISHED, LISTEN, STATE_NAMES } from '../tcp/state.ts';
import { IpAddress } from '../wire/address.ts';
import { describeSegment } from '../wire/describe.ts';
import { ACK, SYN } from '../wire/segment.ts';
import { seq, toUint32 } from '../wire/seq.ts';
import { ScriptClock } from './clock.ts';
import { CodeError, type Names, runCode } from './code.ts';
import { cut, differs, merge, readSent, type Sent, wireSegments } from './expect.ts';
import { buildIcmpPacket, buildTcpPacket } from './inject.ts';
import { routesIn } from './ip-route.ts';
import { Numbers } from './numbers.ts';
import type { CallEvent, CommandEvent, PacketEvent, Script, ScriptEvent, TcpPacket, Value, When } from './script.ts';
import { type Returned, Sockets, Unsupported } from './sockets.ts';
import { applySysctls } from './sysctl.ts';
import { tellState, tellTcpInfo } from './tcp-info.ts';
import { WireEnd } from './wire-end.ts';

export interface RunOptions {
  /** The profile: `PROFILES.linux`, `.freebsd`, or any configuration. */
  readonly config: TcpConfig;
  /** 4 or 6; a script's own `--ip_version` goes before. Default 4. */
  readonly family?: 4 | 6;
  /** Options in order with NOPs, windows by value, buffer sizes. False: what is protocol. */
  readonly exact: boolean;
  readonly seed?: number;
  /** By how much an event may be off, µs; a script's own `--tolerance_usecs` goes before. packetdrill's 4000 where not given. */
  readonly tolerance?: number;
}

export interface Outcome {
  readonly verdict: 'pass' | 'fail' | 'skip';
  /** Why not; the field that differs, with the script's line. '' where it passed. */
  readonly reason: string;
  readonly line: number;
  /** The segments so far, one a line, as `>` and `<`. */
  readonly ladder: readonly string[];
}

/** packetdrill's: an event may be off by 4 ms, or an eighth of the time since the one before. */
const TOLERANCE = 4000;
/** How long the runner waits, in virtual time, for a call that blocks, or for a segment at no certain time. */
const PATIENCE = 300_000_000;
const LOCAL_PORT = 8080;
const EPHEMERAL = 51_000;

class Failure extends Error {}

function refuse(message: string): never {
  throw new Failure(message);
}

/** Runs a script against a stack of its own, in virtual time: the same seed, the same outcome. */
export function runScript(script: Script, options: RunOptions): Outcome {
  let run: Run | null = null;
  try {
    if (script.events.length === 0) refuse('there is nothing to run in it');
    run = new Run(script, options);
    run.all();
    return { verdict: 'pass', reason: '', line: 0, ladder: run.ladder };
  } catch (error) {
    const known = error instanceof Failure || error instanceof CodeError || error instanceof Unsupported;
    if (!known) throw error;
    const verdict = error instanceof Unsupported ? 'skip' : 'fail';
    return { verdict, reason: error.message, line: run?.line ?? 0, ladder: run?.ladder ?? [] };
  }
}

interface Pending {
  readonly event: CallEvent;
  readonly deadline: number;
  attempt(): Returned | null;
}

class Run {
  readonly ladder: string[] = [];
  line = 0;
  readonly #script: Script;
  readonly #exact: boolean;
  readonly #config: TcpConfig;
  readonly #clock: ScriptClock;
  readonly #start: number;
  readonly #wire: WireEnd;
  readonly #stack: Stack;
  readonly #sockets: Sockets;
  readonly #numbers: Numbers;
  readonly #names: Names = new Map();
  readonly #tolerance: number;
  /** Whether a script's segment may be several of ours. */
  readonly #strictSegments: boolean;
  #pending: Pending | null = null;
  /** Script time of the event before, µs from the start. */
  #before = 0;
  #lastSeq = 0;
  #connection: Connection | null = null;
  /** A socket was made since the last connection began: the next SYN begins another. */
  #fresh = false;
  #nextPort = EPHEMERAL + 1;
  /** What was sent and no expectation has looked at yet. */
  readonly #unread: Sent[] = [];
  /** Super-segments are seen as they are; else as what a device without offload makes of them. */
  #offload = true;

  constructor(script: Script, { config, family = 4, exact, seed = 1, tolerance = TOLERANCE }: RunOptions) {
    this.#script = script;
    this.#exact = exact;
    this.#config = { ...config };
    this.#clock = new ScriptClock(seed);
    this.#start = this.#clock.time;
    const option = (name: string): string | undefined => script.options.find((o) => o.name === name)?.value;
    for (const name of ['udp_encapsulation', 'tcp_md5_secret']) {
      if (option(name) !== undefined) throw new Unsupported(`--${name}`);
    }
    const six = (option('ip_version') ?? (family === 6 ? 'ipv6' : 'ipv4')) === 'ipv6';
    const address = (name: string, other: string): IpAddress => {
      const text = option(name) ?? other;
      return IpAddress.parse(text) ?? refuse(`--${name}=${text} is no IP address`);
    };
    const number = (name: string, other: number): number => {
      const text = option(name);
      if (text === undefined) return other;
      // Of no number every comparison is false: any time would do.
      return /^\d+$/.test(text) ? Number(text) : refuse(`--${name}=${text} is no whole number`);
    };
    const local = address('local_ip', six ? 'fd3d:fa7b:d17d::1' : '192.168.0.1');
    const remote = address('remote_ip', six ? '2001:db8::1' : '192.0.2.1');
    this.#numbers = new Numbers(local, LOCAL_PORT, remote, EPHEMERAL);
    this.#tolerance = number('tolerance_usecs', tolerance);
    this.#strictSegments = option('strict_segments') !== undefined;
    this.#wire = new WireEnd(number('mtu', 1500), config.pushBursts, () => this.#clock.time);
    this.#stack = new Stack({ host: this.#clock, config: this.#config, loopback: false });
    this.#stack.addDevice(this.#wire, [{ address: local, prefixLength: six ? 64 : 16 }]);
    this.#stack.addRoute(IpAddress.of(six ? '::' : '0.0.0.0'), 0, this.#wire);
    this.#numbers.begin(LOCAL_PORT, EPHEMERAL, seq(this.#random()));
    this.#sockets = new Sockets({
      stack: this.#stack,
      clock: this.#clock,
      localAddress: local,
      localPort: LOCAL_PORT,
      remoteAddress: remote,
      remotePort: LOCAL_PORT,
      onConnection: (connection) => {
        this.#connection = connection;
        this.#numbers.begin(connection.localPort, LOCAL_PORT, seq(this.#random()));
        this.#fresh = false;
      },
    });
    for (const { name, value } of script.options) if (name === 'define') this.#names.set(value, 1);
  }

  all(): void {
    for (const event of this.#script.events) {
      this.line = event.line;
      this.#event(event);
    }
    this.#finish();
  }

  #random(): number {
    const bytes = new Uint8Array(4);
    this.#clock.random(bytes);
    return new DataView(bytes.buffer).getInt32(0);
  }

  #event(event: ScriptEvent): void {
    if (event.kind === 'packet' && event.direction === 'out') {
      this.#expect(event, event.packet as TcpPacket);
      return;
    }
    const { from, to } = this.#window(event.when);
    this.#goTo(from);
    if (event.when?.kind === 'any' || event.when?.kind === 'between') this.#before = this.#elapsed();
    else this.#before = from;
    if (this.#elapsed() > to + this.#allowed(to)) this.#fail(`too late: ${time(this.#elapsed())}, not ${time(to)}`);
    if (event.kind === 'packet') this.#inject(event);
    else if (event.kind === 'call') this.#call(event);
    else if (event.kind === 'command') this.#command(event);
    else this.#code(event.text);
    this.#poll();
  }

  /** When the event is to happen, µs from the start. */
  #window(when: When | null): { from: number; to: number } {
    if (when === null) return { from: this.#before, to: Number.POSITIVE_INFINITY };
    switch (when.kind) {
      case 'at':
        return { from: when.time, to: when.time };
      case 'after':
        return { from: this.#before + when.time, to: this.#before + when.time };
      case 'between': {
        const base = when.relative ? this.#before : 0;
        return { from: base + when.from, to: base + when.to };
      }
      case 'any':
        return { from: this.#elapsed(), to: Number.POSITIVE_INFINITY };
    }
  }

  #allowed(target: number): number {
    return Math.max(this.#tolerance, 0.125 * Math.max(0, target - this.#before));
  }

  #elapsed(): number {
    return this.#clock.time - this.#start;
  }

  /** Lets time pass until then; blocking calls end meanwhile. */
  #goTo(target: number): void {
    this.#clock.settle();
    while (this.#clock.step(this.#start + target)) this.#poll();
    this.#poll();
  }

  // Packets.

  #inject(event: PacketEvent): void {
    const { packet } = event;
    const numbers = this.#numbers;
    if (packet.type === 'icmp') {
      const bytes = buildIcmpPacket(packet, numbers, this.#lastSeq);
      this.ladder.push(`${time(this.#elapsed())} < icmp ${packet.message} ${packet.code}`);
      if (bytes !== null) this.#wire.deliver(bytes);
      this.#clock.settle();
      return;
    }
    if (packet.encapsulated) throw new Unsupported('TCP in UDP');
    for (const option of packet.options ?? []) {
      if (option.kind === 'md5' || option.kind === 'unknown') throw new Unsupported(`option ${option.text}`);
      if ((option.kind === 'FO' || option.kind === 'FOEXP') && option.cookie === null) {
        throw new Unsupported('a Fast Open cookie that depends on the peer');
      }
    }
    if (packet.flags & SYN) this.#takeSyn(packet);
    this.ladder.push(`${time(this.#elapsed())} < ${text(packet)}`);
    this.#wire.deliver(buildTcpPacket(packet, numbers));
    this.#clock.settle();
  }

  /** A SYN of the script's end: it may begin a connection. */
  #takeSyn(packet: TcpPacket): void {
    const numbers = this.#numbers;
    if ((packet.flags & ACK) === 0) {
      if (this.#fresh && numbers.remoteKnown) numbers.begin(LOCAL_PORT, this.#nextPort++, seq(this.#random()));
      this.#fresh = false;
      const lives = this.#stack
        .connections()
        .some((c) => c.remotePort === numbers.remotePort && c.state !== 'LISTEN' && c.state !== 'TIME-WAIT');
      // Reopened, it will have another ISN.
      if (!lives) numbers.localKnown = false;
    }
    if (!numbers.remoteKnown) numbers.learnRemote(packet.seq ?? 0);
  }

  #expect(event: PacketEvent, packet: TcpPacket): void {
    if ((event.packet as { type: string }).type === 'icmp') throw new Unsupported('ICMP sent');
    if (packet.encapsulated) throw new Unsupported('TCP in UDP');
    for (const option of packet.options ?? []) {
      if (option.kind === 'md5' || option.kind === 'unknown') throw new Unsupported(`option ${option.text}`);
      if ((option.kind === 'FO' || option.kind === 'FOEXP') && option.cookie === null) {
        throw new Unsupported('a Fast Open cookie that depends on the peer');
      }
    }
    const { from, to } = this.#window(event.when);
    const allowed = this.#allowed(to === Number.POSITIVE_INFINITY ? from : to);
    const limit = Math.min(to, from + PATIENCE) + allowed;
    let sent = this.#next(limit);
    if (sent === null) this.#fail(`expected > ${text(packet)}; nothing was sent by ${time(limit)}`);
    while (!this.#strictSegments && sent!.segment.payloadLength < packet.length) {
      const more = this.#next(limit);
      if (more === null) break;
      const merged = merge(sent!, more);
      if (merged === null) {
        this.#fail(`expected > ${text(packet)}: ${this.#show(sent!)} was followed by ${this.#show(more)}`);
      }
      sent = merged;
    }
    let actual = sent!;
    const { gsoSize, payloadLength } = actual.segment;
    if (
      !this.#exact &&
      gsoSize > 0 &&
      packet.length > 0 &&
      payloadLength > packet.length &&
      packet.length % gsoSize === 0
    ) {
      // How many segments the device is given at once is no matter of the protocol.
      const [first, rest] = cut(actual, packet.length);
      this.#unread.unshift(rest);
      actual = first;
    }
    this.#lastSeq = toUint32(actual.segment.seq);
    const difference = differs(packet, actual, this.#numbers, { exact: this.#exact });
    this.ladder.push(`${time(actual.time - this.#start)} > ${this.#show(actual)}`);
    if (difference !== null) this.#fail(`${difference}; expected > ${text(packet)}, sent ${this.#show(actual)}`);
    const at = actual.time - this.#start;
    if (at < from - allowed || at > to + allowed) {
      this.#fail(
        `time: expected at ${time(from)}${to === from ? '' : ` to ${time(to)}`}, sent at ${time(at)}: ${this.#show(actual)}`,
      );
    }
    const exactTime = event.when?.kind === 'at' || event.when?.kind === 'after';
    this.#before = exactTime ? from : at;
  }

  /** The next segment that the stack sent, or sends by `limit`; null where it sends none. */
  #next(limit: number): Sent | null {
    this.#clock.settle();
    for (;;) {
      const sent = this.#read();
      if (sent !== null) return sent;
      if (!this.#clock.step(this.#start + limit)) return null;
      this.#poll();
    }
  }

  /** The next segment that was sent, of the connection that the script is about. */
  #read(): Sent | null {
    const { localPort, remotePort } = this.#numbers;
    for (let packet = this.#wire.sent.shift(); packet !== undefined; packet = this.#wire.sent.shift()) {
      const sent = readSent(packet);
      if (typeof sent === 'string') this.#fail(`sent ${sent}`);
      this.#unread.push(...(this.#offload ? [sent as Sent] : wireSegments(sent as Sent)));
    }
    for (let sent = this.#unread.shift(); sent !== undefined; sent = this.#unread.shift()) {
      const { segment } = sent;
      if (segment.sourcePort === localPort && segment.destinationPort === remotePort) return sent;
    }
    return null;
  }

  #show({ segment }: Sent): string {
    const { bases, localKnown } = this.#numbers;
    return describeSegment(segment, localKnown ? bases[0] : segment.seq, bases[1]);
  }

  // Calls.

  #call(event: CallEvent): void {
    if (this.#pending !== null) this.#await(this.#pending.deadline);
    const attempt = this.#attempt(event);
    const base = event.when?.kind === 'after' ? this.#before - event.when.time : 0;
    const deadline = event.end === null ? this.#elapsed() + PATIENCE : base + event.end;
    this.#pending = { event, deadline, attempt };
    this.#poll();
    if (event.end !== null || this.#pending === null) return;
    // Not said to block: time passes for nobody else meanwhile.
    this.#await(deadline);
  }

  /** Time goes on until the call that blocks is done. */
  #await(deadline: number): void {
    while (this.#pending !== null && this.#clock.step(this.#start + deadline + this.#tolerance)) this.#poll();
    this.#poll();
    const left = this.#pending as Pending | null;
    if (left !== null) this.#fail(`${left.event.name} (line ${left.event.line}) does not return`);
  }

  /** Tries the call that is under way again. */
  #poll(): void {
    const pending = this.#pending;
    if (pending === null) return;
    this.#clock.settle();
    const returned = pending.attempt();
    if (returned === null) {
      if (this.#elapsed() > pending.deadline + this.#tolerance + PATIENCE)
        this.#fail(`${pending.event.name} does not return`);
      return;
    }
    this.#pending = null;
    this.#clock.settle();
    this.#check(pending.event, returned);
    if (pending.event.end === null) return;
    const late = Math.abs(this.#elapsed() - pending.deadline);
    if (late > Math.max(this.#tolerance, 0.125 * (pending.deadline - this.#before))) {
      this.#fail(
        `${pending.event.name} (line ${pending.event.line}) returned at ${time(this.#elapsed())}, not ${time(pending.deadline)}`,
      );
    }
  }

  #check(event: CallEvent, { result, errno = '' }: Returned): void {
    if (event.result === null) return;
    const expected = event.result.kind === 'number' ? event.result.value : null;
    if (expected !== null && expected !== result) {
      this.#fail(
        `${event.name}: expected ${expected}${event.errno === null ? '' : ` ${event.errno}`}, returned ${result} ${errno}`,
      );
    }
    if (result === -1 && event.errno !== null && alias(event.errno) !== errno) {
      this.#fail(`${event.name}: expected ${event.errno}, failed with ${errno}`);
    }
  }

  #attempt(event: CallEvent): () => Returned | null {
    const { name, args } = event;
    const sockets = this.#sockets;
    const fd = args[0]?.kind === 'number' ? args[0].value : -1;
    const number = (i: number): number => {
      const value = args[i];
      if (value?.kind !== 'number') throw new Unsupported(`${name} with no number in place ${i + 1}`);
      return value.value;
    };
    const words = (i: number): readonly string[] => {
      const value = args[i];
      return value?.kind === 'name' ? value.names : [];
    };
    const expected = event.result?.kind === 'number' ? event.result.value : 0;
    const done = { bytes: 0 };
    let tries = 0;
    switch (name) {
      case 'socket':
        if (!words(1).includes('SOCK_STREAM')) throw new Unsupported('a socket that is no TCP');
        return () => {
          this.#fresh = true;
          return sockets.socket(expected);
        };
      case 'bind':
        return () => sockets.bind(fd);
      case 'listen':
        return () => sockets.listen(fd, number(1));
      case 'accept':
        return () => this.#accepted(sockets.accept(fd, expected), expected);
      case 'connect':
        return () => sockets.connect(fd, tries++);
      case 'read':
        return () => sockets.read(fd, number(2), false);
      case 'recv':
      case 'recvfrom':
        return () => sockets.read(fd, number(2), words(3).includes('MSG_PEEK'));
      case 'write':
        return () => sockets.write(fd, number(2), false, true, done);
      case 'send':
      case 'sendto':
        if (words(4).includes('AF_UNSPEC')) return () => ({ result: -1, errno: 'EOPNOTSUPP' });
        return this.#sending(fd, number(2), words(3), name === 'sendto', done);
      case 'sendmsg':
        return this.#sending(fd, messageLength(args[1]), words(2), false, done);
      case 'poll':
        return this.#polling(args[0]!, number(2));
      case 'shutdown':
        return () => sockets.shutdown(fd, words(1)[0] ?? '');
      case 'close':
        return () => sockets.close(fd);
      case 'fcntl':
        return () => sockets.fcntl(fd, words(1)[0] ?? '', words(2));
      case 'setsockopt':
        return () => sockets.setOption(fd, words(2)[0] ?? '', args[3]!);
      case 'getsockopt':
        return () => this.#got(words(2)[0] ?? '', sockets.getOption(fd, words(2)[0] ?? ''), args[3]!);
      case 'ioctl':
        return () => this.#got(words(1)[0] ?? '', sockets.ioctl(fd, words(1)[0] ?? ''), args[2]!);
      default:
        throw new Unsupported(`${name}()`);
    }
  }

  #sending(
    fd: number,
    length: number,
    flags: readonly string[],
    addressed: boolean,
    done: { bytes: number },
  ): () => Returned | null {
    const sockets = this.#sockets;
    const waits = !flags.includes('MSG_DONTWAIT');
    const opens = (): boolean => {
      const { connection } = sockets.get(fd);
      return flags.includes('MSG_FASTOPEN') && (connection === null || connection.state < ESTABLISHED);
    };
    return () => {
      if (opens()) return sockets.fastOpen(fd, length, waits, done);
      const implied = addressed ? sockets.impliedConnect(fd, length) : null;
      return implied ?? sockets.write(fd, length, flags.includes('MSG_MORE'), waits, done);
    };
  }

  /** poll(2): `[{fd=3, events=POLLIN, revents=POLLIN}, …]`, what it says is what the script has. `timeout` in ms, −1 for ever. */
  #polling(list: Value, timeout: number): () => Returned | null {
    const items = list.kind === 'list' ? list.items : [];
    const until = timeout < 0 ? Number.POSITIVE_INFINITY : this.#elapsed() + timeout * 1000;
    return () => {
      let result = 0;
      const told = items.map((item) => {
        const fields = item.kind === 'struct' ? item.fields : {};
        const fd = fields['fd']?.kind === 'number' ? fields['fd'].value : -1;
        const asked = [...namesOf(fields['events']), 'POLLERR', 'POLLHUP'];
        const said = this.#sockets.ready(fd).filter((word) => asked.includes(word));
        if (said.length > 0) result++;
        return { said: said.sort().join('|'), expected: [...namesOf(fields['revents'])].sort().join('|') };
      });
      if (result === 0 && this.#elapsed() < until) return null;
      const wrong = told.find(({ said, expected }) => said !== expected);
      if (wrong !== undefined) this.#fail(`poll: revents: expected ${wrong.expected || 0}, is ${wrong.said || 0}`);
      return { result };
    };
  }

  #accepted(returned: Returned | null, fd: number): Returned | null {
    if (returned !== null && returned.result >= 0) this.#connection = this.#sockets.get(fd).connection;
    return returned;
  }

  /** What getsockopt wrote must be what stands in the script. */
  #got(option: string, returned: Returned, expected: Value): Returned {
    const value = expected.kind === 'list' ? expected.items[0] : expected;
    if (returned.result !== 0 || value === undefined || value.kind === 'any') return { result: returned.result };
    if (option === 'SO_ERROR') {
      const wanted = value.kind === 'name' ? value.names[0]! : '';
      if (wanted !== (returned.errno ?? '')) this.#fail(`SO_ERROR: expected ${wanted || 0}, is ${returned.errno || 0}`);
      return { result: 0 };
    }
    const buffer = option === 'SO_RCVBUF' || option === 'SO_SNDBUF';
    if (buffer && !this.#exact) return { result: 0 };
    if (value.kind === 'number' && value.value !== returned.out) {
      this.#fail(`${option}: expected ${value.value}, is ${returned.out}`);
    }
    return { result: 0 };
  }

  // The rest.

  #command({ text: command }: CommandEvent): void {
    applySysctls(command, this.#config);
    const count = /sockstat\b.*grep -c (\w+)\s*\|\s*grep (\d+)/.exec(command);
    if (count !== null) {
      const state = STATES_OF_SOCKSTAT[count[1]!] ?? count[1]!;
      const there = this.#stack.connections().filter((c) => c.state === state).length;
      if (!String(there).includes(count[2]!)) this.#fail(`sockstat: expected ${count[2]} in ${state}, found ${there}`);
    }
    if (/\btc qdisc\b/.test(command)) this.#wire.refuses = /\blimit 0\b/.test(command);
    if (/\bethtool\b.*\b(tso|gso) off/.test(command)) this.#offload = false;
    for (const route of routesIn(command)) this.#stack.addRoute(route.prefix, route.length, this.#wire, route.metrics);
    if (/tcpdrop\b.*TIME_WAIT/.test(command)) this.#stack.forgetTimeWait();
    if (/fastopen\.client_enable|tcp_metrics flush/.test(command)) this.#stack.forgetFastOpen();
    this.#clock.settle();
  }

  #code(code: string): void {
    const connection = this.#sockets.current ?? this.#connection;
    if (connection !== null) tellTcpInfo(connection.info(), connection.state, this.#names);
    else tellState(this.#sockets.listening ? LISTEN : CLOSED, this.#names);
    runCode(code, this.#names);
  }

  #finish(): void {
    if (this.#pending !== null) this.#await(Math.max(this.#pending.deadline, this.#elapsed()));
  }

  #fail(reason: string): never {
    throw new Failure(`line ${this.line}: ${reason}`);
  }
}

const STATES_OF_SOCKSTAT: Readonly<Record<string, string>> = {
  SYN_RCVD: 'SYN-RECEIVED',
  ...Object.fromEntries(STATE_NAMES.map((name) => [name.replaceAll('-', '_'), name])),
};

/** One error, two names. */
function alias(errno: string): string {
  return errno === 'EWOULDBLOCK' ? 'EAGAIN' : errno;
}

function namesOf(value: Value | undefined): readonly string[] {
  return value?.kind === 'name' ? value.names : [];
}

/** The bytes of `{msg_iov(2)=[{..., 100}, {..., 200}]}`. */
function messageLength(message: Value | undefined): number {
  const vectors = message?.kind === 'struct' ? message.fields['msg_iov'] : undefined;
  if (vectors?.kind !== 'list') throw new Unsupported('sendmsg without msg_iov');
  let length = 0;
  for (const item of vectors.items) {
    const fields = item.kind === 'struct' ? Object.values(item.fields) : [];
    const size = fields.at(-1);
    if (size?.kind === 'number') length += size.value;
  }
  return length;
}

function time(us: number): string {
  return `${(us / 1e6).toFixed(6)} s`;
}

function text(packet: TcpPacket): string {
  const flags = packet.flags === 0 ? '-' : letters(packet.flags);
  const numbers =
    packet.seq === null ? `...(${packet.length})` : `${packet.seq}:${packet.seq + packet.length}(${packet.length})`;
  const ack = packet.flags & ACK && packet.ack !== null ? ` ack ${packet.ack}` : '';
  return `${flags} ${numbers}${ack}${packet.win === null ? '' : ` win ${packet.win}`}`;
}

function letters(flags: number): string {
  return [...'FSRP.UEWA'].filter((_, i) => flags & (1 << i)).join('');
}
