import type { IpAddress } from '../wire/address.ts';
import { ACK, type Segment, SYN } from '../wire/segment.ts';
import { add, type Seq, seq } from '../wire/seq.ts';
import type { AccEcn } from './accecn.ts';
import { receiveBufferSize, type TcpConfig } from './config.ts';
import { type EcnMode, NO_ECN } from './ecn-mode.ts';
import type { Environment } from './environment.ts';
import type { FastOpen } from './fast-open.ts';
import { synAckTimeout, synAckWindow } from './half-open.ts';
import { putSyn, type SynSide, takeSynOptions } from './options.ts';
import type { FourTuple } from './trace.ts';

/**
 * A SYN for a listener, and our answer: what a TCB in LISTEN would know of it, without the TCB, as anybody can send very many (RFC 9293 §3.10.7.2).
 * Its fields have the names and meanings that `Tcb`'s have, so that one code agrees on options and says so for both. One serves all SYNs of a stack: it
 * is used up when `answer` returns.
 */
export class ConnectionRequest implements SynSide, FourTuple {
  readonly env: Environment;
  config: TcpConfig;
  localAddress: IpAddress;
  localPort: number;
  remoteAddress: IpAddress;
  remotePort: number;

  irs: Seq = seq(0);
  iss: Seq = seq(0);
  sndWnd = 0;
  pathMss = 0;
  rcvMss = 0;
  peerMss = 0;
  sndMss = 0;
  peerSegment = 0;
  windowScaling = false;
  sndWindScale = 0;
  rcvWindScale = 0;
  sackOk = false;
  timestamps = false;
  tsOffset = 0;
  tsRecent = 0;
  tsRecentAge = 0;
  ecn: EcnMode = NO_ECN;
  ecnOffered: EcnMode = NO_ECN;
  accEcn: AccEcn | null = null;
  fastOpen: FastOpen | null = null;
  userTimeout = 0;
  readonly receiveBuffer = { capacity: 0 };
  retransmitAt = 0;

  // What nothing has happened to yet.
  readonly passive = true;
  readonly userTimeoutSet = false;
  readonly retries = 0;
  readonly synRetransmitted = false;
  readonly lastInvalidAck = Number.NEGATIVE_INFINITY;

  constructor(env: Environment, tuple: FourTuple) {
    this.env = env;
    this.config = env.config;
    this.localAddress = tuple.localAddress;
    this.localPort = tuple.localPort;
    this.remoteAddress = tuple.remoteAddress;
    this.remotePort = tuple.remotePort;
  }

  /** `segment` is a SYN for this tuple. `pathMss` and `rcvMss`: as of a TCB. */
  begin(tuple: FourTuple, segment: Segment, pathMss: number, rcvMss: number, now: number): void {
    this.localAddress = tuple.localAddress;
    this.localPort = tuple.localPort;
    this.remoteAddress = tuple.remoteAddress;
    this.remotePort = tuple.remotePort;
    this.pathMss = pathMss;
    this.rcvMss = rcvMss;
    this.irs = segment.seq;
    this.sndWnd = segment.wnd;
    this.accEcn = null;
    this.fastOpen = null;
    this.tsOffset = 0;
    this.tsRecent = 0;
    this.receiveBuffer.capacity = receiveBufferSize(this.config);
    takeSynOptions(this, segment, now);
  }

  /** Our ISS is chosen, and the timestamps' offset: `reply` becomes the SYN,ACK, which is due again if nothing is heard. */
  answer(reply: Segment, now: number): void {
    reply.clear();
    reply.sourcePort = this.localPort;
    reply.destinationPort = this.remotePort;
    reply.flags = SYN | ACK;
    reply.seq = this.iss;
    reply.ack = add(this.irs, 1);
    putSyn(this, reply, now);
    reply.wnd = synAckWindow(this);
    this.retransmitAt = now + synAckTimeout(this.config, 0);
  }
}
