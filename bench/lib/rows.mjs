/**
 * What is measured. `client`: arguments of `peers/peer.c`; `figures`: from its result and the CPU seconds its server took, named values, of
 * which the first is the row's; `less`: smaller is better.
 */
export const ROWS = {
  receive: {
    title: 'one stream received',
    client: (warm, seconds) => ['send', warm, seconds],
    figures: stream,
  },
  send: {
    title: 'one stream sent',
    client: (warm, seconds) => ['receive', warm, seconds],
    figures: stream,
  },
  crr: {
    title: 'connect–request–response–close, 64 at a time',
    client: (warm, seconds) => ['crr', warm, seconds, '64'],
    figures: ({ connections, failed, seconds }, cpu) => ({
      'conn/s': connections / seconds,
      'µs CPU/conn': (cpu * 1e6) / connections,
      failed,
    }),
  },
  rr: {
    title: 'request–response, one at a time',
    client: (warm, seconds) => ['rr', warm, seconds],
    less: true,
    figures: ({ requests, seconds, p50, p99 }, cpu) => ({
      'p50 µs': p50,
      'p99 µs': p99,
      'µs CPU/request': (cpu * 1e6) / requests,
      'requests/s': requests / seconds,
    }),
  },
};

function stream({ bytes, seconds, retransmits }, cpu) {
  const gigabits = (bytes * 8) / 1e9;
  return { 'Gbit/s': gigabits / seconds, 'Gbit/core-s': gigabits / cpu, retransmits };
}
