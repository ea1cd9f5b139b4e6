import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena } from '../../src/node/arena.ts';
import type { Ffi } from '../../src/node/ffi.ts';
import { TunDevice } from '../../src/node/tun.ts';
import type { TcpSocket } from '../../src/stack/socket.ts';
import { Stack } from '../../src/stack/stack.ts';
import { linux } from '../../src/tcp/config.ts';
import { IpAddress } from '../../src/wire/address.ts';
import { Addresses } from '../support/addresses.ts';
import { VirtualTime } from '../support/virtual-host.ts';

const EAGAIN = 11;
/** The system calls of two devices, descriptors 1 and 2, each of which reads what the other wrote, as far as it is not lost or late. */
class Wire {
  readonly #queues: Uint8Array[][] = [[], [], []];
  readonly #watches: (() => void)[] = [];
  readonly #memory = new Addresses();
  readonly #fate: () => 'pass' | 'lose' | 'delay';
  #late: { fd: number; packet: Uint8Array } | null = null;

  constructor(fate: () => 'pass' | 'lose' | 'delay') {
    this.#fate = fate;
  }

  readonly ffi = {
    address: this.#memory.of,
    read: (fd: number, address: number, most: number) => {
      const packet = this.#queues[fd]!.shift();
      if (packet === undefined) return -1;
      this.#memory.view(address, most).set(packet);
      return packet.length;
    },
    write: (fd: number, address: number, length: number) => this.#write(fd, this.#memory.view(address, length).slice()),
    writev: (fd: number, address: number, count: number) => this.#write(fd, this.#memory.gather(address, count)),
    errno: () => EAGAIN,
    poll: (fd: number, callback: () => void) => {
      this.#watches[fd] = callback;
      return { ref() {}, unref() {}, stop() {}, start() {}, close() {} };
    },
    close: () => 0,
  } as unknown as Ffi;

