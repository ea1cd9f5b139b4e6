import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Loan, RECYCLED, ReceiveBuffer } from '../../src/tcp/receive-buffer.ts';

const byteAt = (position: number) => (position * 31 + (position >>> 8)) & 255;

/** What lies before and behind each piece that is handed out: another's text. */
const AROUND = 5;
const OTHERS = 0xee;

/** An allocator that hands out the middle of memory full of another value, and counts it. */
function allocator() {
  const all: Uint8Array[] = [];
  return {
    bytes: 0,
    at: AROUND,
    allocate(size: number) {
      this.bytes += size;
      const memory = new Uint8Array(AROUND + size + AROUND).fill(OTHERS);
      all.push(memory);
      return memory;
    },
    /** Nobody wrote beyond what was his. */
    checkAround() {
      for (const memory of all) {
        const [before, behind] = [memory.subarray(0, AROUND), memory.subarray(-AROUND)];
        for (const byte of [...before, ...behind]) if (byte !== OTHERS) expect.fail("another's text was written over");
      }
    },
  };
}

/** An allocator that writes over what it gets back, and gives it out again. */
function recycler() {
  const plain = allocator();
  const kept: Uint8Array[] = [];
  return {
    fresh: 0,
    kept,
    at: AROUND,
    allocate(size: number) {
      const at = kept.findLastIndex(({ length }) => length === AROUND + size + AROUND);
      if (at >= 0) return kept.splice(at, 1)[0]!;
      this.fresh += size;
      return plain.allocate(size);
    },
    recycle(memory: Uint8Array) {
      if (kept.includes(memory)) throw new Error('it came back already');
      kept.push(memory.fill(0xbb, AROUND, -AROUND));
    },
    checkAround: plain.checkAround,
  };
}

/** A device that has a few frames, reads into one after the other, writes over those that come back, and lets its receiver keep all but one. */
function lender(frames: number) {
  const free = Array.from({ length: frames }, () => new Uint8Array(65_600));
  const out = new Set<Uint8Array>();
  return {
    ...recycler(),
    out,
    keep(arrived: Uint8Array): Loan | null {
      const frame = free.at(-1)!;
      if (arrived !== frame || free.length === 1) return null;
      free.pop();
      out.add(frame);
      const giveBack = () => {
        if (!out.delete(frame)) throw new Error('it is not kept');
        free.push(frame.fill(0xaa));
      };
      return { bytes: arrived, giveBack };
    },
    /** Has the text [from, to) of the stream arrive, `at` bytes after RCV.NXT. What is not kept is written over at once. */
    arrive(buffer: ReceiveBuffer, at: number, from: number, to: number): number {
      const frame = free.at(-1)!;
      for (let p = from; p < to; p++) frame[52 + p - from] = byteAt(p);
      const moved = buffer.write(at, frame, 52, to - from);
      if (!out.has(frame)) frame.fill(0xcc);
      return moved;
    },
  };
}

/** Positions [from, to) of the stream, inside a larger array. */
function text(from: number, to: number): { bytes: Uint8Array; offset: number; length: number } {
  const bytes = new Uint8Array(to - from + 6).fill(0xdd);
  for (let p = from; p < to; p++) bytes[3 + p - from] = byteAt(p);
  return { bytes, offset: 3, length: to - from };
}

/** Reads a buffer in every way, and looks at each byte: of what is shown at once, of what is given away at the end. */
class Reader {
  position = 0;
  readonly #buffer: ReceiveBuffer;
  readonly #given: { at: number; bytes: Uint8Array }[] = [];

  constructor(buffer: ReceiveBuffer) {
    this.#buffer = buffer;
  }

  read(most: number): void {
    const bytes = this.#buffer.read(most);
    if (bytes !== null) this.#take(bytes);
  }

