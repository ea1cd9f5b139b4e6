import { ACK_SOON } from '../tcp/ack-policy.ts';
import { congestionNames } from '../tcp/congestion/algorithms.ts';
import { setCongestion } from '../tcp/congestion/window.ts';
import * as core from '../tcp/connection.ts';
import { fixedHeaders } from '../tcp/mss.ts';
import * as notices from '../tcp/notices.ts';
import { pathMtuChanged } from '../tcp/path-mtu.ts';
import type { View } from '../tcp/receive-buffer.ts';
import { isWritable, sendRoom } from '../tcp/send-room.ts';
import { CLOSED, STATE_NAMES, type State, SYN_SENT, TIME_WAIT } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { IpAddress } from '../wire/address.ts';
import type { Engine } from './engine.ts';
import type { Listener } from './listener.ts';
import type { Port } from './port.ts';
import { partOf, type SocketEvents, type TcpSocket } from './socket.ts';
import type { TcpInfo } from './tcp-info.ts';
import { checkTcpOptions, type TcpOptions } from './tcp-options.ts';

const NO_EVENTS: SocketEvents = {};
const EVERYTHING = Number.MAX_SAFE_INTEGER;

// Facts about a connection.
const DIRTY = 1 << 0;
const HEARD = 1 << 1;
const ORPHAN = 1 << 2;
/** `onReadable` was called, and `receive` has not returned null since. */
const READABLE_TOLD = 1 << 3;
/** `onClose` was called. */
const OVER = 1 << 4;
/** `shutdown` was called in SYN-SENT. */
const SHUTDOWN_LATER = 1 << 5;
/** SO_LINGER with 0. */
const CLOSE_RESETS = 1 << 6;

/** A connection of a stack: the TCB, what the stack keeps beside it, and the application's end of it. */
export class Connection implements TcpSocket {
  events: SocketEvents = NO_EVENTS;
  /** Its TCB; while it is dormant, the number of its record. */
  #tcb: Tcb | number;
  readonly port: Port;
  readonly #engine: Engine;

  /** Number of its timer; −1 when the stack no longer knows the connection. For the engine. */
  timer = -1;
  /** Where it was opened by a peer and nobody has accepted it yet. For the listener. */
  listener: Listener | null = null;
  /** Bytes in its buffers, as counted for all. For the engine. */
  held = 0;
  /** It was accepted by Fast Open, and its handshake goes on. For the engine. */
  fastOpenAt: Listener | null = null;

  /** Facts about it, a bit or two each: there may be very many that are idle. */
  #facts = 0;

  constructor(engine: Engine, tcb: Tcb, port: Port) {
    this.#engine = engine;
    this.#tcb = tcb;
    this.port = port;
    tcb.owner = this;
    const { maxGso, maxGsoIpv4 = maxGso } = port.device.offload;
    tcb.gsoMax = tcb.localAddress.family === 4 ? maxGsoIpv4 : maxGso;
  }

  #is(fact: number): boolean {
    return (this.#facts & fact) !== 0;
  }

