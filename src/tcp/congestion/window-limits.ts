/** RFC 5681 §3.1: ssthresh begins arbitrarily high. */
export const INITIAL_SSTHRESH = 0x7fffffff;
