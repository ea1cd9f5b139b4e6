import { afterEach, describe, expect, it, vi } from 'vitest';
import { CHECKSUM_PARTIAL, type Frame } from '../../src/link/device.ts';
import type { Ffi } from '../../src/node/ffi.ts';
import { turn } from '../../src/node/host.ts';
import { TunDevice } from '../../src/node/tun.ts';
import { ACK, PSH } from '../../src/wire/segment.ts';
import { send, tcpPacket } from '../link/support/packets.ts';
import { Addresses } from '../support/addresses.ts';

const LENGTH = 100;

/** A device whose system calls end here. What is written, in order, by the first byte of each packet. */
class Machine {
  readonly written: number[] = [];
  readonly frames = new Map<number, Frame>();
  /** `read`, `none` for one that finds nothing, `write`. */
  readonly calls: string[] = [];
  /** Packets that wait to be read, and how long they are. */
  waiting = 0;
  length = LENGTH;
  now = 1_000_000;
  closed = false;
  wake: () => void = () => {};
  readonly device: TunDevice;
  #errno = 0;

  constructor(Device = TunDevice) {
    const system: Partial<Ffi> = {
      address: () => 2 ** 32,
      read: () => {
        if (this.waiting === 0) {
          this.calls.push('none');
          this.#errno = 11;
          return -1;
        }
        this.calls.push('read');
        this.waiting--;
        return this.length;
      },
      write: (_fd, address, length) => {
        this.calls.push('write');
        const frame = this.frames.get(address)!;
        this.written.push(frame.bytes[frame.offset]!);
        return length;
      },
      errno: () => this.#errno,
      close: () => {
        this.closed = true;
        return 0;
      },
      poll: (_fd, onReadable) => {
        this.wake = onReadable;
        return { ref() {}, unref() {}, stop() {}, start() {}, close() {} };
      },
    };
    this.device = new Device(system as Ffi, 3, { name: 'test0', mtu: 4000, vnetHeader: false, clock: () => this.now });
  }

