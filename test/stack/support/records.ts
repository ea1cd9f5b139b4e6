import { portsWord } from '../../../src/stack/demux.ts';
import type { HalfOpenTable } from '../../../src/stack/half-open.ts';
import type { HalfOpenRecord } from '../../../src/tcp/half-open.ts';
import type { TimeWaitRecord } from '../../../src/tcp/time-wait.ts';
import type { FourTuple } from '../../../src/tcp/trace.ts';
import { IpAddress } from '../../../src/wire/address.ts';
import { seq } from '../../../src/wire/seq.ts';

/** The `n`-th of many connections to one port, 0 ≤ n. */
export const tuple = (n: number, six = false): FourTuple => ({
  localAddress: IpAddress.parse(six ? 'fd00::1' : '10.0.0.1')!,
  localPort: 80,
  remoteAddress: IpAddress.parse(six ? `fd00::${((n >> 16) + 2).toString(16)}` : `10.0.${n >> 16}.2`)!,
  remotePort: n & 0xffff,
});

/** Every field with a value that shows where it is cut short. */
export const halfOpenRecord = (retransmitAt: number, change: Partial<HalfOpenRecord> = {}): HalfOpenRecord => ({
  irs: seq(-5),
  iss: seq(0x7fffffff),
  sndWnd: 65_535,
  sndMss: 1460,
  sndWindScale: 14,
  sackOk: true,
  timestamps: true,
  tsRecent: -9,
  tsOffset: 3,
  ecn: 2,
  synEcn: 3,
  retries: 0,
  retransmitted: false,
  deferred: false,
  retransmitAt,
  lastInvalidAck: Number.NEGATIVE_INFINITY,
  ...change,
});

export const timeWaitRecord = (closeAt: number, change: Partial<TimeWaitRecord> = {}): TimeWaitRecord => ({
  sndNxt: seq(-5),
  rcvNxt: seq(7),
  rcvWnd: 65_535 << 5,
  rcvWindScale: 5,
  timestamps: true,
  tsRecent: -9,
  tsOffset: 3,
  closeAt,
  lastInvalidAck: Number.NEGATIVE_INFINITY,
  ...change,
});

/** The id of a four-tuple's record, or −1. */
export const find = (
  table: Pick<HalfOpenTable, 'findWords'>,
  { localAddress: l, remoteAddress: r, localPort, remotePort }: FourTuple,
): number =>
  table.findWords(l.family, l.w0, l.w1, l.w2, l.w3, r.w0, r.w1, r.w2, r.w3, portsWord(localPort, remotePort));
