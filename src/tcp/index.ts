/** `synfin/tcp`: the protocol alone, for those who bring their own network, clock and applications. See `connection.ts` for the contract. */
export * from './config.ts';
export { ALL_CONGESTION, type MoreCongestion } from './congestion/algorithms.ts';
export * from './connection.ts';
export { Counters } from './counters.ts';
export { DROP_REASONS, type DropReason } from './drop.ts';
export type { Environment } from './environment.ts';
export { resetFor } from './events/closed.ts';
export type { IcmpError } from './events/icmp.ts';
export { listenVerdict } from './events/listen.ts';
export { mayReopen } from './events/time-wait.ts';
export { IsnGenerator } from './isn.ts';
export type { Failure } from './notices.ts';
export * as notices from './notices.ts';
export * from './profiles.ts';
export * from './state.ts';
export { NEVER, Tcb } from './tcb.ts';
export { type TimeWaitRecord, thaw } from './time-wait.ts';
export type { FourTuple, TimerName, Trace } from './trace.ts';
