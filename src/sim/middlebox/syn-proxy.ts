import type { Frame } from '../../link/device.ts';
import type { IpHeader } from '../../wire/ip-header.ts';
import { ACK, RST, Segment, SYN } from '../../wire/segment.ts';
import { add, diff, type Seq, seq } from '../../wire/seq.ts';
import { rewrite, Sight, segmentFrame } from '../packet.ts';
import { flowKey, opens } from './flow.ts';
import type { Middlebox, Way } from './middlebox.ts';

interface Proxied {
  /** The client's ISS, the proxy's own towards the client, and, once known, what the server's is more than that. */
  readonly clientIss: Seq;
  readonly proxyIss: Seq;
  shift: number | null;
  serverAsked: boolean;
}

const MSS = 1460;

/**
 * Stands before a server (the link's second node) and answers SYNs in its place; only a client that brings the third segment is let through. The
 * server's numbers are shifted from then on. A flood of SYNs never reaches the server (RFC 4987 §3.7).
 */
export class SynProxy implements Middlebox {
  readonly name = 'SYN proxy';
  /** SYNs that it answered, and clients that it let through. */
  answered = 0;
  admitted = 0;
  readonly #flows = new Map<string, Proxied>();
  readonly #sight = new Sight();

  handle(frame: Frame, direction: 'forward' | 'back', way: Way): void {
    const { ip, segment } = this.#sight.look(frame);
    if (segment === null) {
      way.forward(frame);
      return;
    }
    const key = flowKey(ip, segment, direction);
    if (direction === 'forward') this.#fromClient(key, frame, ip, segment, way);
    else this.#fromServer(key, frame, ip, segment, way);
  }

  #fromClient(key: string, frame: Frame, ip: IpHeader, segment: Segment, way: Way): void {
    let flow = this.#flows.get(key);
    if (opens(segment)) {
      if (flow === undefined || flow.clientIss !== segment.seq) {
        flow = { clientIss: segment.seq, proxyIss: seq(way.random.word()), shift: null, serverAsked: false };
        this.#flows.set(key, flow);
      }
      this.answered++;
      way.back(reply(ip, segment, flow.proxyIss, add(segment.seq, 1), SYN | ACK));
      way.free(frame);
      return;
    }
    if (flow === undefined) {
      way.forward(frame);
      return;
    }
    if (flow.shift === null) {
      if (!segment.has(ACK) || diff(segment.ack, flow.proxyIss) !== 1) {
        way.lose(frame, 'its ACK does not fit');
        return;
      }
      // The ACK is used up; text waits for its retransmission.
      if (!flow.serverAsked) {
        flow.serverAsked = true;
        this.admitted++;
        const syn = new Segment();
        syn.sourcePort = segment.sourcePort;
        syn.destinationPort = segment.destinationPort;
        syn.seq = flow.clientIss;
        syn.flags = SYN;
        syn.mss = MSS;
        syn.wnd = segment.wnd;
        way.forward(segmentFrame(ip.sourceAddress(), ip.destinationAddress(), syn));
      }
      way.free(frame);
      return;
    }
    const { shift } = flow;
    const moved = rewrite(frame, (s) => {
      if (s.has(ACK)) s.ack = add(s.ack, shift);
      for (let i = 0; i < 2 * s.sackCount; i++) s.sack[i] = add(s.sack[i]!, shift);
    });
    way.free(frame);
    way.forward(moved!);
  }

  #fromServer(key: string, frame: Frame, ip: IpHeader, segment: Segment, way: Way): void {
    const flow = this.#flows.get(key);
    if (flow === undefined) {
      way.forward(frame);
      return;
    }
    if (segment.has(SYN) && segment.has(ACK)) {
      flow.shift = diff(segment.seq, flow.proxyIss);
      // The server's handshake is ended by us, the client's was ended before: it learns the server's window.
      way.back(reply(ip, segment, add(flow.clientIss, 1), add(segment.seq, 1), ACK));
      const { shift } = flow;
      const update = rewrite(frame, (s) => {
        s.flags = ACK;
        s.seq = add(s.seq, 1 - shift);
        s.clearOptions();
      });
      way.free(frame);
      way.forward(update!);
      return;
    }
    if (segment.has(RST)) this.#flows.delete(key);
    const shift = flow.shift ?? 0;
    const moved = rewrite(frame, (s) => {
      s.seq = add(s.seq, -shift);
    });
    way.free(frame);
    way.forward(moved!);
  }
}

function reply(ip: IpHeader, segment: Segment, number: Seq, ack: Seq, flags: number): Frame {
  const answer = new Segment();
  answer.sourcePort = segment.destinationPort;
  answer.destinationPort = segment.sourcePort;
  answer.seq = number;
  answer.ack = ack;
  answer.flags = flags;
  // Closed until the server's is known.
  answer.wnd = flags & SYN ? 0 : 65_535;
  if (flags & SYN) answer.mss = MSS;
  return segmentFrame(ip.destinationAddress(), ip.sourceAddress(), answer);
}
