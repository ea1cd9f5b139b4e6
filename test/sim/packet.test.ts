import { describe, expect, it } from 'vitest';
import {
  copyFrame,
  decrementHops,
  ecnOf,
  flipBit,
  markCe,
  rewrite,
  Sight,
  segmentFrame,
} from '../../src/sim/packet.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { parseIp } from '../../src/wire/ip.ts';
import { IpHeader, TCP } from '../../src/wire/ip-header.ts';
import { ACK, CE, ECT0, Segment } from '../../src/wire/segment.ts';
import { verifyChecksum } from '../../src/wire/tcp.ts';

function frame(family: 4 | 6, ecn = 0) {
  const [from, to] = family === 4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2'];
  const segment = new Segment();
  segment.flags = ACK;
  segment.ecn = ecn;
  segment.bytes = Uint8Array.of(1, 2, 3, 4, 5);
  segment.payloadLength = 5;
  return segmentFrame(IpAddress.of(from), IpAddress.of(to), segment);
}

/** Both checksums, as a receiver sees them. */
function isWhole({ bytes, offset, length }: ReturnType<typeof frame>): boolean {
  const ip = new IpHeader();
  if (parseIp(bytes, offset, length, ip) !== null) return false;
  return verifyChecksum(bytes, ip.payloadOffset, ip.payloadLength, ip.pseudoSum(TCP, ip.payloadLength));
}

describe.each([4, 6] as const)('packets of IPv%i', (family) => {
  it('are whole, and stay so when they are marked, forwarded and rewritten', () => {
    const f = frame(family, ECT0);
    expect(isWhole(f)).toBe(true);
    markCe(f);
    expect([ecnOf(f), isWhole(f)]).toEqual([CE, true]);
    expect([decrementHops(f), isWhole(f)]).toEqual([true, true]);
    const changed = rewrite(f, (s) => {
      s.sourcePort = 99;
    })!;
    expect([new Sight().look(changed).segment?.sourcePort, isWhole(changed)]).toEqual([99, true]);
  });

  it('are not made whole by who rewrites them', () => {
    for (let dice = 0; dice < 1; dice += 0.037) {
      const f = frame(family);
      flipBit(f, dice);
      expect(isWhole(f)).toBe(false);
      const changed = rewrite(f, () => {});
      expect(changed !== null && isWhole(changed)).toBe(false);
    }
  });

  it('die when their hops are used up', () => {
    const f = copyFrame(frame(family));
    let hops = 0;
    while (decrementHops(f)) hops++;
    expect(hops).toBe(63);
  });
});
