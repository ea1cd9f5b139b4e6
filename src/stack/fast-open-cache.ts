import type { TcpConfig } from '../tcp/config.ts';
import { askFastOpen, type FastOpen, TFO_CLIENT, TFO_CLIENT_WITHOUT_COOKIE } from '../tcp/fast-open.ts';
import { DEFAULT_MSS_V4, DEFAULT_MSS_V6 } from '../tcp/mss.ts';
import type { IpAddress } from '../wire/address.ts';
import type { Segment } from '../wire/segment.ts';

interface Entry {
  cookie: Uint8Array | null;
  mss: number;
  /** SYNs in a row that seem to have been lost because of the option, and when the last one was. */
  lost: number;
  lostAt: number;
  /** Until then it is not asked: it took nothing and gave nothing. */
  refusedUntil: number;
}

type Settings = Pick<TcpConfig, 'tcp_fastopen' | 'tcp_fastopen_blackhole_timeout_sec' | 'fastOpenRefusal'>;

/** As many servers are remembered. */
const MOST = 4096;
/** A server that was not heard of yet may take as much as our own interface carries. */
const UNKNOWN_MSS = 0xffff;
const MINUTE = 60_000_000;
/** The pause after a black hole doubles so often at most. */
const MOST_DOUBLINGS = 6;

/**
 * What a client remembers of servers (RFC 7413 §4.1.3.1): the cookie and the MSS of each; where SYNs with the option vanish, to leave it out for a
 * while; and where whole connections do, to leave it out everywhere (`tcp_fastopen_blackhole_timeout_sec`).
 */
export class FastOpenCache {
  readonly #servers = new Map<string, Entry>();
  readonly #config: Settings;
  #holes = 0;
  #pausedUntil = 0;

  constructor(config: Settings) {
    this.#config = config;
  }

  /** What a SYN to there asks with; null: nothing. */
  ask(server: IpAddress, now: number): FastOpen | null {
    const bits = this.#config.tcp_fastopen;
    if ((bits & TFO_CLIENT) === 0 || now < this.#pausedUntil) return null;
    const entry = this.#servers.get(`${server}`);
    if (entry !== undefined && now < entry.refusedUntil) return null;
    // As Linux: after the second lost SYN two minutes, then twice as long each time.
    if (entry !== undefined && entry.lost > 1 && now - entry.lostAt < MINUTE * 2 ** entry.lost) return null;
    const without = (bits & TFO_CLIENT_WITHOUT_COOKIE) !== 0;
    return askFastOpen(entry?.cookie ?? null, entry?.mss ?? UNKNOWN_MSS, without);
  }

  /** A SYN,ACK answers a SYN that asked. `taken`: it took text of the SYN, or gave a cookie. `again`: the SYN had been sent again, without the option. */
  answered(server: IpAddress, synAck: Segment, taken: boolean, again: boolean, now: number): void {
    const key = `${server}`;
    const entry = this.#servers.get(key) ?? { cookie: null, mss: 0, lost: 0, lostAt: 0, refusedUntil: 0 };
    entry.mss = synAck.mss >= 0 ? synAck.mss : server.family === 4 ? DEFAULT_MSS_V4 : DEFAULT_MSS_V6;
    const asked = (this.#config.tcp_fastopen & TFO_CLIENT_WITHOUT_COOKIE) === 0;
    if (asked && synAck.fastOpenLength > 0) entry.cookie = synAck.fastOpenCookie.slice(0, synAck.fastOpenLength);
    if (!taken) entry.refusedUntil = now + this.#config.fastOpenRefusal;
    if (!taken && again) {
      entry.lost = Math.min(entry.lost + 1, MOST_DOUBLINGS);
      entry.lostAt = now;
    } else entry.lost = 0;
    // The one that was used longest ago makes room.
    this.#servers.delete(key);
    this.#servers.set(key, entry);
    if (this.#servers.size > MOST) this.#servers.delete(this.#servers.keys().next().value!);
  }

  /** A connection that used it hears nothing any more. */
  blackHole(now: number): void {
    const pause = this.#config.tcp_fastopen_blackhole_timeout_sec;
    if (pause > 0) this.#pausedUntil = now + pause * 2 ** Math.min(this.#holes++, MOST_DOUBLINGS);
  }

  /** Nothing is remembered any more. */
  clear(): void {
    this.#servers.clear();
    this.#holes = 0;
    this.#pausedUntil = 0;
  }

  /** One that used it ended well. */
  healthy(): void {
    this.#holes = 0;
  }
}
