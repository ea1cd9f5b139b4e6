import { get16, get32, put16, put32 } from '../wire/bytes.ts';
import { finish, sum } from '../wire/checksum.ts';
import { parseIp } from '../wire/ip.ts';
import { IpHeader, TCP, TRUST_CHECKSUM } from '../wire/ip-header.ts';
import { IPV6_HEADER } from '../wire/ipv6.ts';
import { CWR, FIN, PSH } from '../wire/segment.ts';
import { fillChecksum, fillPseudoChecksum, TCP_CHECKSUM, TCP_HEADER } from '../wire/tcp.ts';
import { CHECKSUM_PARTIAL, type Frame } from './device.ts';

/** Where the control bits FIN … CWR stand in the TCP header. */
const FLAGS = 13;

/** How a frame that stands for several segments is cut into shorter ones, whose headers are made from its own. */
export class Segmentation {
  /** Bytes of IP and TCP header, and of the text behind them. */
  header = 0;
  text = 0;
  readonly #ip = new IpHeader();
  #tcpAt = 0;
  #flags = 0;
  #firstSeq = 0;

  /** Reads a frame's headers. False where it holds no whole TCP segment. */
  read({ bytes, offset, length }: Frame): boolean {
    const ip = this.#ip;
    if (parseIp(bytes, offset, length, ip, TRUST_CHECKSUM) !== null) return false;
    if (ip.protocol !== TCP || ip.isFragment || ip.payloadLength < TCP_HEADER) return false;
    const tcpLength = (bytes[ip.payloadOffset + 12]! >>> 4) << 2;
    if (tcpLength < TCP_HEADER || tcpLength > ip.payloadLength) return false;
    this.#tcpAt = ip.payloadOffset - offset;
    this.header = this.#tcpAt + tcpLength;
    this.text = ip.payloadLength - tcpLength;
    this.#flags = bytes[ip.payloadOffset + FLAGS]!;
    this.#firstSeq = get32(bytes, ip.payloadOffset + 4);
    return true;
  }

  /**
   * Makes the header at the frame's offset, a copy of the one that was read, that of the text's bytes `from` … `from + length`, which are behind it, and
   * sets the frame's length. `index`: which of the pieces it is. As network cards do: what ends the text is said at its end, what answers
   * the peer's ECE is said once. The checksum is completed unless the frame's `checksum` says that somebody else does that.
   */
  write(frame: Frame, from: number, length: number, index: number): void {
    const { bytes, offset } = frame;
    const ip = this.#ip;
    const tcpLength = this.header - this.#tcpAt;
    const tcp = offset + this.#tcpAt;
    put32(bytes, tcp + 4, this.#firstSeq + from);
    let kept = this.#flags;
    if (from + length < this.text) kept &= ~(FIN | PSH);
    if (index > 0) kept &= ~CWR;
    bytes[tcp + FLAGS] = kept;
    frame.length = this.header + length;
    if (ip.version === 6) put16(bytes, offset + 4, frame.length - IPV6_HEADER);
    else {
      put16(bytes, offset + 2, frame.length);
      put16(bytes, offset + 4, get16(bytes, offset + 4) + index);
      put16(bytes, offset + 10, 0);
      put16(bytes, offset + 10, finish(sum(bytes, offset, ip.headerLength)));
    }
    put16(bytes, tcp + TCP_CHECKSUM, 0);
    const pseudo = ip.pseudoSum(TCP, tcpLength + length);
    if (frame.checksum === CHECKSUM_PARTIAL) fillPseudoChecksum(bytes, tcp, pseudo);
    else fillChecksum(bytes, tcp, tcpLength + length, pseudo);
  }
}
