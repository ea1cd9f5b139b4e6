/** From packets to what is in them, and back: addresses, routes, fragments, ICMP. Knows nothing of TCP. */
export * from './addresses.ts';
export * from './header.ts';
export * from './icmp-input.ts';
export * from './icmp-limit.ts';
export * from './icmp-output.ts';
export * from './reassembly.ts';
export * from './routes.ts';
