// Node's own HTTP, server and client, on sockets of ours: node examples/http-server.mjs
import http from 'node:http';
import net from 'synfin/net';

const pages = http.createServer((request, response) => response.end(`you asked for ${request.url}\n`));
const server = net.createServer((socket) => pages.emit('connection', socket));

server.listen(80, () => {
  const agent = new http.Agent({ keepAlive: true });
  agent.createConnection = net.connect;
  http.get('http://localhost/page', { agent }, (response) => {
    response.pipe(process.stdout);
    response.on('end', () => {
      agent.destroy();
      server.close();
    });
  });
});
