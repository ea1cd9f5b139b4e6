import { AccEcn } from './accecn.ts';
import { noteLimit } from './chrono.ts';
import { type Undo, undo } from './loss/undo.ts';
import { type MtuProbing, mtuProbing } from './mtu-probe.ts';
import type { Tcb } from './tcb.ts';

/** What a connection can do without, and whoever makes an `Environment` may leave out. */
export interface Extensions {
  /** `tcp_ecn` 3 to 5; without, they mean 1, 2 and 2. `ecn`: the bits with which the peer's SYN, or SYN,ACK, arrived. */
  readonly accEcn?: (ecn: number) => AccEcn;
  /** `tcp_mtu_probing`; without, ICMP errors alone tell of a path's MTU. */
  readonly mtuProbing?: MtuProbing;
  /** Takes reductions of cwnd back that were for nothing: Eifel, D-SACKs, `tcp_frto`. Without, they stay. */
  readonly undo?: Undo;
  /** After each output pass, and at the end: for `tcp_info`, what sending waits for. */
  readonly noteLimit?: (tcb: Tcb, now: number) => void;
}

export const ALL_EXTENSIONS: Extensions = { accEcn: (ecn) => new AccEcn(ecn), mtuProbing, undo, noteLimit };
