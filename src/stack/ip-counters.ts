import { DROP_REASONS, type DropReason } from '../wire/drop.ts';

/** Counters of the IP and ICMP layers, in the words of `nstat` where it has one. */
export class IpCounters {
  InReceives = 0;
  InDelivers = 0;
  /** Not for us, or from an address no host can have. */
  InAddrErrors = 0;
  InUnknownProtos = 0;
  InTruncatedPkts = 0;
  ReasmOKs = 0;
  ReasmFails = 0;
  IcmpInMsgs = 0;
  IcmpOutMsgs = 0;
  /** Packets that were none, by reason. */
  readonly drops: Record<DropReason, number> = Object.fromEntries(DROP_REASONS.map((r) => [r, 0])) as Record<
    DropReason,
    number
  >;

  drop(reason: DropReason): void {
    this.drops[reason]++;
  }
}
