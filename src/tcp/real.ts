/**
 * Zero, for fields of times and rates. Not the integer 0: V8 gives a field the type of the first value that it sees, and when a time comes that is no small
 * integer (one that was kept modulo 2^32, or any after half an hour) it throws away all code that knows such objects. That is not to be in the middle of a flood.
 */
export const REAL_ZERO = -0;
