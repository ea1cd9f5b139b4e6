import type { Segment } from '../wire/segment.ts';

/**
 * A frame in memory that belongs to a device: an IP packet, or on a device for `Ethernet` one of its frames, with its header. Incoming: valid only
 * during `FrameSink.receive`, unless `keep` says that it is the receiver's until `giveBack`. Outgoing: from `Device.allocate` until it is handed
 * back with `Device.transmit`.
 */
export class Frame {
  bytes: Uint8Array;
  /** Where the IP packet starts in `bytes`. */
  offset = 0;
  /** Length of the IP packet in bytes. The header of a super-segment of IPv4 beyond 65,535 says 0. */
  length = 0;
  /** One of CHECKSUM_*. */
  checksum = 0;
  /** 0, or the TCP text length of each wire segment but the last, of a frame that stands for several (TSO, GRO). */
  gsoSize = 0;
  /** Outgoing, as the device's `gather` gave it: text behind the headers that `bytes` does not have. It counts in `length`. */
  text: readonly Uint8Array[] | null = null;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Incoming, during `FrameSink.receive`: asks for its memory to stay as it is after that. False where the device needs it, as most do: copy. */
  keep(): boolean {
    return false;
  }

  /** Ends what `keep` began, once. */
  giveBack(): void {
    throw new Error('this frame was not kept');
  }
}

/** The transport checksum field is complete: a receiver verifies it; a sender has computed it. */
export const CHECKSUM_COMPLETE = 0;
/** Incoming only: already verified by the device; need not be verified again. */
export const CHECKSUM_VERIFIED = 1;
/**
 * The field holds the sum of the pseudo-header alone (not inverted); whoever needs it complete finishes it. Incoming: local traffic whose
 * checksum was never computed, to be taken as good. Outgoing: only to a device with `offload.checksum`.
 */
export const CHECKSUM_PARTIAL = 2;

/** What a device does for the stack. */
export interface Offload {
  /** Accepts CHECKSUM_PARTIAL frames. */
  readonly checksum: boolean;
  /** Largest IP packet with `gsoSize` > 0 that it accepts, in bytes; 0 where it segments nothing. */
  readonly maxGso: number;
  /** The same for IPv4, where that is more: beyond 65,535 the header says that the packet has no length (Linux's `gso_ipv4_max_size`, "BIG TCP"). */
  readonly maxGsoIpv4?: number;
}

/** Who receives what a device reads. Device and sink never throw at each other for a frame's content. */
export interface FrameSink {
  /** One frame. `now`: µs, when it arrived (one reading may serve a batch read at once). */
  receive(frame: Frame, now: number): void;
  /** The end of a batch: now is the time to send what was held back (RFC 9293 §3.10.7.4, MUST-58 and MUST-59). */
  flush(now: number): void;
}

/** A link that carries IP packets. Devices wrap devices: capture, faults, software segmentation. */
export interface Device {
  readonly name: string;
  /** Largest IP packet on the wire, in bytes. */
  readonly mtu: number;
  readonly offload: Offload;
  /** Frames given in a row without finding the queue empty: how far behind the receiver is. Undefined where the device does not know. */
  readonly behind?: number;
  /** Names the receiver and starts reading. Once. */
  attach(sink: FrameSink): void;
  /**
   * Where the device takes the text of this super-segment from where it lies, that text, for `Frame.text`; null where it wants it in the frame. Who looks
   * at what it passes on has no such method.
   */
  gather?(segment: Segment): readonly Uint8Array[] | null;
  /** A frame for an IP packet of up to `length` bytes: the caller fills `bytes` from `offset` on, sets the other fields, and
   *  hands it to `transmit` of the same device, or to `release`. */
  allocate(length: number): Frame;
  /** Sends, and takes the frame back. Returns false where nothing of it left (a full queue): TCP tries again, and does not take it for lost on the way. */
  transmit(frame: Frame): boolean;
  /** Gives an allocated frame back unsent. */
  release(frame: Frame): void;
  /** Stops reading and frees what it holds. Further frames are dropped. */
  close(): void;
}
