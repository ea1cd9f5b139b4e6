import { CONGESTION_NAMES } from '../tcp/congestion/algorithms.ts';
import type { CongestionName } from '../tcp/congestion/controller.ts';
import { LEAST_MSS } from '../tcp/mss.ts';

/** What setsockopt(2) knows of a TCP socket, for one connection. What is left out stays as it is. Times in µs. */
export interface TcpOptions {
  /** TCP_NODELAY. */
  readonly noDelay?: boolean;
  /** TCP_CORK: full segments only, until it is taken out. */
  readonly cork?: boolean;
  /** SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT. */
  readonly keepAlive?: boolean;
  readonly keepAliveTime?: number;
  readonly keepAliveInterval?: number;
  readonly keepAliveProbes?: number;
  /** TCP_USER_TIMEOUT (RFC 5482); 0: as the stack's settings say. */
  readonly userTimeout?: number;
  /** SO_LINGER: with 0, `close` resets. null: it sends what is queued, and FIN, in its own time. Nothing blocks here, so other times mean null. */
  readonly linger?: 0 | null;
  /** TCP_MAXSEG: the largest text of a segment that is sent, bytes; before the SYN also what is announced. */
  readonly maxSegment?: number;
  /** TCP_NOTSENT_LOWAT: `send` takes no more while so much is unsent, bytes; 0: as the stack's settings say. */
  readonly notsentLowat?: number;
  /** TCP_CONGESTION. */
  readonly congestionControl?: CongestionName;
  /** IP_TTL, IPV6_UNICAST_HOPS. */
  readonly ttl?: number;
  /** The upper six bits of IP_TOS, IPV6_TCLASS. */
  readonly dscp?: number;
}

/** Throws a RangeError, one line, for a value that makes no sense: nothing is half set. */
export function checkTcpOptions(options: TcpOptions, algorithms = CONGESTION_NAMES): void {
  between('ttl', options.ttl, 1, 255);
  between('dscp', options.dscp, 0, 63);
  between('maxSegment', options.maxSegment, LEAST_MSS, 65_535);
  between('keepAliveProbes', options.keepAliveProbes, 1, 127);
  between('keepAliveTime', options.keepAliveTime, 1, Number.MAX_SAFE_INTEGER);
  between('keepAliveInterval', options.keepAliveInterval, 1, Number.MAX_SAFE_INTEGER);
  between('userTimeout', options.userTimeout, 0, Number.MAX_SAFE_INTEGER);
  between('notsentLowat', options.notsentLowat, 0, Number.MAX_SAFE_INTEGER);
  const { congestionControl } = options;
  if (congestionControl !== undefined && !algorithms.includes(congestionControl)) {
    throw new RangeError(`congestionControl ${congestionControl}: choose one of ${algorithms.join(', ')}`);
  }
}

function between(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  throw new RangeError(`${name} ${value}: ${least} … ${most === Number.MAX_SAFE_INTEGER ? 'any' : most}`);
}
