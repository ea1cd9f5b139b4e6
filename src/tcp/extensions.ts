import { AccEcn } from './accecn.ts';
import { type MtuProbing, mtuProbing } from './mtu-probe.ts';

/** What a connection can do without, and whoever makes an `Environment` may leave out. */
export interface Extensions {
  /** `tcp_ecn` 3 to 5; without, they mean 1, 2 and 2. `ecn`: the bits with which the peer's SYN, or SYN,ACK, arrived. */
  readonly accEcn?: (ecn: number) => AccEcn;
  /** `tcp_mtu_probing`; without, ICMP errors alone tell of a path's MTU. */
  readonly mtuProbing?: MtuProbing;
}

export const accEcn: Extensions = { accEcn: (ecn) => new AccEcn(ecn) };
export const mtuProbes: Extensions = { mtuProbing };

export const ALL_EXTENSIONS: Extensions = { ...accEcn, ...mtuProbes };
