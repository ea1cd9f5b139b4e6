/** Bytes ⇄ fields: stateless, total on hostile input. */
export * from './address.ts';
export * from './bytes.ts';
export * from './checksum.ts';
export * from './drop.ts';
export * from './icmp.ts';
export * from './ip.ts';
export * from './ip-header.ts';
export * from './ipv4.ts';
export * from './ipv6.ts';
export * from './segment.ts';
export * from './seq.ts';
export * from './tcp.ts';
export * from './tcp-options.ts';
