import { linux, type TcpConfig } from '../../../../src/tcp/config.ts';
import { ALL_CONGESTION } from '../../../../src/tcp/congestion/algorithms.ts';
import { Counters } from '../../../../src/tcp/counters.ts';
import { ALL_EXTENSIONS } from '../../../../src/tcp/extensions.ts';
import { Tcb } from '../../../../src/tcp/tcb.ts';
import { IpAddress } from '../../../../src/wire/address.ts';
import { seq } from '../../../../src/wire/seq.ts';

export const MSS = 1000;

/** A TCB that is spoken to by nobody but the test: MSS 1000, a round trip of 100 ms. */
export function bareTcb(config: Partial<TcpConfig> = {}): Tcb {
  const env = {
    config: { ...linux, ...config },
    counters: new Counters(),
    congestion: ALL_CONGESTION,
    extensions: ALL_EXTENSIONS,
    trace: null,
    emit: () => {},
    initialSequence: () => seq(0),
    timestampOffset: () => 0,
    challengeAck: () => true,
    memory: { allocate: (size: number) => new Uint8Array(size) },
  };
  const tcb = new Tcb(env, {
    localAddress: IpAddress.of('192.0.2.1'),
    localPort: 40_000,
    remoteAddress: IpAddress.of('192.0.2.2'),
    remotePort: 80,
  });
  tcb.sndMss = MSS;
  tcb.srtt = 100_000;
  return tcb;
}
