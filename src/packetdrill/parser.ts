import { ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG } from '../wire/segment.ts';
import { Lexer } from './lexer.ts';
import { preprocess } from './preprocess.ts';
import type {
  Ecn,
  IcmpPacket,
  IpFields,
  Option,
  Script,
  ScriptEvent,
  TcpOption,
  TcpPacket,
  Value,
  When,
} from './script.ts';

export interface ParseOptions {
  /** Names that `#ifdef` knows. */
  readonly defined?: ReadonlySet<string>;
  /** What variables in `<FO NAME>` stand for. */
  readonly variables?: Readonly<Record<string, string>>;
}

const SECOND = 1_000_000;
const NUMBER = /-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?|\.\d+)/y;
const DECIMAL = /\d+(?:\.\d*)?|\.\d+/y;
const WORD = /[A-Za-z_]\w*/y;
const FLAGS: Readonly<Record<string, number>> = {
  F: FIN,
  S: SYN,
  R: RST,
  P: PSH,
  '.': ACK,
  U: URG,
  E: ECE,
  W: CWR,
  A: AE,
  '-': 0,
};

/** Reads a script. Throws a ScriptError, with its line, for what is none. */
export function parseScript(path: string, text: string, options: ParseOptions = {}): Script {
  return new Parser(path, preprocess(path, text, options.defined ?? new Set()), options.variables ?? {}).script();
}

class Parser {
  readonly #l: Lexer;
  readonly #path: string;
  readonly #variables: Readonly<Record<string, string>>;

  constructor(path: string, text: string, variables: Readonly<Record<string, string>>) {
    this.#l = new Lexer(path, text);
    this.#path = path;
    this.#variables = variables;
  }

  script(): Script {
    const options: Option[] = [];
    const events: ScriptEvent[] = [];
    const l = this.#l;
    while (!l.done) {
      if (l.peek('--')) options.push(this.#option());
      else events.push(this.#event());
    }
    return { path: this.#path, options, events };
  }

  #option(): Option {
    const found = this.#l.need(/--([\w-]+)(?:=("[^"\n]*"|[^\s]*))?/y, 'an option');
    return { name: found[1]!, value: (found[2] ?? '').replace(/^"(.*)"$/, '$1') };
  }

  #event(): ScriptEvent {
    const l = this.#l;
    const { line } = l;
    const { when, end } = this.#when();
    if (l.take('`')) return { kind: 'command', line, when, text: l.until('`') };
    if (l.take('%{')) return { kind: 'code', line, when, text: l.until('}%') };
    if (l.take('<')) return { kind: 'packet', line, when, direction: 'in', packet: this.#packet() };
    if (l.take('>')) return { kind: 'packet', line, when, direction: 'out', packet: this.#packet() };
    return this.#call(line, when, end);
  }

  /** `+1.5`, `0.2`, `*`, `1~2`, `+1~+2`; with `...END` behind it for a call that blocks. */
  #when(): { when: When | null; end: number | null } {
    const l = this.#l;
    if (l.take('*')) return { when: { kind: 'any' }, end: null };
    const start = this.#time();
    if (start === null) return { when: null, end: null };
    if (l.take('~')) {
      const to = this.#time() ?? l.fail('a time expected after "~"');
      const relative = start.relative;
      const when = { kind: 'between', relative, from: start.time, to: to.time } as const;
      return { when, end: null };
    }
    const when = { kind: start.relative ? 'after' : 'at', time: start.time } as const;
    const end = l.take('...') ? (this.#time() ?? l.fail('a time expected after "..."')).time : null;
    return { when, end };
  }

  #time(): { time: number; relative: boolean } | null {
    const l = this.#l;
    const { at } = l;
    const relative = l.take('+');
    const found = l.match(DECIMAL);
    if (found === null) {
      l.at = at;
      return null;
    }
    // The first dot of `0...1` belongs to the dots.
    let text = found[0];
    if (text.endsWith('.') && l.text.startsWith('..', l.at)) {
      l.at--;
      text = text.slice(0, -1);
    }
    return { time: Math.round(Number(text) * SECOND), relative };
  }

  // Packets.

  #packet(): TcpPacket | IcmpPacket {
    const l = this.#l;
    const ip = this.#ip();
    if (l.take('icmp')) return this.#icmp();
    if (l.peek('udp')) l.fail('UDP packets are not read');
    return this.#tcp(ip);
  }

  #ip(): IpFields {
    const l = this.#l;
    let fields: IpFields = {};
    const ecn = l.match(/\[(noecn|ect01|ect0|ect1|ce)\]/y);
    if (ecn !== null) fields = { ...fields, ecn: ecn[1] as Ecn };
    if (!l.take('(')) return fields;
    while (!l.take(')')) {
      const word = l.need(/(tos|class|ttl|hlim)/y, 'tos, class, ttl or hlim')[1]!;
      const value = this.#number();
      fields = word === 'tos' || word === 'class' ? { ...fields, tos: value } : { ...fields, ttl: value };
      l.take(',');
    }
    return fields;
  }

