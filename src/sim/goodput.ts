import { linux, type TcpConfig } from '../tcp/config.ts';
import type { CongestionName } from '../tcp/congestion/controller.ts';
import { Network } from './network.ts';
import { DropTail } from './queue.ts';

/** One flow over one path. */
export interface GoodputCase {
  readonly control: CongestionName;
  /** Bottleneck, bits a second of whole IP packets. */
  readonly rate: number;
  /** Round trip without a queue, ms. */
  readonly rtt: number;
  /** Probability that a packet of text is lost, each by itself, behind the bottleneck. ACKs are not. */
  readonly loss: number;
  /** Seconds that are measured, after `warm` that are not. */
  readonly seconds: number;
  readonly warm?: number;
  readonly seed?: number;
  readonly config?: Partial<TcpConfig>;
}

/** Packets of 1500 bytes, IPv4, timestamps: text of a segment. */
const PACKET = 1500;
const TEXT = 1448;

/** Text that a bulk transfer brings over the path, bits a second. The bottleneck's queue has room for one bandwidth-delay product. */
export function measureGoodput({ control, rate, rtt, loss, seconds, warm = 5, seed = 1, config }: GoodputCase): number {
  const net = new Network({ seed });
  const settings = { config: { ...linux, tcp_congestion_control: control, ...config } };
  const [client, server] = [net.host('client', settings), net.host('server', settings)];
  const packets = Math.max(20, Math.ceil((rate * rtt) / 1000 / 8 / PACKET));
  net.link(client, server, {
    delay: `${rtt / 2}ms`,
    rate: `${rate}bit`,
    forward: { loss, queue: () => new DropTail({ packets }) },
  });
  let received = 0;
  server.stack.listen({ port: 80 }, (socket) => {
    socket.events = {
      onReadable: () => {
        received += socket.consume(() => {});
      },
    };
  });
  const chunk = new Uint8Array(65_536);
  const push = (): void => {
    while (sender.send(chunk, false) === chunk.length);
  };
  const sender = client.stack.connect({
    remoteAddress: server.addresses[0]!,
    remotePort: 80,
    events: { onConnect: push, onWritable: push },
  });
  net.advance(`${warm}s`);
  const before = received;
  net.advance(`${seconds}s`);
  return ((received - before) * 8) / seconds;
}

/** Bits a second of text that the path could carry at most, with nothing sent in vain but what is lost. */
export function capacity({ rate, loss }: Pick<GoodputCase, 'rate' | 'loss'>): number {
  return ((rate * TEXT) / PACKET) * (1 - loss);
}

/**
 * What theory has for the case, bits a second. Loss-based control is between two formulas. `most`: additive increase and multiplicative decrease without
 * any time-out and with one reduction for each loss (Mathis, Semke, Mahdavi and Ott, 1997): √(3/2p) segments a round trip for Reno, √(1.7/0.6p) for CUBIC,
 * whose increase is one segment at most (RFC 9438 §4.3), and CUBIC's own response function where that is more (§5.1). `least`: Reno with the time-outs
 * that it has without SACK (Padhye, Firoiu, Towsley and Kurose, 1998, equation 30); CUBIC is not to be below it. ACKs count for what they acknowledge, so that
 * delayed ones change nothing (b = 1). BBR does not answer to loss: `least` leaves it 15 % for probing and for recovery.
 */
export function goodputBounds(of: Pick<GoodputCase, 'control' | 'rate' | 'rtt' | 'loss'>): {
  readonly least: number;
  readonly most: number;
} {
  const top = capacity(of);
  const { control, loss } = of;
  if (loss === 0) return { least: 0.95 * top, most: top };
  if (control === 'bbr') return { least: 0.85 * top, most: top };
  const rtt = of.rtt / 1000;
  const bits = TEXT * 8;
  const aimd = Math.sqrt((control === 'reno' ? 1.5 : 1.7 / 0.6) / loss) / rtt;
  const cubic = control === 'cubic' ? cubicRate(loss, rtt) : 0;
  const reno = padhye(loss, rtt, rtt + linux.rtoMargin / 1e6);
  return {
    least: Math.min(top, bits * Math.max(reno, cubic)),
    most: Math.min(top, bits * Math.max(aimd, cubic)),
  };
}

/** Segments a second; `rtt` and the first time-out `rto` in seconds. */
function padhye(p: number, rtt: number, rto: number): number {
  const timeouts = Math.min(1, 3 * Math.sqrt((3 * p) / 8)) * p * (1 + 32 * p * p);
  return 1 / (rtt * Math.sqrt((2 * p) / 3) + rto * timeouts);
}

/** Segments a second: RFC 9438 §5.1, equation 6, with β 0.7 and C 0.4. */
function cubicRate(p: number, rtt: number): number {
  return (1.054 * rtt ** 0.75) / p ** 0.75 / rtt;
}
