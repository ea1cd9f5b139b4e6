import type { KeyedHash } from '../../../src/ip/header.ts';
import { type Family, IpAddress } from '../../../src/wire/address.ts';
import { put16, put32 } from '../../../src/wire/bytes.ts';
import { finish, sum } from '../../../src/wire/checksum.ts';
import { buildIp, ipHeaderLength, parseIp } from '../../../src/wire/ip.ts';
import { IpHeader, TCP } from '../../../src/wire/ip-header.ts';

/** Who sends (THEM) and who receives (US) in these tests. */
export const THEM = { 4: IpAddress.of('198.51.100.7'), 6: IpAddress.of('2001:db8:7::1') } as const;
export const US = { 4: IpAddress.of('192.0.2.1'), 6: IpAddress.of('2001:db8::1') } as const;

/** A hash that is no secret, but mixes. */
export const HASH: KeyedHash = {
  of3(a, b, c) {
    let h = 0x9e3779b9 | 0;
    for (const word of [a, b, c]) {
      h = Math.imul(h ^ word, 0x85ebca6b);
      h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
      h ^= h >>> 16;
    }
    return h;
  },
};

export interface PacketFields {
  readonly source?: IpAddress;
  readonly destination?: IpAddress;
  readonly protocol?: number;
  readonly id?: number;
  readonly ecn?: number;
  readonly dscp?: number;
}

/** A packet from THEM to US. */
export function packet(family: Family, text: Uint8Array, fields: PacketFields = {}): Uint8Array {
  const header = new IpHeader();
  header.setAddresses(fields.source ?? THEM[family], fields.destination ?? US[family]);
  header.protocol = fields.protocol ?? TCP;
  header.id = fields.id ?? 0;
  header.ecn = fields.ecn ?? 0;
  header.dscp = fields.dscp ?? 0;
  header.payloadLength = text.length;
  const size = ipHeaderLength(family);
  const bytes = new Uint8Array(size + text.length);
  buildIp(header, bytes, 0);
  bytes.set(text, size);
  return bytes;
}

/** Parsed, or the test fails. */
export function parsed(bytes: Uint8Array, offset = 0, length = bytes.length): IpHeader {
  const header = new IpHeader();
  const reason = parseIp(bytes, offset, length, header);
  if (reason !== null) throw new Error(reason);
  return header;
}

/**
 * The piece `from … to` of the text of `whole`, a packet whose header (and extension headers, IPv6) take `before` bytes. IPv6: a fragment header
 * goes in between, and `field` is where its number goes.
 */
export function piece(
  whole: Uint8Array,
  id: number,
  from: number,
  to: number,
  before: number = ipHeaderLength(whole[0]! >>> 4 === 4 ? 4 : 6),
  field = 6,
): Uint8Array {
  const more = before + to < whole.length;
  const text = whole.subarray(before + from, before + to);
  if (whole[0]! >>> 4 === 4) {
    const out = new Uint8Array(before + text.length);
    out.set(whole.subarray(0, before));
    out.set(text, before);
    put16(out, 2, out.length);
    put16(out, 4, id);
    put16(out, 6, (more ? 0x2000 : 0) | (from >>> 3));
    put16(out, 10, 0);
    put16(out, 10, finish(sum(out, 0, before)));
    return out;
  }
  const out = new Uint8Array(before + 8 + text.length);
  out.set(whole.subarray(0, before));
  out.set(text, before + 8);
  put16(out, 4, out.length - 40);
  out[before] = out[field]!;
  out[field] = 44;
  put16(out, before + 2, from | (more ? 1 : 0));
  put32(out, before + 4, id);
  return out;
}

/** All pieces of a packet's text, cut at `cuts` (units of 8 bytes). */
export function pieces(
  whole: Uint8Array,
  id: number,
  cuts: readonly number[],
  before?: number,
  field?: number,
): Uint8Array[] {
  const size = before ?? ipHeaderLength(whole[0]! >>> 4 === 4 ? 4 : 6);
  const total = whole.length - size;
  const inside = cuts.map((cut) => cut * 8).filter((cut) => cut > 0 && cut < total);
  const at = [...new Set([0, ...inside, total])].sort((a, b) => a - b);
  return at.slice(1).map((to, i) => piece(whole, id, at[i]!, to, size, field));
}
