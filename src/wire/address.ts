/**
 * IP addresses, v4 and v6, as four int32 words in network order. An IPv4 address is held in its mapped form
 * (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2), so that the four words alone are a key whatever the family; `family` tells them apart.
 */
export type Family = 4 | 6;

const MAPPED = 0xffff;

export class IpAddress {
  readonly family: Family;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;

  constructor(family: Family, w0: number, w1: number, w2: number, w3: number) {
    this.family = family;
    this.w0 = w0 | 0;
    this.w1 = w1 | 0;
    this.w2 = w2 | 0;
    this.w3 = w3 | 0;
  }

  /** An IPv4 address from its 32 bits. */
  static v4(bits: number): IpAddress {
    return new IpAddress(4, 0, 0, MAPPED, bits);
  }

  /** Reads 4 (family 4) or 16 (family 6) bytes at `offset`. The bytes must be there. */
  static read(family: Family, bytes: Uint8Array, offset: number): IpAddress {
    if (family === 4) return IpAddress.v4(word(bytes, offset));
    return new IpAddress(
      6,
      word(bytes, offset),
      word(bytes, offset + 4),
      word(bytes, offset + 8),
      word(bytes, offset + 12),
    );
  }

  /** Parses `192.0.2.1`, `2001:db8::1` or `::ffff:192.0.2.1` (family 6). `undefined` where the text is no address. */
  static parse(text: string): IpAddress | undefined {
    if (text.includes(':')) return parseV6(text);
    const bits = parseV4(text);
    return bits === undefined ? undefined : IpAddress.v4(bits);
  }

  /** As `parse`, for text the program itself wrote: throws a TypeError where it is no address. */
  static of(text: string): IpAddress {
    const address = IpAddress.parse(text);
    if (address === undefined) throw new TypeError(`not an IP address: ${text}`);
    return address;
  }

  /** Writes 4 or 16 bytes at `offset`. */
  write(bytes: Uint8Array, offset: number): void {
    if (this.family === 6) {
      put(bytes, offset, this.w0);
      put(bytes, offset + 4, this.w1);
      put(bytes, offset + 8, this.w2);
      put(bytes, offset + 12, this.w3);
    } else put(bytes, offset, this.w3);
  }

  equals(other: IpAddress): boolean {
    return (
      this.w3 === other.w3 &&
      this.w0 === other.w0 &&
      this.w1 === other.w1 &&
      this.w2 === other.w2 &&
      this.family === other.family
    );
  }

  get isUnspecified(): boolean {
    return this.w3 === 0 && this.w0 === 0 && this.w1 === 0 && (this.family === 4 || this.w2 === 0);
  }

  get isMulticast(): boolean {
    return this.family === 4 ? this.w3 >>> 28 === 0xe : this.w0 >>> 24 === 0xff;
  }

  /** 255.255.255.255. A subnet's own broadcast address is the interface's to know. */
  get isBroadcast(): boolean {
    return this.family === 4 && this.w3 === -1;
  }

  get isLoopback(): boolean {
    if (this.family === 4) return this.w3 >>> 24 === 127;
    return this.w0 === 0 && this.w1 === 0 && this.w2 === 0 && this.w3 === 1;
  }

  /** Canonical text (RFC 5952 for IPv6). */
  toString(): string {
    if (this.family === 4) return dotted(this.w3);
    if (this.w0 === 0 && this.w1 === 0 && this.w2 === MAPPED) return `::ffff:${dotted(this.w3)}`;
    return formatV6([this.w0, this.w1, this.w2, this.w3]);
  }

  /** In JSON, and in what Node's `console.log` shows of it (util.inspect.custom), an address is its text. */
  toJSON(): string {
    return this.toString();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

function word(b: Uint8Array, o: number): number {
  return (b[o]! << 24) | (b[o + 1]! << 16) | (b[o + 2]! << 8) | b[o + 3]!;
}

function put(b: Uint8Array, o: number, w: number): void {
  b[o] = w >>> 24;
  b[o + 1] = w >>> 16;
  b[o + 2] = w >>> 8;
  b[o + 3] = w;
}

function dotted(bits: number): string {
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

function parseV4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  let bits = 0;
  for (let i = 1; i <= 4; i++) {
    const part = match[i]!;
    // A leading zero is octal to some parsers and decimal to others: refused, as inet_pton(3) does.
    if (Number(part) > 255 || (part.length > 1 && part[0] === '0')) return undefined;
    bits = (bits << 8) | Number(part);
  }
  return bits;
}

function parseV6(text: string): IpAddress | undefined {
  let source = text;
  const lastColon = text.lastIndexOf(':');
  if (text.includes('.')) {
    const bits = parseV4(text.slice(lastColon + 1));
    if (bits === undefined) return undefined;
    source = `${text.slice(0, lastColon + 1)}${(bits >>> 16).toString(16)}:${(bits & MAPPED).toString(16)}`;
  }
  const halves = source.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!);
  const tail = halves.length === 2 ? groups(halves[1]!) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const words = [0, 2, 4, 6].map((i) => (all[i]! << 16) | all[i + 1]!);
  return new IpAddress(6, words[0]!, words[1]!, words[2]!, words[3]!);
}

function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const out: number[] = [];
  for (const group of text.split(':')) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    out.push(Number.parseInt(group, 16));
  }
  return out;
}

function formatV6(words: number[]): string {
  const parts = words.flatMap((w) => [w >>> 16, w & MAPPED]);
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && parts[i + n] === 0) n++;
    if (n > length) {
      start = i;
      length = n;
    }
  }
  const hex = (list: number[]) => list.map((p) => p.toString(16)).join(':');
  if (start < 0) return hex(parts);
  return `${hex(parts.slice(0, start))}::${hex(parts.slice(start + length))}`;
}
