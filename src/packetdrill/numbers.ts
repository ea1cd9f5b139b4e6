import type { IpAddress } from '../wire/address.ts';
import { Segment } from '../wire/segment.ts';
import { add, diff, type Seq, seq } from '../wire/seq.ts';

/**
 * The script counts from the ISNs that it writes (0, mostly), the wire from those that were chosen. This is the one connection of a script: its
 * ports and addresses, and the way from one count to the other.
 */
export class Numbers {
  readonly localAddress: IpAddress;
  readonly remoteAddress: IpAddress;
  localPort: number;
  remotePort: number;
  /** Wire number less script number, for what we (the stack) and the script send. */
  localBase: Seq = seq(0);
  remoteBase: Seq = seq(0);
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

  /** A number of the stack's sequence space, from the script's. */
  local(script: number): Seq {
    return add(this.localBase, script | 0);
  }

  remote(script: number): Seq {
    return add(this.remoteBase, script | 0);
  }

  /** The script's number for one of the stack's, 0 … 2^32 − 1. */
  fromLocal(wire: Seq): number {
    return diff(wire, this.localBase) >>> 0;
  }

  fromRemote(wire: Seq): number {
    return diff(wire, this.remoteBase) >>> 0;
  }

  /** The stack's SYN: its number is the script's `script`. */
  learnLocal(wire: Seq, script: number): void {
    this.localBase = add(wire, -script | 0);
    this.localKnown = true;
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
