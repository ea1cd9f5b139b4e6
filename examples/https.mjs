// The whole of a program on our TCP, with nothing changed in it but the first line: node examples/https.mjs
import 'synfin/register'; // or: node --import synfin/register app.js
import { readFileSync } from 'node:fs';
import https from 'node:https';

const pem = (name) => readFileSync(new URL(`../test/fixtures/tls/${name}.pem`, import.meta.url));

const server = https.createServer({ key: pem('server.key'), cert: pem('server.cert') }, (request, response) => {
  response.end(`hello over ${request.socket.getProtocol()}\n`);
});
server.listen(443, () => {
  https.get('https://localhost/', { ca: pem('ca.cert'), agent: false }, (response) => {
    response.pipe(process.stdout);
    response.on('close', () => server.close());
  });
});