  /** Where the text ends at `end`. */
  readInto(size: number, end: number): void {
    const bytes = new Uint8Array(size);
    const n = this.#buffer.readInto(bytes);
    expect(n).toBe(Math.min(size, end - this.position));
    this.#take(bytes.subarray(0, n));
  }

  /** For `consume`. */
  readonly shown = (bytes: Uint8Array): void => {
    check(bytes, this.position, 'shown');
    this.position += bytes.length;
  };

  checkGiven(): void {
    for (const { at, bytes } of this.#given) check(bytes, at, 'given away');
  }

  #take(bytes: Uint8Array): void {
    this.#given.push({ at: this.position, bytes });
    this.position += bytes.length;
  }
}

function check(bytes: Uint8Array, at: number, what: string): void {
  for (let k = 0; k < bytes.length; k++) {
    if (bytes[k] !== byteAt(at + k)) expect.fail(`byte ${at + k}, ${what}`);
  }
}

/** What is to be seen of a receive buffer, done the slow way: one entry a position. */
class Model {
  have = new Set<number>();
  next = 0;
  read = 0;
  write(at: number, length: number): number {
    for (let p = this.next + at; p < this.next + at + length; p++) this.have.add(p);
    const before = this.next;
    while (this.have.has(this.next)) this.next++;
    return this.next - before;
  }
  runs(): number[][] {
    const beyond = [...this.have].filter((p) => p > this.next).sort((a, b) => a - b);
    const runs: number[][] = [];
    for (const p of beyond) {
      const last = runs.at(-1);
      if (last !== undefined && last[1] === p - this.next) last[1]++;
      else runs.push([p - this.next, p - this.next + 1]);
    }
    return runs;
  }
}

const write = (b: ReceiveBuffer, at: number, from: number, to: number) => {
  const t = text(from, to);
  const moved = b.write(at, t.bytes, t.offset, t.length);
  t.bytes.fill(0xcc);
  return moved;
};

const runsOf = (b: ReceiveBuffer) => Array.from({ length: b.runs }, (_, i) => [b.runStart(i), b.runEnd(i)]);

