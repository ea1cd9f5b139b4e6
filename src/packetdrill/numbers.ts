import type { IpAddress } from '../wire/address.ts';
import { Segment } from '../wire/segment.ts';
import { add, diff, type Seq, seq } from '../wire/seq.ts';

/**
 * The script counts from the ISNs: a SYN's numbers are as it writes them, all others relative to them. On the wire are those that were chosen. This
 * is the connection that a script is about now, its ports and addresses, and the way from one count to the other.
 */
export class Numbers {
  readonly localAddress: IpAddress;
  readonly remoteAddress: IpAddress;
  localPort: number;
  remotePort: number;
  /** ISNs on the wire, and as the script writes them: of the stack, and of the script's end. */
  #local: Seq = seq(0);
  #remote: Seq = seq(0);
  #localWritten = 0;
  #remoteWritten = 0;
  localKnown = false;
  remoteKnown = false;
  /** Timestamps that we sent, by how the script wrote them. */
  readonly timestamps = new Map<number, number>();

  constructor(localAddress: IpAddress, localPort: number, remoteAddress: IpAddress, remotePort: number) {
    this.localAddress = localAddress;
    this.localPort = localPort;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  /** Another connection. `isn`: the ISN of the script's end on the wire. */
  begin(localPort: number, remotePort: number, isn: Seq): void {
    this.localPort = localPort;
    this.remotePort = remotePort;
    this.#remote = isn;
    this.#remoteWritten = 0;
    this.#localWritten = 0;
    this.localKnown = false;
    this.remoteKnown = false;
    this.timestamps.clear();
  }

  /** A number of the stack's sequence space, from the script's. `syn`: it stands in a SYN. */
  local(script: number, syn: boolean): Seq {
    return add(this.#local, (syn ? script - this.#localWritten : script) | 0);
  }

  remote(script: number, syn: boolean): Seq {
    return add(this.#remote, (syn ? script - this.#remoteWritten : script) | 0);
  }

  /** The script's number for one of the stack's, 0 … 2^32 − 1. */
  fromLocal(wire: Seq, syn: boolean): number {
    return (diff(wire, this.#local) + (syn ? this.#localWritten : 0)) >>> 0;
  }

  fromRemote(wire: Seq, syn: boolean): number {
    return (diff(wire, this.#remote) + (syn ? this.#remoteWritten : 0)) >>> 0;
  }

  /** The stack's SYN: its number is the script's `script`. */
  learnLocal(wire: Seq, script: number): void {
    this.#local = wire;
    this.#localWritten = script;
    this.localKnown = true;
  }

  /** The first SYN of the script's end. */
  learnRemote(script: number): void {
    this.#remoteWritten = script;
    this.remoteKnown = true;
  }

  /** What our numbers, and those of the script's end, are shown less. */
  get bases(): readonly [Seq, Seq] {
    return [this.#local, this.#remote];
  }
}

/** A copy that outlives the packet it was parsed from. */
export function copySegment(from: Segment): Segment {
  const to = new Segment();
  Object.assign(to, { ...from, sack: undefined, fastOpenCookie: undefined });
  const target = to as { sack: Seq[]; fastOpenCookie: Uint8Array };
  target.sack = [...from.sack];
  target.fastOpenCookie = from.fastOpenCookie.slice();
  return to;
}
