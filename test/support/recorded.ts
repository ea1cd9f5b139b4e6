import { readFileSync } from 'node:fs';
import type { Sent } from '../../src/sim/scenarios/stage.ts';
import { copySegment } from '../../src/trace/recorder.ts';
import { readCapture } from '../../src/wire/capture.ts';
import { parseIp } from '../../src/wire/ip.ts';
import { IpHeader } from '../../src/wire/ip-header.ts';
import { Segment } from '../../src/wire/segment.ts';
import { parseTcp } from '../../src/wire/tcp.ts';

const SERVER = '10.77.0.2';
/** The way takes 20 ms; what arrives later than this is another copy. µs. */
const LONGEST_WAY = 50_000;

/**
 * What two Linux kernels sent each other, from a capture at each end: in order, and what never arrived at the other end marked as lost. All of a flood's
 * senders count as the client.
 */
export function recorded(name: string): Sent[] {
  const ends = { client: seenAt(name, 'client'), server: seenAt(name, 'server') };
  const sent: Sent[] = [];
  for (const [here, there] of [
    ['client', 'server'],
    ['server', 'client'],
  ] as const) {
    const arrived = ends[there].filter((s) => s.from === here);
    for (const one of ends[here].filter((s) => s.from === here)) {
      const at = arrived.findIndex((other) => isCopy(one, other));
      if (at < 0) one.lost = 'lost';
      else arrived.splice(at, 1);
      sent.push(one);
    }
  }
  return sent.sort((a, b) => a.time - b.time);
}

function isCopy(one: Sent, other: Sent): boolean {
  const way = other.time - one.time;
  const numbers = ({ port, to, segment: s }: Sent) => [port, to, s.flags, s.seq, s.ack, s.length].join();
  // Clocks of the two captures are the same machine's.
  return way > -5000 && way < LONGEST_WAY && numbers(one) === numbers(other);
}

function seenAt(name: string, end: 'client' | 'server'): Sent[] {
  const file = new URL(`../fixtures/kernel-captures/${name}.${end}.pcap`, import.meta.url);
  const { frames, error } = readCapture(readFileSync(file));
  if (error !== null) throw new Error(`${name}.${end}.pcap: ${error}`);
  const [ip, segment] = [new IpHeader(), new Segment()];
  return frames.flatMap(({ time, bytes, ipOffset }): Sent[] => {
    if (ipOffset < 0 || parseIp(bytes, ipOffset, bytes.length - ipOffset, ip) !== null) return [];
    if (parseTcp(bytes, ip.payloadOffset, ip.payloadLength, segment) !== null) return [];
    const from = `${ip.sourceAddress()}` === SERVER ? 'server' : 'client';
    const { sourcePort: port, destinationPort: to } = segment;
    return [{ time, from, segment: copySegment(segment), port, to, lost: null }];
  });
}
