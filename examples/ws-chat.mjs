// A chat over WebSockets with the ws package as it is: node examples/ws-chat.mjs
import 'synfin/register';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';

const room = new WebSocketServer({ port: 8080 });
room.on('connection', (socket) => {
  socket.on('message', (line) => {
    for (const other of room.clients) if (other !== socket) other.send(`${line}`);
  });
});

const people = {};
for (const name of ['Ann', 'Ben', 'Cho']) {
  const socket = new WebSocket('ws://localhost:8080/');
  socket.on('message', (line) => console.log(`${name} reads: ${line}`));
  await once(socket, 'open');
  people[name] = socket;
}
people.Ann.send('Ann: hello everybody');
await Promise.all([once(people.Ben, 'message'), once(people.Cho, 'message')]);
people.Cho.send('Cho: hello Ann');
await once(people.Ann, 'message');

for (const socket of Object.values(people)) socket.close();
room.close();