  /** Has the devices read what waits. Returns whether anything did. */
  pump(): boolean {
    let any = false;
    for (const fd of [1, 2]) {
      const waiting = this.#queues[fd]!.length;
      if (waiting === 0) continue;
      this.#watches[fd]!();
      // A device that is closed reads nothing any more.
      if (this.#queues[fd]!.length < waiting) any = true;
      else this.#queues[fd]!.length = 0;
    }
    if (any || this.#late === null) return any;
    this.#queues[this.#late.fd]!.push(this.#late.packet);
    this.#late = null;
    return true;
  }

  #write(fd: number, packet: Uint8Array): number {
    const fate = this.#fate();
    const to = this.#queues[3 - fd]!;
    if (fate === 'pass') to.push(packet);
    const late = this.#late;
    if (late !== null) this.#queues[late.fd]!.push(late.packet);
    this.#late = fate === 'delay' ? { fd: 3 - fd, packet } : null;
    return packet.length;
  }
}

const byteAt = (position: number) => (position * 31 + (position >>> 8)) & 255;

/** How a reader goes about it: which way it reads next, after how many µs the first few times, and what it does when it has half of it. */
interface Reader {
  readonly ways: readonly ('consume' | 'receive' | 'a little' | 'into')[];
  readonly pause: number;
  readonly end: 'to the end' | 'abort' | 'close' | 'is reset, and reads no more';
}

const reader: fc.Arbitrary<Reader> = fc.record({
  ways: fc.array(fc.constantFrom('consume', 'consume', 'into', 'receive', 'a little'), { minLength: 1, maxLength: 5 }),
  pause: fc.constantFrom(0, 0, 300, 50_000, 20_000_000),
  end: fc.constantFrom('to the end', 'to the end', 'abort', 'close', 'is reset, and reads no more'),
});

const LENGTH = 3_000_000;

interface Run {
  readonly readers: readonly Reader[];
  readonly lost: number;
  readonly late: number;
  readonly seed: number;
}

/** Streams of `LENGTH` bytes from one stack to readers on the other. Returns how often frames were lent out when one read, and how many at most. */
function play({ readers, lost, late, seed }: Run): { kept: number; mostKept: number } {
  const time = new VirtualTime(seed);
  const wire = new Wire(() => {
    const dice = time.random();
    return dice < lost ? 'lose' : dice < lost + late ? 'delay' : 'pass';
  });
  const devices = [1, 2].map(
    (n) => new TunDevice(wire.ffi, n, { name: `t${n}`, mtu: 1500, vnetHeader: true, clock: () => time.now }),
  );
  const addresses = [1, 2].map((n) => IpAddress.v4(0x0a000000 + n));
  const config = { ...linux, restAfter: 1_000_000 };
  const [client, server] = devices.map((device, i) => {
    const stack = new Stack({ host: time.host(), config });
    stack.addDevice(device, [{ address: addresses[i]!, prefixLength: 8 }]);
    return stack;
  });
  let [kept, mostKept] = [0, 0];
  const got = readers.map(() => 0);
  const own: Uint8Array[] = [];
  const tick = time.host();
  /** Those who wait, as one host has one alarm: [when, what]. */
  const peers: TcpSocket[] = [];
  let waiting: [number, () => void][] = [];
  const alarm = () => {
    const at = Math.min(...waiting.map(([when]) => when));
    tick.wakeAt(at, () => {
      const due = waiting.filter(([when]) => when <= time.now);
      waiting = waiting.filter(([when]) => when > time.now);
      for (const [, what] of due) what();
      if (waiting.length > 0) alarm();
    });
  };
  for (const [i, { ways, pause, end }] of readers.entries()) {
    const mine = new Uint8Array(30_000);
    let turns = 0;
    let over = false;
    const take = (bytes: Uint8Array) => {
      for (let k = 0; k < bytes.length; k++) {
        if (bytes[k] !== byteAt(got[i]! + k)) expect.fail(`reader ${i}: byte ${got[i]! + k}`);
      }
      got[i]! += bytes.length;
    };
    const read = (socket: TcpSocket) => {
      const way = ways[turns++ % ways.length]!;
      mostKept = Math.max(mostKept, devices[1]!.outstanding);
      if (devices[1]!.outstanding > 0) kept++;
      if (way === 'consume') socket.consume(take);
      else if (way === 'into') take(mine.subarray(0, socket.receiveInto(mine)));
      else {
        const bytes = socket.receive(way === 'a little' ? 5000 : undefined);
        if (bytes !== null) {
          take(bytes);
          // It is the reader's from now on.
          own.push(bytes.fill(0x99));
        }
      }
      if (got[i]! > LENGTH / 2 && end !== 'to the end') {
        over = true;
        if (end === 'abort') socket.abort();
        else if (end === 'close') socket.close();
        else {
          // When it has more that nobody reads.
          waiting.push([time.now + 1000, () => peers[i]!.abort()]);
          alarm();
        }
      }
      if (over) return;
      // One is told that there is more when one has seen that there was nothing.
      if (socket.readable > 0) later(socket);
      else socket.receive();
    };
    const later = (socket: TcpSocket) => {
      waiting.push([time.now + (turns < 8 ? pause : 0), () => over || read(socket)]);
      alarm();
    };
    server!.listen({ port: 100 + i }, (socket) => {
      socket.events = {
        onReadable: () => {
          if (over) return;
          if (pause === 0) read(socket);
          else later(socket);
        },
        onEnd: () => socket.readable === 0 && socket.close(),
      };
    });
    const text = new Uint8Array(LENGTH);
    for (let k = 0; k < LENGTH; k++) text[k] = byteAt(k);
    const socket = client!.connect({ remoteAddress: addresses[1]!, remotePort: 100 + i });
    peers.push(socket);
    let sent = 0;
    const push = () => {
      const n = socket.send(text.subarray(sent), false);
      if (n > 0) sent += n;
      if (sent === LENGTH) socket.shutdown();
    };
    socket.events = { onConnect: push, onWritable: push };
  }
  time.run(() => wire.pump(), time.now + 600_000_000);
  for (const [i, { end }] of readers.entries()) if (end === 'to the end') expect(got[i], `reader ${i}`).toBe(LENGTH);
  for (const bytes of own) expect(bytes.every((byte) => byte === 0x99)).toBe(true);
  // Also what nobody comes to read any more, where the reset came through.
  if (lost === 0) expect(devices[1]!.outstanding).toBe(0);
  client!.close();
  server!.close();
  time.run(() => wire.pump(), time.now + 600_000_000);
  expect(devices.map((device) => device.outstanding)).toEqual([0, 0]);
  return { kept, mostKept };
}

const arena = () => new Arena({ address: () => 0x7000_0000_0000 } as unknown as Ffi, 2);

describe('Arena', () => {
  it('starts the text of IPv4 with timestamps on a cache line, not at the start of a page', () => {
    const frame = arena().take(100);
    const text = frame.address + frame.offset + 52;
    expect(text % 64).toBe(0);
    expect((frame.address + frame.offset) % 4096).toBeGreaterThan(2000);
  });

  it('has short ones side by side, all places in a cache used alike', () => {
    const memory = new Arena({ address: () => 0x7000_0000_0000 } as unknown as Ffi, 64, 2048);
    const frames = Array.from({ length: 64 }, () => memory.take(2048));
    const places = new Set(frames.map((frame) => (frame.address % 4096) >>> 6));
    expect(places.size).toBe(64);
    frames.sort((a, b) => a.address - b.address);
    for (const [i, frame] of frames.entries()) {
      expect((frame.address + frame.offset + 52) % 64).toBe(0);
      const next = frames[i + 1];
      if (next !== undefined) expect(next.address - frame.address).toBe(frame.bytes.length);
    }
  });

  it('gives what came back last', () => {
    const memory = arena();
    const [a, b] = [memory.take(1), memory.take(1)];
    memory.give(b);
    memory.give(a);
    expect(memory.take(1)).toBe(a);
    expect(memory.take(1)).toBe(b);
  });

  it('lets a receiver keep what was read, and nothing else, until it gives it back, once', () => {
    const memory = arena();
    const incoming = memory.takeIncoming();
    expect([incoming.isKept, incoming.keep(), incoming.isKept, incoming.keep()]).toEqual([false, true, true, false]);
    expect([memory.kept, memory.outstanding]).toEqual([1, 1]);
    expect(memory.takeIncoming()).not.toBe(incoming);
    incoming.giveBack();
    expect([memory.kept, memory.outstanding]).toEqual([0, 1]);
    expect(() => incoming.giveBack()).toThrow('not kept');
    expect(incoming.keep()).toBe(false);
    const outgoing = memory.take(1);
    expect(outgoing).toBe(incoming);
    expect(outgoing.keep()).toBe(false);
    expect(() => outgoing.giveBack()).toThrow('not kept');
  });

  it('refuses to take back a frame that is kept as if it had been sent', () => {
    const memory = arena();
    const frame = memory.takeIncoming();
    frame.keep();
    expect(() => memory.give(frame)).toThrow('kept');
    frame.giveBack();
    expect(() => memory.give(frame)).toThrow('handed back');
  });

  it('lets no more than 32 be kept at once', () => {
    const memory = arena();
    const kept = Array.from({ length: 32 }, () => memory.takeIncoming());
    for (const frame of kept) expect(frame.keep()).toBe(true);
    const more = memory.takeIncoming();
    expect(more.keep()).toBe(false);
    kept[7]!.giveBack();
    expect(more.keep()).toBe(true);
  });

  it('lends frames to readers, and each reads what was sent, whatever is lost, late, slow, aborted or closed', () => {
    let kept = 0;
    fc.assert(
      fc.property(
        fc.record({
          readers: fc.array(reader, { minLength: 1, maxLength: 3 }),
          lost: fc.constantFrom(0, 0, 0.02),
          late: fc.constantFrom(0, 0.05),
          seed: fc.nat(),
        }),
        (run) => {
          const result = play(run);
          kept += result.kept;
          // 32 kept, and a batch of short packets that wait to leave together.
          expect(result.mostKept).toBeLessThanOrEqual(32 + 64);
        },
      ),
      { numRuns: 20 },
    );
    expect(kept).toBeGreaterThan(0);
  });
});
