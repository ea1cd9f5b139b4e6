import { describeFault, type Fault, type PacketFault } from './faults.ts';
import { shrink } from './shrink.ts';

/** How far a packet may have moved in its link when faults before it were left out. */
const MOVED = 12;

/**
 * The least of a run's faults with which it still fails. Where several are left, one may do on its own on another packet: those left out made others
 * come before it.
 */
export async function shrinkFaults(
  faults: readonly Fault[],
  fails: (faults: readonly Fault[]) => boolean | Promise<boolean>,
  tries?: number,
): Promise<readonly Fault[]> {
  const least = await shrink(faults, fails, { group, ...(tries !== undefined && { tries }) });
  if (least.length < 2) return least;
  for (const fault of least) {
    if (!isPacketFault(fault) || fault.kind === 'late' || fault.kind === 'copy late') continue;
    for (let by = 0; by <= MOVED; by++) {
      for (const packet of by === 0 ? [fault.packet] : [fault.packet - by, fault.packet + by]) {
        const alone = [{ ...fault, packet }];
        if (packet >= 0 && (await fails(alone))) return alone;
      }
    }
  }
  return least;
}

function isPacketFault(fault: Fault): fault is PacketFault {
  return 'packet' in fault;
}

function group(fault: Fault): string {
  return isPacketFault(fault) ? `${fault.kind} ${fault.link} ${fault.way}` : describeFault(fault);
}
