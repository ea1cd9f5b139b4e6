import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Device } from '../link/device.ts';
import { Shard } from '../link/shard.ts';
import type { Host } from '../stack/host.ts';

/**
 * The place of one thread among those that share an interface, to be sent to it. A thread closes its stack before it is terminated: a watched
 * descriptor that becomes readable in a thread that is being torn down takes the process with it (koffi 3).
 */
export interface Seat {
  readonly index: number;
  readonly count: number;
  /** To each of the others; null for itself. */
  readonly channels: readonly (MessagePort | null)[];
}

/** What one stack sends another. */
type Passed = readonly [packet: Uint8Array, checksum: number, gsoSize: number];

/** Seats for `count` threads, each with a way to every other. */
export function makeSeats(count: number): Seat[] {
  const channels: (MessagePort | null)[][] = Array.from({ length: count }, () => new Array(count).fill(null));
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const { port1, port2 } = new MessageChannel();
      channels[i]![j] = port1;
      channels[j]![i] = port2;
    }
  }
  return channels.map((row, index) => ({ index, count, channels: row }));
}

/** The message ports of a seat: the transfer list of the message, or the `transferList` of the `Worker`, that brings it. */
export function transferOf(seat: Seat): MessagePort[] {
  return seat.channels.filter((port) => port !== null);
}

/** The device of the thread that has this seat: what is for a connection of another goes there. `ports`: of all of them together. */
export function takeSeat(device: Device, seat: Seat, ports: readonly [number, number], host: Host): Shard {
  const { index, count, channels } = seat;
  const pass = (to: number, packet: Uint8Array, checksum: number, gsoSize: number) => {
    const copy = packet.slice();
    const passed: Passed = [copy, checksum, gsoSize];
    channels[to]!.postMessage(passed, [copy.buffer]);
  };
  const shard = new Shard(device, { index, count, ports, pass });
  for (const port of transferOf(seat)) {
    port.on('message', ([packet, checksum, gsoSize]: Passed) => shard.take(packet, checksum, gsoSize, host.now()));
    // The device keeps the thread alive, and nothing else.
    port.unref();
  }
  return shard;
}
