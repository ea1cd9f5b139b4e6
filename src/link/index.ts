/** Links: what carries IP packets for a stack, and devices that wrap devices. */
export * from './device.ts';
export * from './ethernet.ts';
export * from './fault.ts';
export * from './loopback.ts';
export * from './offload.ts';
export * from './pair.ts';
export * from './pool.ts';
export * from './shard.ts';
export * from './tee.ts';
