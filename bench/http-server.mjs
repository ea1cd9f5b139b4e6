// Node's own http, answering every request with a few bytes: over our TCP on a TUN device in the network namespace of the process, or
// (--kernel ADDRESS) over the kernel's.
//
//   node bench/http-server.mjs [--dist DIRECTORY] | --kernel ADDRESS
//
// Says "ready" when it listens on port 8080.
import http from 'node:http';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    dist: { type: 'string', default: new URL('../dist', import.meta.url).pathname },
    kernel: { type: 'string' },
  },
});

const BODY = 'Hello from the other side of a TCP connection.\n';
const server = http.createServer((_, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.setHeader('Content-Length', BODY.length);
  response.end(BODY);
});
const ready = () => console.log('ready');

if (values.kernel !== undefined) {
  server.listen(8080, values.kernel, 1024, ready);
} else {
  const load = (path) => import(pathToFileURL(`${values.dist}/${path}`).href);
  const [{ createNet }, { openTunStack }, { parseSubnet }] = await Promise.all([
    load('node/net.js'),
    load('node/tun-stack.js'),
    load('node/tun-stack.js'),
  ]);
  const { stack } = openTunStack({ device: 'bench%d', subnets: [parseSubnet('10.9.0.0/24')] });
  const net = createNet(stack);
  net.createServer((socket) => server.emit('connection', socket)).listen({ port: 8080, backlog: 1024 }, ready);
}
