import type { Segment } from '../wire/segment.ts';
import { repeatLost } from './loss/repeat.ts';
import { SipHash } from './siphash.ts';
import type { Tcb } from './tcb.ts';
import type { FourTuple } from './trace.ts';

/**
 * TCP Fast Open (RFC 7413): text on the SYN, from a client that shows by a cookie that it has been at its address before. What of it is a connection's
 * is here, and the server's cookies; the client's are in the stack, which has them for all its connections.
 */

/** Bits of `tcp_fastopen`, Linux's. */
export const TFO_CLIENT = 1;
export const TFO_SERVER = 2;
/** A client sends text without having a cookie; a server takes it; every listener does. */
export const TFO_CLIENT_WITHOUT_COOKIE = 4;
export const TFO_SERVER_WITHOUT_COOKIE = 0x200;
export const TFO_ALL_LISTENERS = 0x400;

/** Of the bytes that options may take of a SYN: as Linux, all. */
const OPTIONS = 40;
const NO_COOKIE = new Uint8Array(0);

/** What Fast Open adds to a connection that uses it. */
export class FastOpen {
  /** On our next SYN: empty to ask for one. On a SYN,ACK: the client's from now on. Null: no option. A SYN sent again has none. */
  cookie: Uint8Array | null;
  /** As a server: the SYN's cookie was ours. The connection is the application's already, and text may flow, before the handshake is done. */
  readonly accepted: boolean;
  /** … and it has taken it: till then the opening is nobody's, and an ICMP error may end it. */
  inHand = false;
  /** As a client: text that the SYN may carry, bytes, before options; 0 none. */
  readonly mss: number;
  /** Text that our SYN carried, and whether the peer took it all with the SYN. */
  synText = 0;
  taken = false;

  constructor(cookie: Uint8Array | null, accepted: boolean, mss: number) {
    this.cookie = cookie;
    this.accepted = accepted;
    this.mss = mss;
  }

  /** How much of `queued` bytes goes with the SYN. */
  textOfSyn(queued: number, pathMss: number): number {
    return Math.max(0, Math.min(queued, Math.min(this.mss, pathMss) - OPTIONS));
  }

  /** Whether the text of our SYN ended `offset` bytes after its start. */
  endsAt(offset: number): boolean {
    return this.synText > 0 && offset === this.synText;
  }

  /** Our SYN is acknowledged: what of its text is not is lost, and goes again as it was (§4.2.1). That is no congestion. */
  settle(tcb: Tcb): void {
    const { scoreboard, env } = tcb;
    if (this.synText === 0) return;
    if (tcb.sndUna === tcb.sndNxt) {
      this.taken = true;
      env.counters.TCPFastOpenActive++;
      return;
    }
    env.counters.TCPFastOpenActiveFail++;
    for (let i = 0; i < scoreboard.count; i++) scoreboard.markLost(scoreboard.at(i));
    repeatLost(tcb);
  }
}

/** A server's cookies (§4.1.2): a keyed hash of both addresses, nothing kept. The same as Linux's by the same key. */
export class FastOpenCookies {
  static readonly LENGTH = 8;
  private readonly hash: SipHash;

  /** `key`: 16 secret bytes. */
  constructor(key: Uint8Array) {
    this.hash = new SipHash(key);
  }

  /** The cookie of a client: 8 bytes. */
  of({ localAddress: l, remoteAddress: r }: FourTuple): Uint8Array {
    const words = l.family === 4 ? [r.w3, l.w3] : [r.w0, r.w1, r.w2, r.w3, l.w0, l.w1, l.w2, l.w3];
    const low = this.hash.hash(words.map(swap));
    const view = new DataView(new ArrayBuffer(FastOpenCookies.LENGTH));
    view.setInt32(0, low, true);
    view.setInt32(4, this.hash.high, true);
    return new Uint8Array(view.buffer);
  }

  /** What a SYN with the option gets; null where it has none. `without`: a cookie is not asked for. */
  answer(tuple: FourTuple, syn: Segment, without: boolean): FastOpen | null {
    if (without && syn.payloadLength > 0) return new FastOpen(null, true, 0);
    if (syn.fastOpenLength < 0) return null;
    const cookie = this.of(tuple);
    if (syn.fastOpenLength !== cookie.length) return new FastOpen(cookie, false, 0);
    let difference = 0;
    for (let i = 0; i < cookie.length; i++) difference |= cookie[i]! ^ syn.fastOpenCookie[i]!;
    return difference === 0 ? new FastOpen(null, true, 0) : new FastOpen(cookie, false, 0);
  }
}

/** Network order to SipHash's. */
function swap(word: number): number {
  return (word << 24) | ((word << 8) & 0xff0000) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** The 16 bytes of `tcp_fastopen_key`; null where it is not of that form. */
export function parseFastOpenKey(text: string): Uint8Array | null {
  if (!/^([0-9a-f]{8}-){3}[0-9a-f]{8}$/i.test(text)) return null;
  const view = new DataView(new ArrayBuffer(16));
  for (const [i, word] of text.split('-').entries()) view.setUint32(4 * i, Number.parseInt(word, 16), true);
  return new Uint8Array(view.buffer);
}

/** What a client's SYN asks with: a cookie it was given, or for one; `without`: with no option at all. */
export function askFastOpen(cookie: Uint8Array | null, mss: number, without: boolean): FastOpen {
  if (without) return new FastOpen(null, false, mss);
  return new FastOpen(cookie ?? NO_COOKIE, false, cookie === null ? 0 : mss);
}
