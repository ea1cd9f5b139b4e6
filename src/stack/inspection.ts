import type { StateName } from '../tcp/state.ts';
import type { Tcb } from '../tcp/tcb.ts';
import type { Engine } from './engine.ts';
import { type ConnectionRow, rows } from './netstat.ts';
import { type TcpInfo, tcpInfo } from './tcp-info.ts';

/** What can be asked about a stack and its connections. */
export interface Inspection {
  info(tcb: Tcb, state: StateName, now: number): TcpInfo;
  rows(engine: Engine): ConnectionRow[];
}

export const wholeInspection: Inspection = { info: tcpInfo, rows };
