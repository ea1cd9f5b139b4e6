import { AE, CE, CWR, ECE, ECT0, ECT1, NOT_ECT, type Segment } from '../wire/segment.ts';
import { effectiveMss } from './mss.ts';
import type { Tcb } from './tcb.ts';

/**
 * More accurate ECN feedback (RFC 9768): a receiver counts the marked segments and tells the count modulo 8 in the ACE field, the three
 * flags AE, CWR and ECE, of every segment without SYN, and the bytes in an option. Handshake segments tell in the field how the other's SYN
 * arrived.
 */

/** §3.2.1: the counters begin where no flag combination of RFC 3168 is. */
const INITIAL_COUNT = 5;
/** §3.2.2.5.1: an ACK for at least so many marks. */
const MARKS_PER_ACK = 2;
const MASK = 7;
/** The option's counters have 24 bits. */
const COUNTER = 0xff_ffff;
/** Where ACKs for more segments than this are usual the receiver, or somebody on the way, puts them together (Linux). */
const STRETCHED = 4;

/** §3.1.1 and §3.2.2.1, tables 2 and 3: how a SYN or SYN,ACK arrived, as an ACE field, by the ECN bits of its IP header. */
const ARRIVAL: readonly number[] = [0b010, 0b011, 0b100, 0b110];

/** The ACE field of a segment, and the flags that say it. */
export function aceOf(flags: number): number {
  return (flags & AE ? 4 : 0) | (flags & CWR ? 2 : 0) | (flags & ECE ? 1 : 0);
}
export function aceFlags(ace: number): number {
  return (ace & 4 ? AE : 0) | (ace & 2 ? CWR : 0) | (ace & 1 ? ECE : 0);
}

/** One connection's counters. */
export class AccEcn {
  /** r.cep: marked segments that arrived; s.cep: those that the peer told of. Whole numbers, not modulo 8. */
  rCep = INITIAL_COUNT;
  sCep = INITIAL_COUNT;
  /** Our text may be ECN-capable: the path has not been seen to wipe out the feedback. */
  mayMark = true;
  /** How the peer's SYN or SYN,ACK arrived. */
  private readonly arrival: number;
  /** The same, as the ECN bits of its IP header. */
  readonly synEcn: number;
  /** As a client: the next segment answers the SYN,ACK. */
  private answerDue = false;
  /** As a server: the ACK of the SYN,ACK is still to come. */
  private expectsAnswer = true;
  /** r.e0b, r.ceb, r.e1b (§3.2.1): bytes of text that arrived by ECN bits; and s.ceb, as far as the peer has told. */
  private rE0b = 1;
  private rCeb = 0;
  private rE1b = 1;
  private sCeb = 0;
  /** What the counters were in sum when they were last told. */
  private told = 2;
  private marksSinceAck = 0;
  /** Segments that an ACK covers, smoothed. */
  private perAck = 2;

  constructor(ecn: number) {
    this.arrival = ARRIVAL[ecn]!;
    this.synEcn = ecn;
  }

  /** §3.1.1: as a server: what the SYN,ACK says of the SYN. */
  get synAckFlags(): number {
    return aceFlags(this.arrival);
  }

  /** As a client: the SYN,ACK says how our SYN arrived. Sent as not ECN-capable, it arrives otherwise only by a broken path (§3.2.2.3). */
  synArrived(answer: number): void {
    if (aceOf(answer) !== ARRIVAL[NOT_ECT]) this.mayMark = false;
    this.answerDue = true;
    this.expectsAnswer = false;
    // The SYN,ACK itself counts (§3.2.2.1).
    if (this.arrival === ARRIVAL[CE]) this.rCep++;
  }

  /** The ACE field of a segment that leaves (§3.2.2): the client's ACK of the SYN,ACK tells how that arrived. */
  stamp(tcb: Tcb, segment: Segment): void {
    let ace = this.rCep & MASK;
    if (this.answerDue) {
      ace = this.arrival;
      // Text is sent with the counter; the handshake's encoding is for the first ACK, and those that say the same before text came.
      if (segment.payloadLength > 0 || tcb.bytesReceived > 0) {
        ace = this.rCep & MASK;
        this.answerDue = false;
      }
    }
    segment.flags |= aceFlags(ace);
    this.marksSinceAck = 0;
    this.putOption(tcb, segment);
  }

  /** §3.2.3.3: the byte counters, where they have changed and there is room: on pure ACKs, as what has text is cut to size without them. */
  private putOption(tcb: Tcb, segment: Segment): void {
    const sum = this.rE0b + this.rCeb + this.rE1b;
    if (!tcb.config.tcp_ecn_option || segment.payloadLength > 0 || segment.sackCount > 0 || sum === this.told) return;
    this.told = sum;
    segment.accEcnE0b = this.rE0b & COUNTER;
    segment.accEcnCeb = this.rCeb & COUNTER;
    segment.accEcnE1b = this.rE1b & COUNTER;
  }

  /** An acceptable segment arrived (§3.2.2.5.1). Returns whether an ACK is due for its mark. */
  arrived(_tcb: Tcb, segment: Segment): boolean {
    const text = segment.payloadLength;
    if (segment.ecn === ECT0) this.rE0b += text;
    else if (segment.ecn === ECT1) this.rE1b += text;
    if (segment.ecn !== CE) return false;
    this.rCeb += text;
    const marks = segment.wireSegments;
    this.rCep += marks;
    this.marksSinceAck += marks;
    return this.marksSinceAck >= MARKS_PER_ACK;
  }

  /** What an ACK says (§3.2.2.5.2, appendix A.2.1): how many segments it reports marked. `acked`: bytes newly acknowledged. */
  feedback(tcb: Tcb, segment: Segment, acked: number): number {
    const ace = aceOf(segment.flags);
    if (this.expectsAnswer) {
      this.expectsAnswer = false;
      return this.thirdAck(ace, segment.payloadLength === 0);
    }
    if (acked === 0 && segment.payloadLength === 0 && ace === (this.sCep & MASK)) return 0;
    // An ACK for eight segments or more, where such are not usual, stands for lost ones, and the count may have gone round: then it is taken
    // for as many as it can be (the safest likely case).
    const least = (ace - this.sCep) & MASK;
    const segments = Math.ceil(acked / effectiveMss(tcb));
    if (segments > 0) this.perAck += (segments - this.perAck) / 64;
    let marked = least;
    if (segment.accEcnCeb >= 0) {
      // The bytes say how often it went round: the number of segments nearest to them that the field allows.
      const bytes = (segment.accEcnCeb - this.sCeb) & COUNTER;
      this.sCeb = segment.accEcnCeb;
      const rounds = Math.round((bytes / effectiveMss(tcb) - least) / (MASK + 1));
      marked += Math.max(0, rounds) * (MASK + 1);
    } else if (segments > MASK && this.perAck <= STRETCHED) marked = segments - ((segments - least) & MASK);
    this.sCep += marked;
    return marked;
  }

  /** §3.2.2.1, table 4: what the ACK of our SYN,ACK says of it. Zero: something on the path wipes the field out (§3.2.2.4). */
  private thirdAck(ace: number, pure: boolean): number {
    if (ace === 0) this.mayMark = false;
    if (pure && ace === ARRIVAL[CE]) this.sCep++;
    return 0;
  }
}
