// Segments of the peer as packets, and back.
import {
  buildIp,
  buildTcp,
  fillChecksum,
  IpAddress,
  IpHeader,
  ipHeaderLength,
  parseIp,
  parseTcp,
  Segment,
  TCP,
} from '../../dist/wire/index.js';

/** The subject, the kernel or ours. */
export const SUBJECT = IpAddress.parse('10.9.0.1');
export const PREFIX = 16;
const PEER_PORT = 4000;

/** Every sequence has a peer of its own, 10.9.1.0 and on: what is left of one, and still sends, is not heard by another. */
export function peerAddress(index) {
  const n = index % (254 * 256);
  return IpAddress.parse(`10.9.${1 + (n >> 8)}.${n & 255}`);
}

/** `step` as the packet that plays it to the subject that `view` sees; `clock`: the peer's timestamps, ms. */
export function build(step, sequence, view, from, subjectPort, clock) {
  const s = new Segment();
  s.sourcePort = PEER_PORT;
  s.destinationPort = subjectPort;
  s.flags = step.flags;
  s.seq = (sequence.irs + step.seq) | 0;
  s.ack = step.ack === null ? 0 : (view.base + step.ack) | 0;
  s.wnd = step.window;
  s.up = step.urgent;
  s.mss = step.mss;
  s.sackPermitted = step.sackPermitted;
  s.windowScale = step.windowScale;
  if (step.timestamps !== 'none') {
    s.hasTimestamps = true;
    s.tsVal = step.timestamps === 'old' ? 1 : 1_000_000 + clock;
    s.tsEcr = step.ack === null ? 0 : view.tsVal;
  }
  s.bytes = new Uint8Array(step.bytes);
  s.payloadLength = step.bytes;
  const header = new IpHeader();
  header.setAddresses(from, SUBJECT);
  header.protocol = TCP;
  header.hopLimit = 64;
  const bytes = new Uint8Array(120 + step.bytes);
  const start = ipHeaderLength(4);
  const length = buildTcp(s, bytes, start);
  header.payloadLength = length;
  buildIp(header, bytes, 0);
  fillChecksum(bytes, start, length, header.pseudoSum(TCP, length));
  return bytes.subarray(0, start + length);
}

const header = new IpHeader();
const segment = new Segment();

/** A packet of the subject: whom it is for (`10.9.1.7`), and what of it counts. Null where it is none of TCP. */
export function read(bytes, offset, length) {
  if (parseIp(bytes, offset, length, header) !== null || header.protocol !== TCP) return null;
  if (parseTcp(bytes, header.payloadOffset, header.payloadLength, segment) !== null) return null;
  const { flags, wnd: window, mss, sackPermitted, windowScale, hasTimestamps, tsVal, payloadLength } = segment;
  const reply = { flags, seq: segment.seq >>> 0, ack: segment.ack >>> 0, window, bytes: payloadLength };
  const to = `${header.destinationAddress()}`;
  return { to, reply: { ...reply, mss, sackPermitted, windowScale, hasTimestamps, tsVal } };
}
export { PEER_PORT };
