import { REASSEMBLY_TIME_EXCEEDED } from '../ip/icmp-output.ts';
import { Reassembly } from '../ip/reassembly.ts';
import { parseIp } from '../wire/ip.ts';
import { IpHeader } from '../wire/ip-header.ts';
import type { IcmpAnswers } from './icmp-answers.ts';
import type { IpCounters } from './ip-counters.ts';
import type { Port } from './port.ts';

/** Fragments that have arrived, until they are a packet. */
export class Fragments {
  readonly #reassembly = new Reassembly();
  readonly #counters: IpCounters;
  readonly #answers: IcmpAnswers | null;
  /** Where errors about datagrams that never became whole leave by. */
  #port: Port | null = null;
  readonly #header = new IpHeader();

  constructor(counters: IpCounters, answers: IcmpAnswers | null) {
    this.#counters = counters;
    this.#answers = answers;
  }

  /** The fragment at `bytes[offset …]`; returns the packet where it was the last that was missing. */
  accept(port: Port, bytes: Uint8Array, offset: number, length: number, now: number): Uint8Array | null {
    this.#port = port;
    const whole = this.#reassembly.accept(bytes, offset, length, now);
    if (whole !== null) this.#counters.ReasmOKs++;
    return whole;
  }

  next(): number {
    return this.#reassembly.nextDeadline;
  }

  expire(now: number): void {
    this.#reassembly.expire(now, (first) => {
      this.#counters.ReasmFails++;
      if (this.#port === null || parseIp(first, 0, first.length, this.#header) !== null) return;
      this.#answers?.report(this.#port, REASSEMBLY_TIME_EXCEEDED, this.#header, first, 0, now);
    });
  }
}
