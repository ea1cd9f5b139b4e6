import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Frame } from '../../src/link/device.ts';
import type { Ffi } from '../../src/node/ffi.ts';
import { turn } from '../../src/node/host.ts';
import { TunDevice } from '../../src/node/tun.ts';

const LENGTH = 100;

/** A device whose system calls end here. What is written, in order, by the first byte of each packet. */
class Machine {
  readonly written: number[] = [];
  readonly frames = new Map<number, Frame>();
  /** Packets that wait to be read. */
  waiting = 0;
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
          this.#errno = 11;
          return -1;
        }
        this.waiting--;
        return LENGTH;
      },
      write: (_fd, address, length) => {
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
        return { ref() {}, unref() {}, close() {} };
      },
    };
    this.device = new Device(system as Ffi, 3, 'test0', 4000, false, () => this.now, 0, 0);
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
