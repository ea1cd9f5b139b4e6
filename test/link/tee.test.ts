import { describe, expect, it } from 'vitest';
import { Pair } from '../../src/link/pair.ts';
import { Tee } from '../../src/link/tee.ts';
import { collector, packetOf, send } from './support/packets.ts';

describe('Tee', () => {
  it('shows both directions with their times, then passes the frame on', () => {
    const pair = new Pair({ mtu: 1234, checksum: true, maxGso: 5000 });
    const seen: string[] = [];
    const [own, peer] = [collector(), collector()];
    const tee = new Tee(
      pair.a,
      (direction, frame, now) => seen.push(`${direction} ${packetOf(frame)} @${now} after ${own.packets.length}`),
      () => 77,
    );
    expect(tee).toMatchObject({ name: 'pair-a', mtu: 1234, offload: { checksum: true, maxGso: 5000 } });
    tee.attach(own);
    pair.b.attach(peer);
    expect(send(tee, [1, 2])).toBe(true);
    send(pair.b, [3]);
    pair.pump(100);
    expect(seen).toEqual(['out 1,2 @77 after 0', 'in 3 @100 after 0']);
    expect(own.packets).toEqual([Uint8Array.of(3)]);
    expect(own.flushes).toBe(1);
    expect(peer.packets).toEqual([Uint8Array.of(1, 2)]);
    tee.release(tee.allocate(10));
    expect(pair.outstanding).toBe(0);
    tee.close();
    expect(send(tee, [4])).toBe(false);
  });
});
