import { abort, output, segmentArrives, timeout } from '../tcp/connection.ts';
import { openPassive } from '../tcp/events/open.ts';
import type { FastOpen } from '../tcp/fast-open.ts';
import { freezeHalfOpen, synAckTimeout, thawHalfOpen } from '../tcp/half-open.ts';
import type { Failure } from '../tcp/notices.ts';
import { ConnectionRequest } from '../tcp/request.ts';
import { CLOSED, LISTEN, SYN_RECEIVED } from '../tcp/state.ts';
import { COOKIE_LIFE, type SynCookies } from '../tcp/syn-cookie.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { FourTuple } from '../tcp/trace.ts';
import { ACK, RST, Segment, SYN } from '../wire/segment.ts';
import type { Seq } from '../wire/seq.ts';
import { portsWord } from './demux.ts';
import type { Engine } from './engine.ts';
import type { FastOpenServer } from './fast-open-server.ts';
import type { FloodGuard } from './flood-guard.ts';
import type { Listener } from './listener.ts';
import { transmitSegment } from './output.ts';
import type { Port } from './port.ts';
import type { Tables } from './tables.ts';

/** SYN,ACKs sent again in one wake-up, while segments wait: what a flood leaves is due all at once. And while we are behind. */
const DUE_AT_ONCE = 32;
const DUE_WHEN_BEHIND = 1;

/**
 * From a SYN for a listener to a connection. In between there is a record, or under a flood of SYNs nothing but a cookie; with each segment
 * a TCB is made of it, so that RFC 9293 §3.10.7's code is the same for all. The third segment of the handshake makes it a connection.
 */
export class PassiveOpens {
  readonly table: Tables['halfOpen'];
  readonly #engine: Engine;
  readonly #cookies: SynCookies | null;
  readonly #fastOpen: FastOpenServer | null;
  /** The devices that SYNs came by: records name them by number. */
  readonly #ports: Port[] = [];
  /** One serves all SYNs, and their answers. */
  #request: ConnectionRequest | null = null;
  readonly guard: FloodGuard | null;
  readonly #reply = new Segment();

  /** `key`: 48 secret bytes. */
  constructor(engine: Engine, table: Tables['halfOpen'], key: Uint8Array, guard: FloodGuard | null) {
    this.#engine = engine;
    this.table = table;
    this.#cookies = engine.parts.synCookies?.(key.subarray(0, 32)) ?? null;
    this.#fastOpen = engine.parts.fastOpen?.server(engine, key.subarray(32, 48)) ?? null;
    this.guard = guard;
  }

  /** A SYN for a listener, from nobody known. `reopens`: its four-tuple was in TIME-WAIT, and its ISS has to be beyond what was used. */
  open(listener: Listener, port: Port, tuple: FourTuple, segment: Segment, now: number, reopens: boolean): void {
    const { config, counters, trace } = this.#engine;
    const queueFull = listener.synQueue >= config.tcp_max_syn_backlog;
    const cookies = reopens ? null : this.#cookies;
    const forget =
      cookies !== null &&
      (queueFull ? config.tcp_syncookies > 0 && this.#admits(listener, port, tuple, now) : config.tcp_syncookies === 2);
    if (listener.full || (queueFull && !forget)) {
      trace?.segment('in', tuple, segment, now);
      trace?.drop(tuple, segment, listener.full ? 'accept queue full' : 'SYN queue full', now);
      if (!listener.full) {
        this.refused(listener, now);
        return;
      }
      counters.drops['accept queue full']++;
      counters.ListenOverflows++;
      counters.ListenDrops++;
      listener.overflows++;
      return;
    }
    if (forget) {
      this.#answerWithCookie(cookies, listener, port, tuple, segment, now);
      if (queueFull) {
        counters.TCPReqQFullDoCookies++;
        this.#engine.warnings?.add('SYN flood', listener.localPort, now);
      }
      return;
    }
    const fastOpen = this.#fastOpen?.answer(listener, tuple, segment) ?? null;
    if (fastOpen?.accepted) {
      this.#openAtOnce(listener, port, tuple, segment, fastOpen, now);
      return;
    }
    const request = this.#begin(port, tuple, segment, now);
    request.iss = this.#engine.initialSequence(tuple, now);
    if (request.timestamps) request.tsOffset = this.#engine.timestampOffset(tuple);
    request.fastOpen = fastOpen;
    counters.PassiveOpens++;
    trace?.state(tuple, LISTEN, SYN_RECEIVED, 'rcv SYN', now);
    this.#answer(listener, port, request, now);
    this.table.add(tuple, freezeHalfOpen(request, false), listener.number, this.#numberOf(port), now);
    listener.synQueue++;
  }

  /** Whether there is time to answer a SYN that finds its queue full. */
  #admits(listener: Listener, { device }: Port, tuple: FourTuple, now: number): boolean {
    return this.guard === null || this.guard.admits(listener, device, tuple, now);
  }

  /** A SYN that found the SYN queue full gets no answer. */
  refused(listener: Listener, now: number): void {
    const { counters } = this.#engine;
    counters.drops['SYN queue full']++;
    counters.TCPReqQFullDrop++;
    counters.ListenDrops++;
    listener.overflows++;
    this.#engine.warnings?.add('SYN flood', listener.localPort, now);
  }

  /** Nothing is kept: the SYN,ACK's numbers hold what there is to know (`syn-cookie.ts`). */
  #answerWithCookie(
    cookies: SynCookies,
    listener: Listener,
    port: Port,
    tuple: FourTuple,
    segment: Segment,
    now: number,
  ): void {
    listener.lastCookie = now;
    const request = this.#begin(port, tuple, segment, now);
    request.iss = cookies.sequence(request, now);
    // A flood is of SYNs without: no hash for those.
    if (request.timestamps) request.tsOffset = this.#engine.timestampOffset(tuple);
    cookies.limit(request, now);
    this.#engine.counters.SyncookiesSent++;
    this.#answer(listener, port, request, now);
  }

