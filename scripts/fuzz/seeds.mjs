// What coverage-guided fuzzing begins with: the captures of two Linux kernels in test/fixtures, and traces of our own, as inputs of the targets.
import { readdirSync, readFileSync } from 'node:fs';

const FIN = 1;
const SYN = 2;
const RST = 4;

/** `lib`: the modules of dist/. */
export async function seeds(lib, directory) {
  const conversations = [];
  const files = [];
  for (const name of readdirSync(directory).filter((file) => file.endsWith('.pcap'))) {
    const file = readFileSync(new URL(name, directory));
    files.push(file);
    const frames = lib.readCapture(file).frames.filter((frame) => frame.ipOffset >= 0);
    conversations.push(frames.map(({ time, bytes, ipOffset }) => ({ time, bytes: bytes.subarray(ipOffset) })));
  }
  for (let seed = 1; seed <= 24; seed++) conversations.push(ownTrace(lib, seed));
  const wire = files.slice(0, 12).map((file) => Uint8Array.of(2, ...file.subarray(0, 1500)));
  const stack = [];
  for (const packets of conversations) {
    for (const { bytes } of packets.slice(0, 12)) wire.push(Uint8Array.of(0, ...bytes.subarray(0, 200)));
    for (const client of [true, false]) {
      const program = asProgram(lib, packets, client);
      if (program !== null) for (const kind of [0, 3, 4, 7]) stack.push(Uint8Array.of(kind, ...program));
    }
  }
  return { wire, stack };
}

/** The packets of a campaign's run. */
function ownTrace(lib, seed) {
  const packets = [];
  lib.runCampaign(seed, {
    sabotage: (net) =>
      net.observe(({ kind, time, frame }) => {
        if (kind !== 'sent' || packets.length >= 200) return;
        packets.push({ time, bytes: frame.bytes.slice(frame.offset, frame.offset + frame.length) });
      }),
  });
  return packets;
}

/** A conversation as a program for the stack's target. `client`: the one who opens is the peer, and we are the server; else the other way round. */
function asProgram(lib, packets, client) {
  const { IpHeader, Segment, parseIp, parseTcp, toUint32, TRUST_CHECKSUM } = lib;
  const out = [];
  let first = null;
  let time = 0;
  const iss = new Map();
  for (const { time: at, bytes } of packets) {
    const ip = new IpHeader();
    const segment = new Segment();
    if (parseIp(bytes, 0, bytes.length, ip, TRUST_CHECKSUM) !== null || ip.protocol !== 6) continue;
    if (parseTcp(bytes, ip.payloadOffset, ip.payloadLength, segment) !== null) continue;
    const from = `${ip.sourceAddress()} ${segment.sourcePort}`;
    const to = `${ip.destinationAddress()} ${segment.destinationPort}`;
    const { flags, payloadLength } = segment;
    if (first === null && (flags & SYN) === 0) continue;
    first ??= { from, to };
    if (![from, to].includes(first.from) || ![from, to].includes(first.to)) continue;
    if (flags & SYN) iss.set(from, toUint32(segment.seq));
    const theirs = (from === first.from) === client;
    if (out.length > 0) {
      const gap = Math.min(65_535, Math.round((at - time) / 10_000));
      if (gap > 0) out.push(lib.PASS, gap >> 8, gap & 255);
    }
    time = at;
    if (!theirs) {
      if (flags & SYN && from === first.from) out.push(lib.CALL, 5, 0);
      else if (payloadLength > 0) out.push(lib.CALL, 0, payloadLength & 255);
      if (flags & FIN) out.push(lib.CALL, 1, 0);
      if (flags & RST) out.push(lib.CALL, 3, 0);
    } else {
      const header = bytes.subarray(ip.payloadOffset, segment.payloadOffset);
      const options = header.subarray(20);
      const seq = (toUint32(segment.seq) - (iss.get(from) ?? 0)) >>> 0;
      const ack = flags & 16 ? (toUint32(segment.ack) - (iss.get(to) ?? 0)) >>> 0 : 0;
      const length = Math.min(1400, payloadLength);
      out.push(lib.SEGMENT, flags & 255, options.length / 4, length >> 8, length & 255, client ? 0 : 1);
      out.push(...words(seq), ...words(ack), segment.wnd >> 8, segment.wnd & 255, 0, 0, ip.ecn << 6, 0, ...options);
      if (payloadLength > 0) out.push(lib.CALL, 4, 0);
    }
    if (out.length > 1200) break;
  }
  return out.length === 0 ? null : out;
}

function words(n) {
  return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
}
