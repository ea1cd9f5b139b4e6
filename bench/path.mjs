// Goodput of one stream over simulated paths of 1 Gbit/s, in virtual time: what is delivered of what the path could carry, or, with loss, of
// what CUBIC may send there (RFC 9438 §5.1: its steady window at that loss). Says one line of JSON; the same one each time.
import { DropTail, Network } from '../dist/sim/index.js';

const RATE = 125e6;
const MSS = 1460;
/** What 1 Gbit/s of packets of 1,500 bytes carries of text: timestamps take 12 bytes of each. */
const POSSIBLE = (RATE * (MSS - 12)) / 1500;

function goodput(milliseconds, loss, seconds) {
  const net = new Network({ seed: 1 });
  const [client, server] = [net.host('client'), net.host('server')];
  // A queue of what is on the way: with less, CUBIC loses at the end of slow start and needs half a minute to come back.
  const queue = () => new DropTail({ packets: Math.ceil((RATE * milliseconds) / 1000 / 1500) });
  net.link(client, server, { delay: `${milliseconds / 2}ms`, rate: '1Gbit', queue, ...(loss > 0 && { loss }) });
  let got = 0;
  server.stack.listen({ port: 80 }, (socket) => {
    socket.events = {
      onReadable: () => {
        got += socket.consume(() => {});
      },
    };
  });
  const chunk = new Uint8Array(65_536);
  const push = () => {
    while (socket.send(chunk, false) === chunk.length);
  };
  const events = { onConnect: push, onWritable: push };
  const socket = client.stack.connect({ remoteAddress: server.addresses[0], remotePort: 80, events });
  // Slow start is behind it.
  net.advance('5s');
  const before = got;
  net.advance(`${seconds}s`);
  return (got - before) / seconds;
}

/** RFC 9438 §5.1, equations 5 and 6: the greater of CUBIC's own window and Reno's, in segments, over the round trip. */
function cubicBound(milliseconds, loss) {
  const rtt = milliseconds / 1000;
  const [C, beta] = [0.4, 0.7];
  const cubic = ((C * (3 + beta)) / (4 * (1 - beta))) ** 0.25 * (rtt / loss) ** 0.75;
  const reno = Math.sqrt(3 / (2 * loss));
  return (Math.max(cubic, reno) * (MSS - 12)) / rtt;
}

console.log(
  JSON.stringify({
    '20 ms': goodput(20, 0, 5) / POSSIBLE,
    '100 ms': goodput(100, 0, 5) / POSSIBLE,
    "20 ms, 1 % lost ÷ CUBIC's bound": goodput(20, 0.01, 60) / cubicBound(20, 0.01),
  }),
);
