import fc from 'fast-check';
import { IpAddress } from '../../src/wire/address.ts';
import { Segment, SYN } from '../../src/wire/segment.ts';
import { seq } from '../../src/wire/seq.ts';

const word = fc.integer();
const port = fc.nat(65_535);

export const addressV4 = word.map((bits) => IpAddress.v4(bits));
export const addressV6 = fc.tuple(word, word, word, word).map(([w0, w1, w2, w3]) => new IpAddress(6, w0, w1, w2, w3));
/** Two addresses of one family. */
export const addressPair = fc.oneof(fc.tuple(addressV4, addressV4), fc.tuple(addressV6, addressV6));

const optional = (least: number, most: number) => fc.oneof(fc.constant(-1), fc.integer({ min: least, max: most }));

/** A segment that the builder can write whole: each option where it may stand, and no more than fit. */
export const segment: fc.Arbitrary<Segment> = fc
  .record({
    ports: fc.tuple(port, port),
    numbers: fc.tuple(word, word),
    flags: fc.nat(0x1ff),
    wnd: port,
    up: port,
    mss: optional(0, 65_535),
    windowScale: optional(0, 255),
    sackPermitted: fc.boolean(),
    timestamps: fc.option(fc.tuple(word, word)),
    sack: fc.array(word, { maxLength: 4 }),
    userTimeout: fc.oneof(
      fc.constant(-1),
      fc.integer({ min: 1, max: 32_767 }).map((s) => s * 1000),
    ),
    cookie: fc.option(fc.uint8Array({ minLength: 0, maxLength: 8 })),
    text: fc.uint8Array({ maxLength: 100 }),
  })
  .map((field) => {
    const out = new Segment();
    const syn = (field.flags & SYN) !== 0;
    [out.sourcePort, out.destinationPort] = field.ports;
    out.seq = seq(field.numbers[0]);
    out.ack = seq(field.numbers[1]);
    out.flags = field.flags;
    out.wnd = field.wnd;
    out.up = field.up;
    if (syn) {
      out.mss = field.mss;
      out.windowScale = field.windowScale;
      out.sackPermitted = field.sackPermitted;
      const length = (field.cookie?.length ?? -2) * 2;
      if (field.cookie !== null && (length === 0 || length >= 4) && length <= 12) {
        out.fastOpenLength = length;
        for (let i = 0; i < length; i++) out.fastOpenCookie[i] = field.cookie[i >> 1]! ^ i;
      }
    } else {
      const most = (field.timestamps === null ? 4 : 3) - (field.userTimeout < 0 ? 0 : 1);
      out.sackCount = Math.min(most, field.sack.length);
      for (let i = 0; i < out.sackCount; i++) {
        out.sack[2 * i] = seq(field.sack[i]!);
        out.sack[2 * i + 1] = seq(field.sack[i]! + 1000);
      }
    }
    if (field.timestamps !== null) {
      out.hasTimestamps = true;
      [out.tsVal, out.tsEcr] = field.timestamps;
    }
    out.userTimeout = field.userTimeout;
    out.bytes = field.text;
    out.payloadLength = field.text.length;
    return out;
  });

/** What two segments have to share to be the same on the wire. */
export function fields(of: Segment): unknown {
  const { bytes, payloadOffset, payloadLength, source, sack, fastOpenCookie, ecn, gsoSize, ...rest } = of;
  const text = new Uint8Array(payloadLength);
  of.copyPayload(0, payloadLength, text, 0);
  return {
    ...rest,
    sack: sack.slice(0, 2 * of.sackCount),
    cookie: [...fastOpenCookie.subarray(0, Math.max(0, of.fastOpenLength))],
    text: [...text],
  };
}
