// What a program does with the network, whichever way it got its modules. Tells what it saw as one line of JSON.
'use strict';
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Duplex } = require('node:stream');

const pem = (name) => readFileSync(join(__dirname, '../../fixtures/tls', `${name}.pem`));
const ca = pem('ca.cert');
const identity = { key: pem('server.key'), cert: pem('server.cert') };

async function text(stream) {
  let all = '';
  for await (const piece of stream.setEncoding('utf8')) all += piece;
  return all;
}

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

async function close(server) {
  server.closeAllConnections?.();
  server.close();
  await once(server, 'close');
}

async function get(http, options) {
  const [response] = await once(http.get(options), 'response');
  return text(response);
}

/** Handles of the kernel's TCP that Node has open. */
const ofTheKernel = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'));

exports.run = async ({ net, http, https, http2, tls, fetch }) => {
  const seen = { kernel: [] };
  const say = (socket) => `${socket.remoteAddress} ${socket.remotePort > 0} ${socket instanceof net.Socket}`;
  const look = () => seen.kernel.push(...ofTheKernel());

  const echo = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  const client = net.connect(await listen(echo), '127.0.0.1');
  client.end('hello');
  seen.net = await text(client);
  look();
  await close(echo);

  const plain = http.createServer((request, response) => {
    look();
    response.end(say(request.socket));
  });
  const port = await listen(plain);
  seen.http = await get(http, { port, host: '127.0.0.1' });
  seen.httpWithoutAgent = await get(http, { port, host: '127.0.0.1', agent: false });
  seen.httpOwnAgent = await get(http, { port, host: '127.0.0.1', agent: new http.Agent({ keepAlive: true }) });
  seen.fetch = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  await close(plain);

  const secure = https.createServer(identity, (request, response) => {
    look();
    response.end(`${say(request.socket)} ${request.socket.encrypted}`);
  });
  const securePort = await listen(secure);
  seen.https = await get(https, { port: securePort, host: 'localhost', family: 4, ca });
  // A socket of one's own below TLS.
  const below = net.connect(securePort, '127.0.0.1');
  const above = tls.connect({ socket: below, ca, host: 'localhost', ALPNProtocols: ['http/1.1'] });
  await once(above, 'secureConnect');
  seen.tls = [above.authorized, above.alpnProtocol, above.remotePort === securePort, above instanceof net.Socket];
  above.destroy();
  await close(secure);

  for (const [name, server, scheme] of [
    ['http2', http2.createServer(), 'http'],
    ['http2Secure', http2.createSecureServer(identity), 'https'],
  ]) {
    server.on('request', (request, response) => {
      look();
      response.end(`${request.socket.remoteAddress} ${request.httpVersion}`);
    });
    const session = http2.connect(`${scheme}://localhost:${await listen(server)}`, { ca, family: 4 });
    seen[name] = await text(session.request({ ':path': '/' }));
    session.close();
    await close(server);
  }

  const refused = (socket) => new Promise((resolve) => socket.on('error', (error) => resolve(error.message)));
  seen.refused = [await refused(net.connect(1, '127.0.0.1')), await refused(tls.connect(1, '127.0.0.1'))];

  // What is not for a stack stays Node's.
  const path = join(process.env.TMPDIR ?? '/tmp', `synfin-register-${process.pid}.sock`);
  const local = http.createServer((_, response) => response.end('by path')).listen(path);
  await once(local, 'listening');
  seen.path = await get(http, { socketPath: path });
  await close(local);
  seen.stream = new tls.TLSSocket(new Duplex({ read() {}, write() {} })) instanceof net.Socket;
  seen.standardOutput = process.stdout instanceof net.Socket;

  class Mine extends net.Socket {}
  seen.subclass = [
    new Mine() instanceof Mine,
    new Mine() instanceof net.Socket,
    new net.Socket().constructor === net.Socket,
  ];
  console.log(JSON.stringify(seen));
};