  send(mark: number, length = LENGTH): boolean {
    const frame = this.device.allocate(length);
    frame.bytes[frame.offset] = mark;
    frame.length = length;
    this.frames.set((frame as Frame & { address: number }).address + frame.offset, frame);
    return this.device.transmit(frame);
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('TunDevice, with a kernel that takes super-segments of IPv4 beyond 65,535 bytes', () => {
  const TEXT = 200_000;
  const GSO = 1448;

  /** A device, and what was written, for a kernel that has memory for packets of so many bytes. */
  function device(most: number, { linkHeader = 0, gsoIpv4MaxSize = 262_144 } = {}) {
    const memory = new Addresses();
    const written: Uint8Array[] = [];
    const write = (packet: Uint8Array) => {
      if (packet.length > most) return -1;
      written.push(packet);
      return packet.length;
    };
    const system: Partial<Ffi> = {
      address: memory.of,
      write: (_fd, address, length) => write(memory.view(address, length).slice()),
      writev: (_fd, address, count) => {
        gathered++;
        return write(memory.gather(address, count));
      },
      errno: () => 105, // ENOBUFS
      close: () => 0,
    };
    const setup = { name: 'test0', mtu: 1500, vnetHeader: true, clock: () => 1, linkHeader, gsoIpv4MaxSize };
    return { device: new TunDevice(system as Ffi, 3, setup), written };
  }

  const text = Uint8Array.from({ length: TEXT }, (_, i) => i ^ (i >>> 8));
  const whole = tcpPacket({ text, seq: 7, flags: ACK | PSH, timestamps: true, partial: true });
  const as = { checksum: CHECKSUM_PARTIAL, gsoSize: GSO };
  let gathered = 0;

  /** Sends `whole` behind a link header, all in the frame or its text from where that lies. */
  function sendWhole(tun: TunDevice, link: Uint8Array, beside: boolean): boolean {
    const headers = Uint8Array.from([...link, ...whole.subarray(0, 52)]);
    const [first, rest] = [text.slice(0, 70_001), text.slice(70_001)];
    if (beside) return send(tun, headers, { ...as, text: [first, rest], length: headers.length + TEXT });
    return send(tun, [...link, ...whole], as);
  }

  it('says so, where it does', () => {
    const offers = (options: object) => device(0, options).device.offload;
    expect(offers({})).toEqual({ checksum: true, maxGso: 65_535, maxGsoIpv4: 262_144 });
    expect(offers({ linkHeader: 14 })).toEqual({ checksum: true, maxGso: 65_549, maxGsoIpv4: 262_158 });
    expect(offers({ gsoIpv4MaxSize: 65_535 })).toEqual({ checksum: true, maxGso: 65_535 });
  });

  it.each([
    ['in the frame', false],
    ['where it lies', true],
  ])('writes one in one piece, its text %s', (_, beside) => {
    const { device: tun, written } = device(1 << 20);
    gathered = 0;
    expect(sendWhole(tun, new Uint8Array(0), beside)).toBe(true);
    expect(gathered).toBe(beside ? 1 : 0);
    expect(written.map((bytes) => bytes.length)).toEqual([10 + whole.length]);
    expect(Buffer.compare(written[0]!.subarray(10), whole)).toBe(0);
    expect(tun).toMatchObject({ sent: 1, lost: 0, outstanding: 0 });
  });

  it.each([
    [0, false],
    [14, false],
    [0, true],
    [14, true],
  ])(
    'writes one in several where there is no memory for that, behind %i bytes of the link, gathered: %s',
    (link, beside) => {
      const { device: tun, written } = device(70_000, { linkHeader: link });
      const ethernet = new Uint8Array(link).fill(0xee);
      expect(sendWhole(tun, ethernet, beside)).toBe(true);
      const each = Math.floor((65_535 - 52) / GSO) * GSO;
      for (const [i, bytes] of written.entries()) {
        const from = i * each;
        const last = from + each >= TEXT;
        expect([...bytes.subarray(0, 10)]).toEqual([1, 1, link + 52, 0, GSO & 255, GSO >>> 8, link + 20, 0, 16, 0]);
        expect([...bytes.subarray(10, 10 + link)]).toEqual([...ethernet]);
        const fields = { seq: 7 + from, id: i, flags: last ? ACK | PSH : ACK, timestamps: true, partial: true };
        const expected = tcpPacket({ ...fields, text: text.subarray(from, from + each) });
        expect(Buffer.compare(bytes.subarray(10 + link), expected)).toBe(0);
      }
      expect(written.length).toBe(Math.ceil(TEXT / each));
      expect(tun).toMatchObject({ sent: 1, lost: 0, outstanding: 0 });
    },
  );

  it('loses one that the kernel has no memory for at all, and one longer than it takes', () => {
    const { device: tun, written } = device(1000);
    expect(send(tun, whole, as)).toBe(false);
    expect(written).toEqual([]);
    expect(tun).toMatchObject({ sent: 0, lost: 1, outstanding: 0 });
    expect(() => tun.allocate(262_145)).toThrow('no frame holds a packet of 262145 bytes');
    const old = device(1 << 20, { gsoIpv4MaxSize: 65_535 });
    expect(send(old.device, whole, as)).toBe(false);
    expect(old.written).toEqual([]);
  });
});

describe('TunDevice.transmit', () => {
  it('writes at once where nobody else waits for his turn', async () => {
    const machine = new Machine();
    machine.send(1);
    expect(machine.written).toEqual([1]);
    const seen = await new Promise((resolve) => {
      turn(() => {
        machine.send(2);
        resolve([...machine.written]);
      }, undefined);
    });
    expect(seen).toEqual([1, 2]);
    expect(machine.device.outstanding).toBe(0);
  });

  it('keeps short packets until the turns that wait have run, ticks and promises and all', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(1000);
    const machine = new Machine();
    const seen: number[][] = [];
    await new Promise<void>((resolve) => {
      turn(() => {
        machine.send(1);
        queueMicrotask(() => machine.send(2));
        // Asked for later: nobody waits for it.
        turn(resolve, undefined);
      }, undefined);
      turn(() => {
        seen.push([...machine.written]);
        machine.send(3);
        seen.push([...machine.written]);
      }, undefined);
      setImmediate(() => seen.push([...machine.written]));
    });
    expect(seen).toEqual([[], [], [1, 2, 3]]);
    expect(machine.device).toMatchObject({ sent: 3, lost: 0, outstanding: 0 });
  });

  it('keeps the order, and no more than a batch: a long packet takes with it what waits', async () => {
    const machine = new Machine();
    const seen: number[][] = [];
    await new Promise<void>((resolve) => {
      turn(() => {
        machine.send(1);
        machine.send(2);
        machine.send(3, 3000);
        seen.push([...machine.written]);
        for (let i = 0; i < 64; i++) machine.send(4);
        seen.push([...machine.written]);
        machine.send(5);
        seen.push([...machine.written]);
      }, undefined);
      turn(resolve, undefined);
    });
    const batch = Array.from({ length: 64 }, () => 4);
    expect(seen).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3, ...batch, 5],
    ]);
  });

  it('does not wait for slow turns, nor for one that throws', async () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1000);
    const machine = new Machine();
    const seen: number[][] = [];
    const caught: unknown[] = [];
    const catching = (error: unknown) => caught.push(error);
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', catching);
    await new Promise<void>((resolve) => {
      turn(() => machine.send(1), undefined);
      turn(() => seen.push([...machine.written]), undefined);
      turn(() => clock.mockReturnValue(1001), undefined);
      turn(() => {
        seen.push([...machine.written]);
        machine.send(2);
      }, undefined);
      turn(() => {
        throw new Error('of the application');
      }, undefined);
      setImmediate(() => {
        seen.push([...machine.written]);
        resolve();
      });
    });
    process.off('uncaughtException', catching);
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(seen).toEqual([[], [1], [1, 2]]);
    expect(caught).toHaveLength(1);
  });

  it('answers a batch at its end, and sooner where the answers take long', () => {
    const machine = new Machine();
    let seen: number[] = [];
    machine.device.attach({
      receive: () => machine.send(1),
      flush: () => {
        machine.send(2);
        seen = [...machine.written];
        machine.now += 1000;
        machine.send(3);
        seen.push(-1, ...machine.written);
      },
    });
    machine.waiting = 2;
    machine.wake();
    expect(seen).toEqual([-1, 1, 1, 2, 3]);
    machine.send(4);
    expect(machine.written).toEqual([1, 1, 2, 3, 4]);
  });

  it('answers a short packet before it looks for the next one, where the last one came alone and had a short answer', () => {
    const machine = new Machine();
    let answer = LENGTH;
    machine.device.attach({ receive: () => {}, flush: () => void machine.send(1, answer) });
    const wake = (count: number, length = LENGTH) => {
      machine.calls.length = 0;
      machine.waiting = count;
      machine.length = length;
      machine.wake();
      return machine.calls.join(' ');
    };
    expect(wake(2)).toBe('read read none write');
    expect(wake(1)).toBe('read none write');
    expect(wake(1)).toBe('read write none');
    expect(wake(1, 3000)).toBe('read none write');
    expect(wake(1)).toBe('read write none');
    expect(wake(3)).toBe('read write read read none write');
    expect(wake(1)).toBe('read none write');
    expect(wake(1)).toBe('read write none');
    expect(wake(0)).toBe('none');
    answer = 3000;
    expect(wake(1)).toBe('read write none');
    expect(wake(1)).toBe('read none write');
    expect(wake(1)).toBe('read none write');
  });

  it('answers a batch though the application throws', () => {
    const machine = new Machine();
    machine.device.attach({
      receive: () => machine.send(1),
      flush: () => {
        throw new Error('of the application');
      },
    });
    machine.waiting = 1;
    expect(() => machine.wake()).toThrow('of the application');
    expect(machine.written).toEqual([1]);
  });

  it('sends what waits before it closes, refuses what it cannot send, and counts both', async () => {
    const machine = new Machine();
    const taken: boolean[] = [];
    await new Promise<void>((resolve) => {
      turn(() => {
        taken.push(machine.send(1), machine.send(2, 4001), machine.send(3));
        machine.device.close();
        taken.push(machine.send(4));
      }, undefined);
      turn(resolve, undefined);
    });
    expect(taken).toEqual([true, false, true, false]);
    expect(machine.written).toEqual([1, 3]);
    expect(machine).toMatchObject({ closed: true, device: { sent: 2, lost: 2, outstanding: 0 } });
  });

  it('sends what waits before the process ends', async () => {
    vi.resetModules();
    const before = process.listeners('exit');
    const fresh = new Machine((await import('../../src/node/tun.ts')).TunDevice);
    const [exit] = process.listeners('exit').filter((listener) => !before.includes(listener));
    const { turn: freshTurn } = await import('../../src/node/host.ts');
    const seen: number[][] = [];
    await new Promise<void>((resolve) => {
      freshTurn(() => {
        fresh.send(1);
        seen.push([...fresh.written]);
        exit!(0);
        seen.push([...fresh.written]);
      }, undefined);
      freshTurn(resolve, undefined);
    });
    process.off('exit', exit!);
    expect(seen).toEqual([[], [1]]);
  });
});
