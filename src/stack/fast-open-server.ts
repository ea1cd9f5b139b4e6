import {
  type FastOpen,
  FastOpenCookies,
  parseFastOpenKey,
  TFO_ALL_LISTENERS,
  TFO_SERVER,
  TFO_SERVER_WITHOUT_COOKIE,
} from '../tcp/fast-open.ts';
import type { FourTuple } from '../tcp/trace.ts';
import type { Segment } from '../wire/segment.ts';
import type { Engine } from './engine.ts';
import type { Listener } from './listener.ts';

/** What SYNs with the Fast Open option get from our listeners (RFC 7413 §4.1.2, §4.2.2). */
export class FastOpenServer {
  readonly #engine: Engine;
  readonly #ownKey: Uint8Array;
  #sharedKey = '';
  #cookies: FastOpenCookies;

  /** `key`: 16 secret bytes. */
  constructor(engine: Engine, key: Uint8Array) {
    this.#engine = engine;
    this.#ownKey = key;
    this.#cookies = this.#keyed();
  }

  /** The key that machines share, where there is one; it may change (RFC 7413 §4.1.2). */
  #keyed(): FastOpenCookies {
    this.#sharedKey = this.#engine.config.tcp_fastopen_key;
    const key = this.#sharedKey === '' ? this.#ownKey : parseFastOpenKey(this.#sharedKey);
    if (key !== null) return new FastOpenCookies(key);
    throw new RangeError(
      `tcp_fastopen_key ${this.#sharedKey}: write four words, a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4, or nothing`,
    );
  }

  /** Null: nothing, and the SYN is as any other. */
  answer(listener: Listener, tuple: FourTuple, segment: Segment): FastOpen | null {
    const { config, counters } = this.#engine;
    const bits = config.tcp_fastopen;
    const most = listener.fastOpen > 0 || (bits & TFO_ALL_LISTENERS) === 0 ? listener.fastOpen : listener.backlog;
    if ((bits & TFO_SERVER) === 0 || most === 0) return null;
    if (config.tcp_fastopen_key !== this.#sharedKey) this.#cookies = this.#keyed();
    const answer = this.#cookies.answer(tuple, segment, (bits & TFO_SERVER_WITHOUT_COOKIE) !== 0);
    if (answer === null) return null;
    if (!answer.accepted) {
      if (segment.fastOpenLength === 0) counters.TCPFastOpenCookieReqd++;
      else counters.TCPFastOpenPassiveFail++;
      return answer;
    }
    // RFC 7413 §5.1: anybody who once had a cookie can fill memory so.
    if (listener.fastOpenPending >= most) {
      counters.TCPFastOpenListenOverflow++;
      return null;
    }
    counters.TCPFastOpenPassive++;
    return answer;
  }
}
