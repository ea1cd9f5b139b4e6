// Two ends that could be two browser tabs, with a MessageChannel for a network and nothing of Node: node examples/two-browsers.mjs
// In a page the two halves are in two contexts, and `port2` is sent to the other: iframe.contentWindow.postMessage('port', '*', [port2]).
import { Stack } from 'synfin';
import { connect, listen, MessageLink, WebHost } from 'synfin/web';
import { IpAddress } from 'synfin/wire';

function join(port, address) {
  const host = new WebHost();
  const stack = new Stack({ host });
  const link = new MessageLink(port, { clock: () => host.now() });
  stack.addDevice(link, [{ address: IpAddress.of(address), prefixLength: 24 }]);
  return stack;
}

const { port1, port2 } = new MessageChannel();

const here = join(port1, '10.0.0.1');
const listener = listen({ stack: here, port: 7 });
(async () => {
  for await (const socket of listener) {
    const shout = new TransformStream({
      transform: (bytes, to) => to.enqueue(new TextEncoder().encode(new TextDecoder().decode(bytes).toUpperCase())),
    });
    socket.readable.pipeThrough(shout).pipeTo(socket.writable);
  }
})();

const there = join(port2, '10.0.0.2');
const socket = connect('10.0.0.1:7', { stack: there });
console.log(await socket.opened.then(({ remoteAddress }) => `connected to ${remoteAddress}`));
const writer = socket.writable.getWriter();
await writer.write(new TextEncoder().encode('hello from the other tab'));
await writer.close();
console.log(await new Response(socket.readable).text());

await socket.closed;
here.close();
there.close();
port1.close();