describe('ReceiveBuffer', () => {
  it.each([
    { name: 'short segments', reach: 60, longest: 20 },
    { name: 'segments across blocks', reach: 12_000, longest: 5000 },
  ])('reassembles as a set of positions does: $name', ({ reach, longest }) => {
    const action = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ at: fc.integer({ min: 0, max: reach }), n: fc.integer({ min: 1, max: longest }) }),
      },
      { weight: 1, arbitrary: fc.record({ at: fc.constant(0), n: fc.integer({ min: 1, max: longest }) }) },
      { weight: 1, arbitrary: fc.record({ read: fc.integer({ min: 1, max: longest * 2 }) }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: reach > 1000 ? 30 : 100 }), (actions) => {
        const memory = allocator();
        const buffer = new ReceiveBuffer(memory, 1 << 20, 10_000);
        const model = new Model();
        for (const a of actions) {
          if ('read' in a) {
            const got = buffer.read(a.read);
            if (model.read === model.next) expect(got).toBeNull();
            else {
              expect(got!.length).toBeGreaterThan(0);
              expect(got!.length).toBeLessThanOrEqual(a.read);
              expect([...got!]).toEqual(Array.from(got!, () => byteAt(model.read++)));
            }
          } else {
            const from = model.next + a.at;
            let first = from;
            while (first < from + a.n && !model.have.has(first)) first++;
            let behind = first;
            while (behind < from + a.n && model.have.has(behind)) behind++;
            const held = first === behind ? null : { from: first - model.next, to: behind - model.next };
            expect(buffer.firstHeld(a.at, a.n)).toEqual(held);
            expect(write(buffer, a.at, from, from + a.n)).toBe(model.write(a.at, a.n));
          }
          expect(buffer.readable).toBe(model.next - model.read);
          expect(buffer.space).toBe((1 << 20) - buffer.readable);
          const runs = model.runs();
          expect(runsOf(buffer)).toEqual(runs);
          expect(buffer.outOfOrder).toBe(runs.reduce((sum, [from, to]) => sum + to! - from!, 0));
        }
        for (let chunk = buffer.read(7); chunk !== null; chunk = buffer.read(7)) {
          for (const byte of chunk) if (byte !== byteAt(model.read++)) expect.fail(`byte ${model.read - 1}`);
        }
        expect(model.read).toBe(model.next);
        memory.checkAround();
      }),
      { numRuns: 100 },
    );
  });

  it('RFC 9293 SHLD-31 fills a hole in any order of arrival', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 }), (order) => {
        const buffer = new ReceiveBuffer(allocator(), 1 << 20, 100);
        let next = 0;
        for (const i of order) {
          // Each overlaps its neighbours.
          const from = Math.max(next, i * 1000 - 10);
          const to = i * 1000 + 1010;
          if (to > next) next += write(buffer, from - next, from, to);
        }
        expect(next).toBe(12_010);
        expect(buffer.runs).toBe(0);
      }),
    );
  });

  it('gives a chunk away for good: later text does not change it', () => {
    const buffer = new ReceiveBuffer(allocator(), 1 << 16, 10);
    write(buffer, 0, 0, 10);
    write(buffer, 0, 10, 20);
    const first = buffer.read(15)!;
    const copy = [...first];
    write(buffer, 0, 20, 40);
    expect([...first]).toEqual(copy);
    first.fill(0);
    let position = first.length;
    for (let chunk = buffer.read(100); chunk !== null; chunk = buffer.read(100)) {
      for (const byte of chunk) expect(byte).toBe(byteAt(position++));
    }
    expect(position).toBe(40);
  });

  it('gives text away in the shape that the reader asks for, of memory that stays his', () => {
    const device = lender(2);
    const buffer = new ReceiveBuffer(device, 1 << 20, 10);
    const asked: Uint8Array[] = [];
    const as = (memory: Uint8Array, start: number, end: number) => {
      asked.push(memory);
      return new DataView(memory.buffer, memory.byteOffset + start, end - start) as unknown as Uint8Array;
    };
    device.arrive(buffer, 0, 0, 10);
    buffer.consume(() => {});
    device.arrive(buffer, 0, 10, 20);
    // This one stays in its frame until it is read.
    device.arrive(buffer, 0, 20, 50_020);
    expect(device.out.size).toBe(1);
    let position = 10;
    for (let n = 0; n < 3; n++) {
      const view = buffer.read(n === 1 ? 30_000 : 1 << 20, as) as unknown as DataView;
      expect(view.byteLength).toBe([10, 30_000, 20_000][n]);
      for (let i = 0; i < view.byteLength; i++) if (view.getUint8(i) !== byteAt(position++)) expect.fail(`${position}`);
    }
    expect(buffer.read(1 << 20, as)).toBeNull();
    expect(asked.length).toBe(3);
    expect([device.out.size, device.kept.some((memory) => asked.includes(memory))]).toEqual([0, false]);
  });

  it('shows the same bytes as it gives, whichever way each is read, and takes no memory back that was given', () => {
    const action = fc.oneof(
      { weight: 4, arbitrary: fc.record({ write: fc.integer({ min: 1, max: 40_000 }) }) },
      { weight: 1, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 80_000 }) }) },
      { weight: 1, arbitrary: fc.record({ into: fc.integer({ min: 0, max: 80_000 }) }) },
      { weight: 2, arbitrary: fc.record({ show: fc.integer({ min: 1, max: 3 }) }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const memory = recycler();
        const buffer = new ReceiveBuffer(memory, 1 << 22, 10);
        const reader = new Reader(buffer);
        let written = 0;
        for (const a of actions) {
          if ('write' in a) {
            write(buffer, 0, written, written + a.write);
            written += a.write;
          } else if ('read' in a) reader.read(a.read);
          else if ('into' in a) reader.readInto(a.into, written);
          else {
            for (let i = 0; i < a.show; i++) {
              if (buffer.consume(reader.shown) === 0) expect(reader.position).toBe(written);
            }
          }
          expect(buffer.readable).toBe(written - reader.position);
        }
        reader.checkGiven();
        memory.checkAround();
      }),
      { numRuns: 100 },
    );
  });

  it('lives on one piece of memory where each text is consumed before the next one comes', () => {
    const memory = recycler();
    const buffer = new ReceiveBuffer(memory, 1 << 20, 10);
    let seen = 0;
    for (let i = 0; i < 100; i++) {
      write(buffer, 0, i * 10_000, (i + 1) * 10_000);
      buffer.consume((bytes) => {
        seen += bytes.length;
      });
    }
    expect(seen).toBe(1_000_000);
    // The first came before it was known how it would be read.
    expect(memory.fresh).toBe(10_000 + RECYCLED);
  });

  it('lets whoever consumes read on, or drop everything, inside the call', () => {
    const buffer = new ReceiveBuffer(recycler(), 1 << 20, 10);
    for (let i = 0; i < 4; i++) write(buffer, 0, i * 60_000, (i + 1) * 60_000);
    const sizes: number[] = [];
    buffer.consume((first) => {
      sizes.push(first.length);
      buffer.consume((second) => sizes.push(second.length));
      expect(first[0]).toBe(byteAt(0));
      buffer.clear();
      expect(first[0]).toBe(byteAt(0));
    });
    expect(sizes).toEqual([60_000, 60_000]);
    expect(buffer.consume(() => expect.fail('there is nothing'))).toBe(0);
  });

  it('keeps frames only while their text is unread, and reads the same from them as from copies, in any order', () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 16_384, max: 65_000 }));
    const action = fc.oneof(
      { weight: 5, arbitrary: fc.record({ write: size, at: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ write: size, at: fc.integer({ min: 1, max: 70_000 }) }) },
      { weight: 1, arbitrary: fc.record({ read: fc.integer({ min: 1, max: 80_000 }) }) },
      { weight: 1, arbitrary: fc.record({ into: fc.integer({ min: 0, max: 80_000 }) }) },
      { weight: 2, arbitrary: fc.record({ show: fc.integer({ min: 1, max: 3 }) }) },
      { weight: 1, arbitrary: fc.constant({ leave: true }) },
    );
    let keptSome = 0;
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), fc.boolean(), (actions, clears) => {
        const device = lender(4);
        const buffer = new ReceiveBuffer(device, 1 << 24, 10);
        const reader = new Reader(buffer);
        let next = 0;
        const consumed = (bytes: Uint8Array) => {
          // While it is shown it is nobody else's.
          if (bytes.buffer.byteLength === 65_600) {
            keptSome++;
            expect([...device.out].some((frame) => frame.buffer === bytes.buffer)).toBe(true);
          }
          reader.shown(bytes);
        };
        const write = (at: number, n: number) => {
          next += Math.max(0, device.arrive(buffer, at, next + at, next + at + n));
        };
        write(0, 1);
        buffer.consume(consumed);
        for (const a of actions) {
          if ('write' in a) write(a.at, a.write);
          else if ('read' in a) reader.read(a.read);
          else if ('into' in a) reader.readInto(a.into, next);
          else if ('show' in a) {
            for (let i = 0; i < a.show; i++) buffer.consume(consumed);
          } else {
            buffer.leaveFrames();
            expect(device.out.size).toBe(0);
          }
          expect(buffer.readable).toBe(next - reader.position);
          // What is kept counts in full.
          const text = buffer.readable + buffer.outOfOrder;
          expect(buffer.memory).toBeGreaterThanOrEqual(Math.max(text, device.out.size * 65_600));
          expect(buffer.memory).toBeLessThanOrEqual(text + device.out.size * 65_600);
        }
        if (clears) buffer.clear();
        else while (buffer.consume(consumed) > 0);
        expect(device.out.size).toBe(0);
        expect(buffer.memory).toBe(buffer.outOfOrder);
        reader.checkGiven();
        device.checkAround();
      }),
      { numRuns: 100 },
    );
    expect(keptSome).toBeGreaterThan(0);
  });

  it('gives a frame back where whoever is shown it throws', () => {
    const device = lender(2);
    const buffer = new ReceiveBuffer(device, 1 << 20, 10);
    device.arrive(buffer, 0, 0, 100);
    buffer.consume(() => {});
    device.arrive(buffer, 0, 100, 50_000);
    expect(device.out.size).toBe(1);
    const thrown = () => {
      throw new Error('no more');
    };
    expect(() => buffer.consume(thrown)).toThrow('no more');
    expect([device.out.size, buffer.readable, buffer.memory]).toEqual([0, 0, 0]);
  });

  it('refuses a run beyond its limit, keeps what it has, and takes it once there is room', () => {
    const buffer = new ReceiveBuffer(allocator(), 1 << 16, 3);
    for (const at of [2, 4, 6]) expect(write(buffer, at, at, at + 1)).toBe(0);
    expect(write(buffer, 8, 8, 9)).toBe(-1);
    expect(runsOf(buffer)).toEqual([
      [2, 3],
      [4, 5],
      [6, 7],
    ]);
    // Joining runs needs no new one.
    expect(write(buffer, 3, 3, 4)).toBe(0);
    expect(write(buffer, 8, 8, 9)).toBe(0);
    expect(write(buffer, 0, 0, 2)).toBe(5);
    expect(runsOf(buffer)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('keeps its memory within the window and an overhead under one-byte segments, every second byte', () => {
    const memory = allocator();
    const size = 64 * 1024;
    const buffer = new ReceiveBuffer(memory, size, 1 << 20);
    for (let p = 1; p < size; p += 2) expect(write(buffer, p, p, p + 1)).toBe(0);
    expect(memory.bytes).toBeLessThanOrEqual(size + 4096);
    for (let p = 0; p < size; p += 2) expect(write(buffer, 0, p, p + 1)).toBe(2);
    expect(buffer.readable).toBe(size);
    expect(memory.bytes).toBeLessThanOrEqual(4 * size);
  });

  it('stays quick under hostile one-byte segments, from the far end to the near one, up to the limit of runs', () => {
    const limit = 4096;
    const buffer = new ReceiveBuffer(allocator(), 1 << 24, limit);
    const one = Uint8Array.of(1);
    const begin = process.hrtime.bigint();
    let [kept, refused] = [0, 0];
    for (let i = limit; i > 0; i--) if (buffer.write(2 * i, one, 0, 1) === 0) kept++;
    for (let i = 0; i < 20 * limit; i++) if (buffer.write(1 + 2 * (i % 7) + 4 * limit, one, 0, 1) === -1) refused++;
    // 25 µs each at most, for what takes about one: a walk along the runs would take longer.
    expect(Number(process.hrtime.bigint() - begin) / (21 * limit)).toBeLessThan(25_000);
    expect([kept, refused]).toEqual([limit, 20 * limit]);
  });

  it('clear and dropRuns leave nothing behind', () => {
    const buffer = new ReceiveBuffer(allocator(), 1 << 16, 10);
    write(buffer, 0, 0, 10);
    write(buffer, 5, 15, 20);
    buffer.dropRuns();
    expect([buffer.runs, buffer.outOfOrder, buffer.readable]).toEqual([0, 0, 10]);
    write(buffer, 5, 15, 20);
    buffer.clear();
    expect([buffer.runs, buffer.outOfOrder, buffer.readable, buffer.read(10)]).toEqual([0, 0, 0, null]);
  });
});