  #note(fact: number, holds: boolean): void {
    this.#facts = holds ? this.#facts | fact : this.#facts & ~fact;
  }

  /** It waits for the output pass of the batch, or to deliver notices. For the engine. */
  get dirty(): boolean {
    return this.#is(DIRTY);
  }
  set dirty(holds: boolean) {
    this.#note(DIRTY, holds);
  }
  get heard(): boolean {
    return this.#is(HEARD);
  }
  set heard(holds: boolean) {
    this.#note(HEARD, holds);
  }

  /** It counts as one that no application holds. For the engine. */
  get orphan(): boolean {
    return this.#is(ORPHAN);
  }
  set orphan(holds: boolean) {
    this.#note(ORPHAN, holds);
  }

  /** Its TCB, to work with: a dormant connection wakes. */
  get tcb(): Tcb {
    return typeof this.#tcb === 'number' ? this.#wake(this.#tcb) : this.#tcb;
  }

  /** Its TCB, to read: a dormant connection stays so, and this one is not to be kept. */
  look(): Tcb {
    return typeof this.#tcb === 'number' ? this.#engine.dormant!.look(this.#tcb) : this.#tcb;
  }

  get isDormant(): boolean {
    return typeof this.#tcb === 'number';
  }

  #wake(record: number): Tcb {
    const tcb = this.#engine.dormant!.wake(record);
    tcb.owner = this;
    this.#tcb = tcb;
    this.#engine.dormancy!.touch(this.timer);
    return tcb;
  }

  /** Where nothing goes on it becomes dormant. For `Dormancy`. */
  rest(): void {
    if (typeof this.#tcb === 'number' || this.dirty || this.heard) return;
    const record = this.#engine.dormant!.keep(this.#tcb);
    if (record >= 0) this.#tcb = record;
  }

  get localAddress(): IpAddress {
    return typeof this.#tcb === 'number' ? this.#engine.dormant!.localAddress(this.#tcb) : this.#tcb.localAddress;
  }

  get localPort(): number {
    return typeof this.#tcb === 'number' ? this.#engine.dormant!.localPort(this.#tcb) : this.#tcb.localPort;
  }

  get remoteAddress(): IpAddress {
    return typeof this.#tcb === 'number' ? this.#engine.dormant!.remoteAddress(this.#tcb) : this.#tcb.remoteAddress;
  }

  get remotePort(): number {
    return typeof this.#tcb === 'number' ? this.#engine.dormant!.remotePort(this.#tcb) : this.#tcb.remotePort;
  }

  /** TIME-WAIT is not this object's any more but the stack's: it lasts as long as the stack remembers it. */
  get state(): State {
    if (typeof this.#tcb === 'number') return this.#engine.dormant!.state(this.#tcb);
    const { state } = this.#tcb;
    return state === TIME_WAIT && !this.#engine.timeWait.has(this.#tcb) ? CLOSED : state;
  }

  send(bytes: Uint8Array, copy = true): number {
    if (this.#is(SHUTDOWN_LATER)) return -1;
    this.#engine.hold(this);
    const taken = core.send(this.tcb, bytes, copy, this.#engine.now());
    this.#engine.settle(this);
    return taken;
  }

  sendUrgent(bytes: Uint8Array, copy = true): number {
    this.#engine.hold(this);
    const taken = core.sendUrgent(this.tcb, bytes, copy, this.#engine.now());
    this.#engine.settle(this);
    return taken;
  }

  receive<T extends Uint8Array>(max = EVERYTHING, as?: View<T>): T | null {
    if (this.readable === 0) {
      this.#note(READABLE_TOLD, false);
      return null;
    }
    const { tcb } = this;
    const owed = tcb.ackOwed;
    this.#engine.hold(this);
    const bytes = core.receive(tcb, max, this.#engine.now(), as);
    if (tcb.ackOwed === owed && owed !== ACK_SOON) this.#engine.lighten(this);
    else this.#engine.settle(this);
    return bytes;
  }

  consume(take: (bytes: Uint8Array) => void): number {
    this.#note(READABLE_TOLD, false);
    if (this.readable === 0) return 0;
    this.#engine.hold(this);
    try {
      return core.consume(this.tcb, take, this.#engine.now());
    } finally {
      this.#engine.settle(this);
    }
  }

  receiveInto(target: Uint8Array): number {
    if (this.readable === 0) {
      this.#note(READABLE_TOLD, false);
      return 0;
    }
    this.#engine.hold(this);
    const length = core.receiveInto(this.tcb, target, this.#engine.now());
    this.#engine.settle(this);
    return length;
  }

  get ended(): boolean {
    return core.atEnd(this.look());
  }

  /** While the connection opens, the FIN waits for it: §3.10.4 would give up the attempt, which is what `close` is for. */
  shutdown(): void {
    if (this.tcb.state === SYN_SENT) {
      this.#note(SHUTDOWN_LATER, true);
      return;
    }
    this.#engine.hold(this);
    core.close(this.tcb, this.#engine.now());
    this.#engine.settle(this);
  }

  close(): void {
    if (this.#is(CLOSE_RESETS)) {
      this.abort();
      return;
    }
    this.#engine.hold(this);
    core.release(this.tcb, this.#engine.now());
    this.#engine.orphaned(this);
    this.#engine.settle(this);
  }

  abort(): void {
    if (this.timer < 0) return;
    core.abort(this.tcb, this.#engine.now());
    this.#engine.settle(this);
  }

  setNoDelay(on: boolean): void {
    const { tcb } = this;
    tcb.noDelay = on;
    // As with Linux: what is queued goes now, even past a cork.
    const { cork } = tcb;
    if (on) tcb.cork = false;
    this.#push(on);
    tcb.cork = cork;
  }

  setCork(on: boolean): void {
    this.tcb.cork = on;
    this.#push(!on);
  }

  setKeepAlive(on: boolean, time?: number, interval?: number, probes?: number): void {
    const { tcb } = this;
    if (time !== undefined) tcb.keepAliveTime = time;
    if (interval !== undefined) tcb.keepAliveInterval = interval;
    if (probes !== undefined) tcb.keepAliveProbes = probes;
    if (this.timer < 0) return;
    core.setKeepAlive(tcb, on, this.#engine.now());
    this.#engine.settle(this);
  }

  setUserTimeout(time: number): void {
    core.setUserTimeout(this.tcb, time, this.#engine.now());
  }

  setDscp(dscp: number): void {
    if (!Number.isInteger(dscp) || dscp < 0 || dscp > 63) throw new RangeError(`${dscp} is no DS field: 0 … 63`);
    this.tcb.dscp = dscp;
  }

  setTtl(ttl: number): void {
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > 255) throw new RangeError(`${ttl} is no TTL: 1 … 255`);
    this.tcb.ttl = ttl;
  }

  setOptions(options: TcpOptions): void {
    checkTcpOptions(options, congestionNames(this.#engine.congestion));
    const { tcb } = this;
    const { noDelay, cork, keepAlive, userTimeout, linger, maxSegment, congestionControl, ttl, dscp } = options;
    if (ttl !== undefined) tcb.ttl = ttl;
    if (dscp !== undefined) tcb.dscp = dscp;
    if (userTimeout !== undefined) tcb.userTimeout = userTimeout;
    if (linger !== undefined) this.#note(CLOSE_RESETS, linger === 0);
    if (congestionControl !== undefined) setCongestion(tcb, congestionControl);
    if (maxSegment !== undefined) {
      tcb.pathMss = Math.min(tcb.pathMss, maxSegment);
      tcb.sndMss = Math.min(tcb.sndMss, maxSegment);
    }
    if (options.notsentLowat !== undefined) {
      tcb.notsentLowat = options.notsentLowat || tcb.config.tcp_notsent_lowat;
    }
    tcb.keepAliveTime = options.keepAliveTime ?? tcb.keepAliveTime;
    tcb.keepAliveInterval = options.keepAliveInterval ?? tcb.keepAliveInterval;
    tcb.keepAliveProbes = options.keepAliveProbes ?? tcb.keepAliveProbes;
    if (tcb.state === CLOSED && this.timer >= 0) {
      // Before the SYN: nothing is to be sent or timed yet.
      if (maxSegment !== undefined) tcb.rcvMss = Math.min(tcb.rcvMss, maxSegment);
      tcb.keepAlive = keepAlive ?? tcb.keepAlive;
      tcb.cork = cork ?? tcb.cork;
      tcb.noDelay = noDelay ?? tcb.noDelay;
      return;
    }
    if (keepAlive !== undefined || (tcb.keepAlive && options.keepAliveTime !== undefined)) {
      this.setKeepAlive(keepAlive ?? tcb.keepAlive);
    }
    if (cork !== undefined) this.setCork(cork);
    if (noDelay !== undefined) this.setNoDelay(noDelay);
  }

  info(): TcpInfo {
    const inspection = partOf(this.#engine.parts.inspection, 'inspection');
    return inspection.info(this.look(), STATE_NAMES[this.state], this.#engine.now());
  }

  get urgent(): number {
    return core.urgentLeft(this.look());
  }

  get unacknowledged(): number {
    return typeof this.#tcb === 'number' ? 0 : this.#tcb.sendBuffer.length;
  }

  get sendSpace(): number {
    return sendRoom(this.look());
  }

  get writable(): boolean {
    return isWritable(this.tcb);
  }

  get readable(): number {
    return typeof this.#tcb === 'number' ? 0 : this.#tcb.receiveBuffer.readable;
  }

  get bytesSent(): number {
    return this.look().bytesSent;
  }

  get bytesReceived(): number {
    return this.look().bytesReceived;
  }

  /**
   * Tells the application what came up, in the order of a connection's life. For the engine, which calls when nothing is half done. Each notice
   * is taken before it is told: a callback that throws keeps none of the others back.
   */
  deliver(): void {
    const { tcb } = this;
    if (this.#is(OVER)) {
      tcb.notices = 0;
      return;
    }
    if (take(tcb, notices.CONNECTED)) {
      if (this.#is(SHUTDOWN_LATER)) this.shutdown();
      this.events.onConnect?.();
    }
    if (take(tcb, notices.ADVICE) && tcb.softError !== null) this.events.onAdvice?.(tcb.softError);
    if (take(tcb, notices.URGENT)) this.events.onAdvice?.('urgent');
    if (take(tcb, notices.WRITABLE) && (tcb.notices & notices.OVER) === 0) this.events.onWritable?.();
    if (take(tcb, notices.READABLE) && !this.#is(READABLE_TOLD) && tcb.receiveBuffer.readable > 0) {
      this.#note(READABLE_TOLD, true);
      this.events.onReadable?.();
    }
    if (take(tcb, notices.ENDED) && tcb.failure === null) this.events.onEnd?.();
    if (take(tcb, notices.OVER)) {
      this.#note(OVER, true);
      this.events.onClose?.(tcb.failure);
    }
  }

  /** The route to the peer has changed. For the stack. */
  rerouted(): void {
    if (this.timer < 0) return;
    const now = this.#engine.now();
    const mss = this.#engine.pathMss(this.tcb, this.port);
    pathMtuChanged(this.tcb, mss + fixedHeaders(this.tcb.localAddress.family), now);
    core.output(this.tcb, now);
    this.settle();
  }

  /** After the TCB was changed past this object: timers and notices follow. */
  settle(): void {
    this.#engine.settle(this);
  }

  /** What Nagle or the cork held back may go now. */
  #push(now: boolean): void {
    if (!now || this.timer < 0) return;
    this.#engine.hold(this);
    core.output(this.tcb, this.#engine.now());
    this.#engine.settle(this);
  }
}

/** Whether there was such a notice; it is gone. */
function take(tcb: Tcb, notice: number): boolean {
  if ((tcb.notices & notice) === 0) return false;
  tcb.notices &= ~notice;
  return true;
}
