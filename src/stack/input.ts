import type { Addresses } from '../ip/addresses.ts';
import { CHECKSUM_COMPLETE, type Frame } from '../link/device.ts';
import { parseIp } from '../wire/ip.ts';
import { IpHeader, TCP } from '../wire/ip-header.ts';
import { Segment } from '../wire/segment.ts';
import { parseTcp, verifyChecksum } from '../wire/tcp.ts';
import type { Engine } from './engine.ts';
import type { IpCounters } from './ip-counters.ts';
import type { Port } from './port.ts';

/** From frames to segments: IP's part of what arrives. Nothing that a frame holds throws here; what is dropped is counted by reason. */
export class Input {
  readonly #engine: Engine;
  readonly #addresses: Addresses<Port>;
  readonly #counters: IpCounters;
  // One of each serves all frames.
  readonly #header = new IpHeader();
  readonly #segment = new Segment();

  constructor(engine: Engine, addresses: Addresses<Port>, counters: IpCounters) {
    this.#engine = engine;
    this.#addresses = addresses;
    this.#counters = counters;
  }

  receive(port: Port, frame: Frame, now: number): void {
    this.#packet(port, frame.bytes, frame.offset, frame.length, frame.checksum, frame.gsoSize, now);
  }

  flush(now: number): void {
    this.#engine.flush(now);
  }

  #packet(
    port: Port,
    bytes: Uint8Array,
    offset: number,
    length: number,
    checksum: number,
    gsoSize: number,
    now: number,
  ): void {
    const header = this.#header;
    this.#counters.InReceives++;
    const reason = parseIp(bytes, offset, length, header);
    if (reason !== null) {
      this.#counters.drop(reason);
      return;
    }
    // RFC 1122 §3.2.1.3: silently discarded. TCP takes only what came from one host for one host (RFC 9293 MUST-57, MUST-63).
    if (!this.#addresses.isUnicastToUs(header)) {
      this.#counters.InAddrErrors++;
      return;
    }
    if (!this.#addresses.isUnicastSource(header)) {
      this.#counters.InAddrErrors++;
      return;
    }
    this.#counters.InDelivers++;
    if (header.protocol === TCP) this.#tcp(port, bytes, checksum, gsoSize, now);
  }

  #tcp(port: Port, bytes: Uint8Array, checksum: number, gsoSize: number, now: number): void {
    const header = this.#header;
    const { payloadOffset: start, payloadLength: length } = header;
    if (checksum === CHECKSUM_COMPLETE && !verifyChecksum(bytes, start, length, header.pseudoSum(TCP, length))) {
      this.#counters.drop('TCP checksum');
      this.#engine.counters.InErrs++;
      return;
    }
    const segment = this.#segment;
    const reason = parseTcp(bytes, start, length, segment);
    if (reason !== null) {
      this.#counters.drop(reason);
      this.#engine.counters.InErrs++;
      return;
    }
    segment.ecn = header.ecn;
    segment.gsoSize = gsoSize;
    this.#engine.segment(port, header, segment, now);
  }
}
