/** The answer to a SYN without a TCB says and keeps what a TCB in LISTEN does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linux, type TcpConfig } from '../../src/tcp/config.ts';
import { Counters } from '../../src/tcp/counters.ts';
import { emitSegment } from '../../src/tcp/emit.ts';
import type { Environment } from '../../src/tcp/environment.ts';
import { openPassive } from '../../src/tcp/events/open.ts';
import { segmentArrives } from '../../src/tcp/events/segment-arrives.ts';
import { ALL_EXTENSIONS } from '../../src/tcp/extensions.ts';
import { freezeHalfOpen } from '../../src/tcp/half-open.ts';
import { takeSynOptions } from '../../src/tcp/options.ts';
import { startSending } from '../../src/tcp/output.ts';
import { freebsd, rfc9293 } from '../../src/tcp/profiles.ts';
import { startReceiving } from '../../src/tcp/receive.ts';
import { ConnectionRequest } from '../../src/tcp/request.ts';
import { SYN_RECEIVED } from '../../src/tcp/state.ts';
import { SynCookies } from '../../src/tcp/syn-cookie.ts';
import { Tcb } from '../../src/tcp/tcb.ts';
import type { FourTuple } from '../../src/tcp/trace.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { ACK, AE, CWR, ECE, Segment, SYN } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';
import { buildTcp } from '../../src/wire/tcp.ts';

const ISS = seq(0x12345678);
const TS_OFFSET = 0x0abcdef0;
const cookies = new SynCookies(Uint8Array.from({ length: 32 }, (_, i) => i));

const TUPLES: Record<4 | 6, FourTuple> = {
  4: {
    localAddress: IpAddress.parse('10.0.0.2')!,
    localPort: 80,
    remoteAddress: IpAddress.parse('10.0.0.1')!,
    remotePort: 4000,
  },
  6: {
    localAddress: IpAddress.parse('fd00::2')!,
    localPort: 80,
    remoteAddress: IpAddress.parse('fd00::1')!,
    remotePort: 4000,
  },
};

/** The octets of a segment. */
function wire(segment: Segment): Uint8Array {
  const bytes = new Uint8Array(200);
  return bytes.slice(0, buildTcp(segment, bytes, 0));
}

/** An environment, and the octets of what was emitted last. */
function environment(config: TcpConfig): Environment & { last: Uint8Array | null } {
  return {
    config,
    extensions: ALL_EXTENSIONS,
    counters: new Counters(),
    trace: null,
    last: null,
    emit(_tcb, segment) {
      this.last = wire(segment);
      return true;
    },
    initialSequence: () => ISS,
    timestampOffset: () => TS_OFFSET,
    challengeAck: () => true,
    memory: { allocate: (size) => new Uint8Array(size) },
  };
}

const word = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const maybe = <T>(some: fc.Arbitrary<T>, none: T) => fc.oneof(some, fc.constant(none));

const syns = fc
  .record({
    seq: word.map((n) => seq(n)),
    flags: fc.subarray([AE, CWR, ECE]).map((flags) => flags.reduce((sum, flag) => sum | flag, SYN)),
    wnd: fc.nat(0xffff),
    mss: maybe(fc.nat(0xffff), -1),
    windowScale: maybe(fc.nat(255), -1),
    sackPermitted: fc.boolean(),
    hasTimestamps: fc.boolean(),
    tsVal: word,
    userTimeout: maybe(fc.nat(1_000_000), -1),
    ecn: fc.nat(3),
    payloadLength: fc.constantFrom(0, 0, 10),
  })
  .map((fields) => {
    const segment = Object.assign(new Segment(), fields);
    segment.bytes = new Uint8Array(10);
    return segment;
  });

const configs = fc
  .tuple(
    fc.constantFrom(linux, freebsd, rfc9293),
    fc.record(
      {
        tcp_ecn: fc.constantFrom<TcpConfig['tcp_ecn'][]>(0, 1, 2, 3, 4, 5),
        tcp_sack: fc.boolean(),
        tcp_timestamps: fc.boolean(),
        tcp_window_scaling: fc.boolean(),
        windowScale: fc.integer({ min: -1, max: 14 }),
        receiveBuffer: fc.oneof(fc.constant(0), fc.nat(3000), fc.nat(4_000_000)),
        maxMss: fc.constantFrom(-1, 0, 1000),
        userTimeoutOption: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([base, change]): TcpConfig => ({ ...base, ...change }));

const cases = fc.record({
  config: configs,
  tuple: fc.constantFrom(TUPLES[4], TUPLES[6]),
  syn: syns,
  pathMss: fc.integer({ min: 48, max: 9000 }),
  rcvMss: fc.integer({ min: 48, max: 9000 }),
  now: fc.nat(2 ** 40),
});

function newTcb(env: Environment, tuple: FourTuple, pathMss: number, rcvMss: number, now: number): Tcb {
  const tcb = new Tcb(env, tuple);
  tcb.pathMss = pathMss;
  tcb.rcvMss = rcvMss;
  openPassive(tcb, now);
  return tcb;
}

describe('a ConnectionRequest', () => {
  // One for all, as in a stack: what the SYN before left in it must not show.
  const one = new ConnectionRequest(environment(linux), TUPLES[4]);

  it('answers a SYN as a TCB in LISTEN does, octet by octet, and keeps the same', () => {
    fc.assert(
      fc.property(cases, ({ config, tuple, syn, pathMss, rcvMss, now }) => {
        const env = environment(config);
        const tcb = newTcb(env, tuple, pathMss, rcvMss, now);
        expect(segmentArrives(tcb, syn, now)).toBeNull();
        expect(tcb.state).toBe(SYN_RECEIVED);

        one.config = config;
        one.begin(tuple, syn, pathMss, rcvMss, now);
        one.iss = ISS;
        if (one.timestamps) one.tsOffset = TS_OFFSET;
        const reply = new Segment();
        one.answer(reply, now);
        expect(wire(reply)).toEqual(env.last);
        const record = freezeHalfOpen(tcb, false);
        // Without timestamps there is nothing to offset.
        if (!record.timestamps) record.tsOffset = 0;
        expect(freezeHalfOpen(one, false)).toEqual(record);
      }),
      { numRuns: 2000 },
    );
  });

  it('answers by a cookie as a TCB would that is limited to what a cookie holds', () => {
    fc.assert(
      fc.property(cases, ({ config, tuple, syn, pathMss, rcvMss, now }) => {
        const env = environment(config);
        const tcb = newTcb(env, tuple, pathMss, rcvMss, now);
        startReceiving(tcb, syn.seq);
        takeSynOptions(tcb, syn, now);
        startSending(tcb, cookies.sequence(tcb, now));
        tcb.tsOffset = TS_OFFSET;
        cookies.limit(tcb, now);
        emitSegment(tcb, SYN | ACK, tcb.iss, 0, 0, now);

        one.config = config;
        one.begin(tuple, syn, pathMss, rcvMss, now);
        one.iss = cookies.sequence(one, now);
        if (one.timestamps) one.tsOffset = TS_OFFSET;
        cookies.limit(one, now);
        const reply = new Segment();
        one.answer(reply, now);
        expect(wire(reply)).toEqual(env.last);
      }),
      { numRuns: 2000 },
    );
  });
});
