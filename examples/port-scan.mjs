// What a port scanner sees: open, closed, or nothing at all. node examples/port-scan.mjs
import { Pair, Stack } from 'synfin';
import { drop, Fault } from 'synfin/link';
import { createNet } from 'synfin/net';
import { NodeHost } from 'synfin/tun';
import { IpAddress } from 'synfin/wire';

const host = new NodeHost().unref();
const wire = new Pair({ onPending: () => host.soon(() => wire.pump(host.now())) });
const scanner = new Stack({ host });
scanner.addDevice(wire.a, [{ address: IpAddress.of('10.0.0.1'), prefixLength: 24 }]);

// A firewall in front of the other machine drops what goes to port 25, and says nothing.
const firewall = new Fault(wire.b, [
  drop(({ direction, segment }) => direction === 'in' && segment?.destinationPort === 25),
]);
const target = new Stack({ host: new NodeHost().unref() });
target.addDevice(firewall, [{ address: IpAddress.of('10.0.0.2'), prefixLength: 24 }]);
const servers = [22, 80].map((port) => createNet(target).createServer().listen(port));

const net = createNet(scanner);
function probe(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '10.0.0.2');
    const tell = (what) => {
      socket.destroy();
      resolve(what);
    };
    socket.on('connect', () => tell('open: our SYN was answered by SYN,ACK'));
    socket.on('error', ({ code }) => tell(`closed: our SYN was answered by RST (${code})`));
    socket.setTimeout(300, () => tell('filtered: our SYN was not answered'));
  });
}
for (const port of [22, 25, 79, 80]) console.log(`${port} ${await probe(port)}`);
for (const server of servers) server.close();