  #tcp(ip: IpFields): TcpPacket {
    const l = this.#l;
    // `F  .` is one word to the tool's own lexer.
    const letters = l.need(/[FSRPUEWA.-]+(?:[^\S\n]+\.(?!\.))?/y, 'TCP flags')[0].replace(/\s/g, '');
    let flags = 0;
    for (const letter of letters) flags |= FLAGS[letter]!;
    let seq: number | null = null;
    let length = 0;
    if (l.take('...')) length = Number(l.need(/\((\d+)\)/y, 'a length')[1]);
    else {
      const numbers = l.need(/(\d+)\s*:\s*(\d+)\s*\((\d+)\)/y, 'a:b(n)');
      seq = Number(numbers[1]);
      length = Number(numbers[3]);
      if ((Number(numbers[2]) - seq) >>> 0 !== length) l.fail(`${numbers[0]} does not add up`);
    }
    // `0:0(0)!`: as it is on the wire.
    const absolute = l.take('!');
    let ack: number | null = null;
    let win: number | null = null;
    let urg: number | null = null;
    for (;;) {
      if (l.take('ack')) ack = this.#number();
      else if (l.take('win')) win = this.#number();
      else if (l.take('urg')) urg = this.#number();
      else break;
    }
    const options = this.#tcpOptions();
    const encapsulated = l.match(/\/udp\([^)]*\)/y) !== null;
    return { type: 'tcp', ip, flags, seq, absolute, length, ack, win, urg, options, encapsulated };
  }

  #tcpOptions(): TcpOption[] | null {
    const l = this.#l;
    const options: TcpOption[] = [];
    // A `<` on the next line is the next packet.
    if (!/[^\S\n]*</y.test(l.text.slice(l.at, l.at + 80).replace(/^([^\S\n]*<).*/s, '$1'))) return options;
    if (!l.take('<')) return options;
    if (l.take('...')) {
      l.expect('>');
      return null;
    }
    while (!l.take('>')) {
      options.push(this.#tcpOption());
      l.take(',');
    }
    return options;
  }

  #tcpOption(): TcpOption {
    const l = this.#l;
    const word = l.need(WORD, 'a TCP option')[0];
    switch (word) {
      case 'nop':
      case 'eol':
      case 'sackOK':
        return { kind: word, text: word };
      case 'mss':
        return { kind: 'mss', value: this.#number() };
      case 'wscale':
        return { kind: 'wscale', value: this.#number() };
      case 'TS': {
        l.expect('val');
        const val = this.#numberOrAny();
        l.expect('ecr');
        return { kind: 'TS', val, ecr: this.#numberOrAny() };
      }
      case 'sack': {
        const blocks: [number, number][] = [];
        for (let found = l.match(/(\d+):(\d+)/y); found !== null; found = l.match(/(\d+):(\d+)/y)) {
          blocks.push([Number(found[1]), Number(found[2])]);
        }
        return { kind: 'sack', blocks };
      }
      case 'FO':
      case 'FOEXP': {
        // Hexadecimal digits, or a name that the runner was told.
        const found = l.match(/[A-Za-z0-9_]+/y)?.[0] ?? '';
        const known = this.#variables[found];
        return { kind: word, cookie: known ?? (/^[0-9a-fA-F]*$/.test(found) ? found : null) };
      }
      case 'md5':
        l.match(/\w+/y);
        return { kind: 'md5', text: 'md5' };
      default:
        return { kind: 'unknown', text: word };
    }
  }

  #icmp(): IcmpPacket {
    const l = this.#l;
    const message = l.need(WORD, 'an ICMP message')[0];
    let code = '';
    let mtu = 0;
    for (;;) {
      const word = l.match(/[A-Za-z_]\w*/y)?.[0];
      if (word === undefined) break;
      if (word === 'mtu') mtu = this.#number();
      else code = this.#variables[word] ?? word;
      if (/^\s*\n/.test(l.text.slice(l.at))) break;
    }
    if (l.take('mtu')) mtu = this.#number();
    const found = l.match(/\[(\d+):(\d+)\((\d+)\)\]/y);
    const quote = found === null ? null : { seq: Number(found[1]), length: Number(found[3]) };
    return { type: 'icmp', message, code, mtu, quote };
  }

  // Calls.

  #call(line: number, when: When | null, end: number | null): ScriptEvent {
    const l = this.#l;
    const name = l.need(WORD, 'a time, a packet, a call or a command')[0];
    const args = this.#arguments();
    l.expect('=');
    const result = l.take('?') ? null : this.#value();
    const errno = l.match(/E[A-Z0-9]+/y)?.[0] ?? null;
    // `(Operation now in progress)`, `(flags O_RDWR)`: for the reader.
    if (/[^\S\n]*\(/y.test(l.text.slice(l.at))) {
      l.expect('(');
      l.until(')');
    }
    return { kind: 'call', line, when, name, args, result, errno, end };
  }

  #arguments(): Value[] {
    const l = this.#l;
    const args: Value[] = [];
    l.expect('(');
    while (!l.take(')')) {
      args.push(this.#value());
      l.take(',');
    }
    return args;
  }

  #value(): Value {
    const l = this.#l;
    if (l.take('...')) return { kind: 'any' };
    if (l.take('[')) {
      const items: Value[] = [];
      while (!l.take(']')) {
        items.push(this.#value());
        l.take(',');
      }
      return { kind: 'list', items };
    }
    if (l.take('{')) return this.#struct();
    const string = l.match(/"([^"\n]*)"/y);
    if (string !== null) return { kind: 'string', value: string[1]! };
    const number = l.match(NUMBER);
    if (number !== null) return { kind: 'number', value: Number(number[0]) };
    const names = [l.need(WORD, 'a value')[0]];
    if (l.peek('(')) return { kind: 'call', name: names[0]!, args: this.#arguments() };
    while (l.take('|')) names.push(l.need(WORD, 'a name')[0]);
    return { kind: 'name', names };
  }

  /** `{fd=4, events=POLLOUT}`, `{msg_name(...)=..., msg_iov(2)=[{..., 100}]}`. */
  #struct(): Value {
    const l = this.#l;
    const fields: Record<string, Value> = {};
    for (let i = 0; !l.take('}'); i++) {
      const named = l.match(/([A-Za-z_]\w*)(?:\((?:\d+|\.\.\.)\))?\s*=/y);
      fields[named?.[1] ?? `${i}`] = this.#value();
      l.take(',');
    }
    return { kind: 'struct', fields };
  }

  #number(): number {
    return Number(this.#l.need(NUMBER, 'a number')[0]);
  }

  #numberOrAny(): number | null {
    return this.#l.take('...') ? null : this.#number();
  }
}
