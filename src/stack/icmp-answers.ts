import type { Addresses } from '../ip/addresses.ts';
import type { EchoRequest } from '../ip/icmp-input.ts';
import { IcmpLimit } from '../ip/icmp-limit.ts';
import { IcmpOutput, type IcmpProblem, MAX_ICMP_ERROR, unknownProtocol } from '../ip/icmp-output.ts';
import type { Frame } from '../link/device.ts';
import type { IpHeader } from '../wire/ip-header.ts';
import { HalfSipHash } from './half-siphash.ts';
import type { Host } from './host.ts';
import type { IpCounters } from './ip-counters.ts';
import type { Port } from './port.ts';

/** What ICMP has to say to those who send to us: echoes and errors, by the device that their packet came by. */
export class IcmpAnswers {
  readonly #icmp: IcmpOutput;
  readonly #counters: IpCounters;

  constructor(addresses: Addresses<Port>, counters: IpCounters, host: Host) {
    const key = new Uint8Array(8);
    host.random(key);
    this.#icmp = new IcmpOutput(addresses, new IcmpLimit(new HalfSipHash(key), host));
    this.#counters = counters;
  }

  /** `header` and `bytes`: the packet that the request came in. */
  echo({ device }: Port, header: IpHeader, bytes: Uint8Array, request: EchoRequest): void {
    const length = this.#icmp.echoReplyLength(header);
    // An answer that the way back cannot carry whole is not given: we do not fragment.
    if (length === 0 || length > device.mtu) return;
    const frame = device.allocate(length);
    frame.length = this.#icmp.echoReply(header, bytes, request, frame.bytes, frame.offset);
    this.#counters.IcmpOutMsgs++;
    device.transmit(frame);
  }

  /** An error about the packet in `header`, which is at `bytes[offset …]`. */
  report(port: Port, what: IcmpProblem, header: IpHeader, bytes: Uint8Array, offset: number, now: number): void {
    const frame = port.device.allocate(MAX_ICMP_ERROR);
    frame.length = this.#icmp.error(what, header, bytes, offset, frame.bytes, frame.offset, now);
    this.#send(port, frame);
  }

  /** Nobody here speaks its protocol. */
  unknown(port: Port, header: IpHeader, bytes: Uint8Array, offset: number, now: number): void {
    this.report(port, unknownProtocol(header, bytes, offset), header, bytes, offset, now);
  }

  /** `parseIp` found a problem that the sender must hear of. */
  parameterProblem(port: Port, header: IpHeader, bytes: Uint8Array, offset: number, length: number, now: number): void {
    const frame = port.device.allocate(MAX_ICMP_ERROR);
    frame.length = this.#icmp.parameterProblem(header, bytes, offset, length, frame.bytes, frame.offset, now);
    this.#send(port, frame);
  }

  #send({ device }: Port, frame: Frame): void {
    if (frame.length === 0 || frame.length > device.mtu) {
      device.release(frame);
      return;
    }
    this.#counters.IcmpOutMsgs++;
    device.transmit(frame);
  }
}
