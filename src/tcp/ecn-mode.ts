/** What a connection's SYNs agreed on about congestion marks: `Tcb.ecn`. */
export const NO_ECN = 0;
/** RFC 3168: one bit a round trip. */
export const RFC_3168 = 1;
/** RFC 9768: marked segments are counted. */
export const ACC_ECN = 2;
export type EcnMode = typeof NO_ECN | typeof RFC_3168 | typeof ACC_ECN;
