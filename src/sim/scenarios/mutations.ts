import { CHECKSUM_VERIFIED, type Frame } from '../../link/device.ts';
import type { TcpConfig } from '../../tcp/config.ts';
import { ACK, FIN, Segment, SYN } from '../../wire/segment.ts';
import { add, diff, type Seq, seq } from '../../wire/seq.ts';
import type { Edge, SimHost } from '../host.ts';
import { rewrite, Sight, segmentFrame } from '../packet.ts';
import { type Text, t } from './text.ts';

export type MutationName = 'two-way' | 'no-time-wait' | 'constant-isn' | 'fin-once' | 'separate-fin' | 'no-checksum';

export interface Mutation {
  readonly name: MutationName;
  /** Which rule is taken out. */
  readonly text: Text;
  readonly config?: Partial<TcpConfig>;
  readonly edge?: () => Edge;
}

/** Counterfactuals: what TCP would be without one of its rules. Both hosts have it. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'two-way',
    text: t(
      'the third segment of the handshake is not waited for: a server is ESTABLISHED as soon as it has sent its SYN,ACK',
      '握手不等第三个报文段：服务器发出 SYN,ACK 后立即进入 ESTABLISHED',
    ),
    edge: () => new TwoWay(),
  },
  {
    name: 'no-time-wait',
    text: t(
      'there is no TIME-WAIT: whoever closes first forgets at once',
      '没有 TIME-WAIT：主动关闭的一方立即忘掉连接',
    ),
    config: { timeWait: 0 },
  },
  {
    name: 'constant-isn',
    text: t('every connection begins at the same sequence number', '所有连接都从同一个初始序号开始'),
    edge: () => new ConstantIsn(),
  },
  {
    name: 'fin-once',
    text: t('a FIN is sent once, and not again', 'FIN 只发送一次，丢了也不重传'),
    edge: () => new FinOnce(),
  },
  {
    name: 'separate-fin',
    text: t(
      "an ACK of the peer's FIN and an own FIN never go in one segment",
      '对对方 FIN 的确认和自己的 FIN 不得放在同一个报文段里',
    ),
    edge: () => new SeparateFin(),
  },
  {
    name: 'no-checksum',
    text: t('nobody looks at checksums', '谁也不检查校验和'),
    edge: () => new NoChecksum(),
  },
];

export function mutation(name: string): Mutation | undefined {
  return MUTATIONS.find((one) => one.name === name);
}

/** All connections of a host begin at the same number. */
export function constantIsn(): Edge {
  return new ConstantIsn();
}

/** Takes a rule out of a host. What belongs into its configuration is for whoever makes it. */
export function mutate(host: SimHost, { edge }: Mutation): void {
  if (edge !== undefined) host.edge = edge();
}

/** Each SYN,ACK is answered by the network card itself. */
class TwoWay implements Edge {
  readonly #sight = new Sight();

  out(frame: Frame, send: (frame: Frame) => void, deliver: (frame: Frame) => void): void {
    const { ip, segment } = this.#sight.look(frame);
    const answer = segment !== null && (segment.flags & (SYN | ACK)) === (SYN | ACK) ? new Segment() : null;
    if (answer !== null && segment !== null) {
      answer.sourcePort = segment.destinationPort;
      answer.destinationPort = segment.sourcePort;
      answer.seq = segment.ack;
      answer.ack = add(segment.seq, 1);
      answer.flags = ACK;
      answer.wnd = 502;
      if (segment.hasTimestamps) {
        answer.hasTimestamps = true;
        answer.tsVal = segment.tsEcr;
        answer.tsEcr = segment.tsVal;
      }
    }
    const forged = answer === null ? null : segmentFrame(ip.destinationAddress(), ip.sourceAddress(), answer);
    send(frame);
    if (forged !== null) deliver(forged);
  }

  in(frame: Frame): Frame | null {
    return frame;
  }
}

/** The FIN's retransmissions never leave. */
class FinOnce implements Edge {
  readonly #sight = new Sight();
  readonly #sent = new Set<string>();

  out(frame: Frame, send: (frame: Frame) => void): void {
    const { segment } = this.#sight.look(frame);
    if (segment?.has(FIN)) {
      const key = `${segment.sourcePort} ${segment.destinationPort} ${String(add(segment.seq, segment.len) as unknown)}`;
      // It vanishes inside the host: nobody has lost it.
      if (this.#sent.has(key)) return;
      this.#sent.add(key);
    }
    send(frame);
  }

  in(frame: Frame): Frame | null {
    return frame;
  }
}

/** The second and third wave are never merged. */
class SeparateFin implements Edge {
  readonly #sight = new Sight();
  /** FINs that came and were not acknowledged, by the ports they came from and to. */
  readonly #owed = new Set<string>();

  out(frame: Frame, send: (frame: Frame) => void): void {
    const { segment } = this.#sight.look(frame);
    const key = `${segment?.destinationPort} ${segment?.sourcePort}`;
    const both = segment?.has(FIN) && this.#owed.has(key);
    if (segment?.has(ACK)) this.#owed.delete(key);
    if (both) {
      send(
        rewrite(frame, (s) => {
          s.flags = ACK;
          s.payloadLength = 0;
        })!,
      );
    }
    send(frame);
  }

  in(frame: Frame): Frame | null {
    const { segment } = this.#sight.look(frame);
    if (segment?.has(FIN)) this.#owed.add(`${segment.sourcePort} ${segment.destinationPort}`);
    return frame;
  }
}

/** What arrives is taken for right. */
class NoChecksum implements Edge {
  out(frame: Frame, send: (frame: Frame) => void): void {
    send(frame);
  }

  in(frame: Frame): Frame | null {
    frame.checksum = CHECKSUM_VERIFIED;
    return frame;
  }
}

const FIRST = 1_000_000;

/** Outside, all numbers of a connection are shifted so that its SYN has the same one as all others'. */
class ConstantIsn implements Edge {
  readonly #sight = new Sight();
  /** By ports: what is added to the numbers of this host. */
  readonly #shifts = new Map<string, number>();

  out(frame: Frame, send: (frame: Frame) => void): void {
    const { segment } = this.#sight.look(frame);
    if (segment === null) {
      send(frame);
      return;
    }
    const key = `${segment.sourcePort} ${segment.destinationPort}`;
    if (segment.has(SYN)) this.#shifts.set(key, diff(seq(FIRST), segment.seq));
    const shift = this.#shifts.get(key) ?? 0;
    send(
      rewrite(frame, (s) => {
        s.seq = add(s.seq, shift);
      })!,
    );
  }

  in(frame: Frame): Frame | null {
    const { segment } = this.#sight.look(frame);
    const shift = segment === null ? 0 : this.#shifts.get(`${segment.destinationPort} ${segment.sourcePort}`);
    if (!shift) return frame;
    const back = (n: Seq) => add(n, -shift);
    return rewrite(frame, (s) => {
      if (s.has(ACK)) s.ack = back(s.ack);
      for (let i = 0; i < 2 * s.sackCount; i++) s.sack[i] = back(s.sack[i]!);
    });
  }
}
