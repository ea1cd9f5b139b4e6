import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CALL, PACKET, SEGMENT, StackTarget, WireTarget } from '../../src/sim/fuzz-targets.ts';
import { Connection } from '../../src/stack/connection.ts';

const words = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

/** A segment of a program: numbers from both initial ones. */
function segment(flags: number, number: number, ack: number, length = 0): number[] {
  return [SEGMENT, flags, 0, length >> 8, length & 255, 0, ...words(number), ...words(ack), 255, 255, 0, 0, 0, 0];
}

const SYN = 2;
const ACK = 16;
const FIN = 1;
/** A connection from SYN to FIN, with 300 bytes of text that are read. */
const LIFE = [
  ...segment(SYN, 0, 0),
  ...segment(ACK, 1, 1),
  ...segment(ACK, 1, 1, 300),
  ...[CALL, 4, 0],
  ...segment(ACK | FIN, 301, 1),
  ...[CALL, 1, 0],
  ...segment(ACK, 302, 2),
];

describe('WireTarget', () => {
  it('takes any bytes', () => {
    const target = new WireTarget();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => target.execute(bytes)),
      { numRuns: 5000 },
    );
  });
});

describe('StackTarget', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('plays a connection from SYN to FIN, on each kind of stack, again and again', () => {
    const target = new StackTarget();
    for (let i = 0; i < 300; i++) target.execute(Uint8Array.of(i & 7, ...LIFE));
    expect(target.frames).toBe(300 * 5);
    expect(target.history[0]!.length).toBeGreaterThan(0);
  });

  it('takes any program', () => {
    const target = new StackTarget();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => target.execute(bytes)),
      { numRuns: 300 },
    );
  });

  it('notices a byte that is wrong, and text that is left', () => {
    const receive = Connection.prototype.receive;
    const broken = vi.spyOn(Connection.prototype, 'receive').mockImplementation(function (this: Connection, most) {
      const text = receive.call(this, most);
      if (text !== null && text.length > 7) text[7] = text[7]! ^ 1;
      return text;
    });
    expect(() => new StackTarget().execute(Uint8Array.of(0, ...LIFE))).toThrow('a reader got a byte at 7 that nobody');
    broken.mockRestore();
    vi.spyOn(Connection.prototype, 'abort').mockImplementation(() => {});
    const open = [...segment(SYN, 0, 0), ...segment(ACK, 1, 1)];
    // Idle and open for ever, as nobody hears of the abort.
    vi.spyOn(Connection.prototype, 'close').mockImplementation(() => {});
    expect(() => new StackTarget().execute(Uint8Array.of(0, ...open))).toThrow(/not at rest: .*ESTABLISHED no timer/);
  });

  it('does not look at text where packets of anybody were put in', () => {
    const target = new StackTarget();
    target.execute(Uint8Array.of(0, PACKET, 0, 2, 0x45, 0, ...LIFE));
    expect(target.frames).toBe(6);
  });
});