  /** What LISTEN does with a SYN, up to the choice of our ISS. */
  #begin(port: Port, tuple: FourTuple, segment: Segment, now: number): ConnectionRequest {
    const engine = this.#engine;
    engine.trace?.state(tuple, CLOSED, LISTEN, 'passive OPEN', now);
    engine.trace?.segment('in', tuple, segment, now);
    this.#request ??= new ConnectionRequest(engine, tuple);
    this.#request.begin(tuple, segment, engine.pathMss(tuple, port), engine.rcvMss(tuple, port), now);
    return this.#request;
  }

  #answer(listener: Listener, port: Port, request: ConnectionRequest, now: number): void {
    const { config, counters, trace } = this.#engine;
    const reply = this.#reply;
    request.answer(reply, now);
    counters.OutSegs++;
    const ttl = listener.ttl || config.ip_default_ttl;
    transmitSegment(port.device, request.localAddress, request.remoteAddress, reply, ttl, listener.dscp);
    trace?.segment('out', request, reply, now);
  }

  /** Fast Open: the text of the SYN counts, so that there is a connection. */
  #openAtOnce(
    listener: Listener,
    port: Port,
    tuple: FourTuple,
    segment: Segment,
    fastOpen: FastOpen,
    now: number,
  ): void {
    const tcb = listener.mark(this.#engine.newTcb(tuple, port));
    tcb.owner = port.owner;
    tcb.fastOpen = fastOpen;
    openPassive(tcb, now);
    this.#engine.trace?.segment('in', tcb, segment, now);
    segmentArrives(tcb, segment, now);
    this.#engine.opened(tcb, port, listener);
  }

  /** A segment for the half-open connection `id`. */
  segment(port: Port, family: 4 | 6, id: number, segment: Segment, now: number): void {
    const listener = this.#listener(family, id);
    const tcb = this.#thaw(family, id);
    tcb.owner = port.owner;
    this.#engine.trace?.segment('in', tcb, segment, now);
    // The ACK that would complete the handshake.
    if ((segment.flags & (ACK | RST | SYN)) === ACK && segment.ack === tcb.sndNxt) {
      if (listener.full) {
        if (this.#overflow(listener, tcb, segment, now)) this.#forget(family, id, listener);
        return;
      }
      const empty = segment.len === 0 && segment.seq === tcb.rcvNxt;
      if (empty && tcb.retries < listener.deferAccept) {
        this.#drop(tcb, segment, 'accept deferred', now);
        this.#engine.counters.TCPDeferAcceptDrop++;
        this.table.update(family, id, freezeHalfOpen(tcb, true), now);
        return;
      }
    }
    segmentArrives(tcb, segment, now);
    if (tcb.state === SYN_RECEIVED) {
      output(tcb, now);
      this.table.update(family, id, freezeHalfOpen(tcb, this.table.isDeferred(family, id)), now);
      return;
    }
    this.#forget(family, id, listener);
    if (tcb.state > LISTEN) this.#opened(tcb, port, listener, now);
  }

  /** An ACK for a listener, from nobody known. True where it brought a cookie back. */
  cookie(listener: Listener, port: Port, tuple: FourTuple, segment: Segment, now: number): boolean {
    const { config, counters, trace } = this.#engine;
    if ((segment.flags & (SYN | ACK | RST)) !== ACK || config.tcp_syncookies === 0 || this.#cookies === null)
      return false;
    if (config.tcp_syncookies !== 2 && now - listener.lastCookie > COOKIE_LIFE) return false;
    const rcvMss = this.#engine.rcvMss(tuple, port);
    const pathMss = this.#engine.pathMss(tuple, port);
    const tcb = this.#cookies.thaw(this.#engine, tuple, segment, rcvMss, pathMss, now);
    if (tcb === null) {
      counters.SyncookiesFailed++;
      return false;
    }
    counters.SyncookiesRecv++;
    listener.mark(tcb).owner = port.owner;
    trace?.segment('in', tuple, segment, now);
    if (listener.full) {
      this.#overflow(listener, tcb, segment, now);
      return true;
    }
    // The state that it would have been in, had it been kept.
    counters.PassiveOpens++;
    trace?.state(tcb, LISTEN, SYN_RECEIVED, 'rcv SYN cookie', now);
    segmentArrives(tcb, segment, now);
    if (tcb.state > SYN_RECEIVED) this.#opened(tcb, port, listener, now);
    return true;
  }

  #opened(tcb: Tcb, port: Port, listener: Listener, now: number): void {
    this.guard?.proven(tcb.remoteAddress, now);
    this.#engine.opened(tcb, port, listener);
  }

  /** A listener closes: what was being opened for it is forgotten, as with Linux; whoever goes on with it hears a RST (RFC 9293 §3.10.7.1). */
  abandon(listener: Listener): void {
    for (const { family, id } of [...this.table.entries()]) {
      if (this.table.listener(family, id) !== listener.number) continue;
      const tcb = this.#thaw(family, id);
      this.#forget(family, id, listener);
      this.#engine.trace?.state(tcb, SYN_RECEIVED, CLOSED, 'CLOSE', this.#engine.now());
    }
  }

  /**
   * An ICMP error about a SYN,ACK of ours: where its network or host cannot be reached nobody waits for the peer (Linux's `tcp_req_err`), and the
   * application, which has not heard of it, does not (RFC 9293 §3.9.2.2).
   */
  advised(tuple: FourTuple, sequence: Seq, failure: Failure): void {
    if (failure !== 'network unreachable' && failure !== 'host unreachable') return;
    const { localAddress: l, remoteAddress: r } = tuple;
    const ports = portsWord(tuple.localPort, tuple.remotePort);
    const id = this.table.findWords(l.family, l.w0, l.w1, l.w2, l.w3, r.w0, r.w1, r.w2, r.w3, ports);
    if (id < 0) return;
    const tcb = this.#thaw(l.family, id);
    if (tcb.iss !== sequence) return;
    this.#engine.counters.AttemptFails++;
    this.#engine.trace?.state(tcb, SYN_RECEIVED, CLOSED, 'ICMP error', this.#engine.now());
    this.#forget(l.family, id, this.#listener(l.family, id));
  }

  expire(now: number): void {
    const behind = this.guard !== null && this.#ports.some(({ device }) => this.guard!.isBehind(device));
    this.table.expire(now, this.#due, behind ? DUE_WHEN_BEHIND : DUE_AT_ONCE);
  }

  /** The SYN,ACK is due again, or given up. */
  #due = (family: 4 | 6, id: number): void => {
    const now = this.#engine.now();
    const { config } = this.#engine;
    const listener = this.#listener(family, id);
    const tcb = this.#thaw(family, id);
    const deferred = this.table.isDeferred(family, id);
    // While it waits for text, and until the last chance, it has its ACK: nothing is sent again (Linux's tcp_defer_accept).
    const patience = listener.deferAccept - 1;
    if (deferred && (tcb.retries < patience || (tcb.retries === patience && patience >= config.tcp_synack_retries))) {
      tcb.retries++;
      tcb.retransmitAt = now + synAckTimeout(config, tcb.retries);
      this.table.update(family, id, freezeHalfOpen(tcb, true), now);
      return;
    }
    timeout(tcb, now);
    if (tcb.state === SYN_RECEIVED) this.table.update(family, id, freezeHalfOpen(tcb, deferred), now);
    else this.#forget(family, id, listener);
  };

  /** Nobody accepts: as if the ACK had been lost, or a RST (`tcp_abort_on_overflow`): true. */
  #overflow(listener: Listener, tcb: Tcb, segment: Segment, now: number): boolean {
    const { counters, config } = this.#engine;
    listener.overflows++;
    counters.ListenOverflows++;
    counters.ListenDrops++;
    if (config.tcp_abort_on_overflow) {
      abort(tcb, now);
      return true;
    }
    this.#drop(tcb, segment, 'accept queue full', now);
    return false;
  }

  #drop(tcb: Tcb, segment: Segment, reason: 'accept queue full' | 'accept deferred', now: number): void {
    this.#engine.counters.drops[reason]++;
    this.#engine.trace?.drop(tcb, segment, reason, now);
  }

  #thaw(family: 4 | 6, id: number): Tcb {
    const engine = this.#engine;
    const tuple = this.table.tuple(family, id);
    const port = this.#ports[this.table.device(family, id)]!;
    const record = this.table.read(family, id, engine.timestampOffset(tuple));
    const tcb = thawHalfOpen(engine, tuple, record, engine.rcvMss(tuple, port), engine.pathMss(tuple, port));
    tcb.owner = port.owner;
    return this.#listener(family, id).mark(tcb);
  }

  #forget(family: 4 | 6, id: number, listener: Listener): void {
    this.table.remove(family, id);
    listener.synQueue--;
  }

  #listener(family: 4 | 6, id: number): Listener {
    return this.#engine.listeners.numbered(this.table.listener(family, id));
  }

  #numberOf(port: Port): number {
    const there = this.#ports.indexOf(port);
    return there >= 0 ? there : this.#ports.push(port) - 1;
  }
}
