// A proxy that takes connections to every port of every address: node examples/any-port-proxy.mjs
// The client knows nothing of it: it connects to 192.0.2.80:443, and its packets come by the proxy's machine.
import { Pair, Stack } from 'synfin';
import { createNet } from 'synfin/net';
import { NodeHost } from 'synfin/tun';
import { IpAddress } from 'synfin/wire';

const host = new NodeHost().unref();
const wire = new Pair({ onPending: () => host.soon(() => wire.pump(host.now())) });
const client = new Stack({ host: new NodeHost().unref() });
client.addDevice(wire.a, [{ address: IpAddress.of('10.0.0.1'), prefixLength: 24 }]);
client.addRoute(IpAddress.of('0.0.0.0'), 0, wire.a);
const gateway = new Stack({ host });
gateway.addDevice(wire.b, [{ address: IpAddress.of('10.0.0.2'), prefixLength: 24 }]);

const proxy = createNet(gateway).createServer((socket) => {
  const { address, port } = socket.originalDestination;
  console.log(`a connection for ${address.replace('::ffff:', '')} port ${port}`);
  // A real one would now connect to there, and pipe both ways.
  socket.end(`this is not ${port}, this is a proxy\n`);
});
proxy.listen({ port: 'any' }, async () => {
  for (const [address, port] of [
    ['192.0.2.80', 443],
    ['198.51.100.7', 25],
  ]) {
    const socket = createNet(client).connect(port, address);
    for await (const bytes of socket) process.stdout.write(bytes);
  }
  proxy.close();
});
