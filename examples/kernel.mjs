// The kernel's TCP on one side, ours on the other, a TUN device between: sudo node examples/kernel.mjs
// It is all in a network namespace of its own, and gone when the program ends.
import kernel from 'node:net';
import { Stack } from 'synfin';
import { createNet } from 'synfin/net';
import { enterNamespace, NodeHost, openTun } from 'synfin/tun';
import { IpAddress } from 'synfin/wire';

enterNamespace();
const tun = openTun({ addresses: ['10.9.0.1/24'] }).unref();
const stack = new Stack({ host: new NodeHost().unref() });
stack.addDevice(tun, [{ address: IpAddress.of('10.9.0.2'), prefixLength: 24 }]);

const ours = createNet(stack).createServer((socket) => {
  console.log(`ours: the kernel is at ${socket.remoteAddress.replace('::ffff:', '')}`);
  const { tcpi_options, tcpi_snd_mss } = socket.tcpInfo();
  console.log(`ours: we agreed on ${tcpi_options.join(', ')} and segments of ${tcpi_snd_mss} bytes`);
  socket.end('hello kernel');
});
ours.listen(80, () => {
  const socket = kernel.connect(80, '10.9.0.2');
  socket.on('data', (bytes) => console.log(`kernel: heard "${bytes}"`));
  socket.on('close', () => ours.close());
});
