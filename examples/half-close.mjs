// One direction ends and the other goes on: what FIN means. node examples/half-close.mjs
import net from 'synfin/net';

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  let question = '';
  socket.on('data', (bytes) => (question += bytes));
  socket.on('end', () => {
    console.log('server: the question has ended, the answer has not begun');
    setTimeout(() => socket.end(`${question.split(' ').length} words`), 100);
  });
});

server.listen(0, () => {
  const socket = net.connect({ port: server.address().port, allowHalfOpen: true }, () => {
    socket.end('how many words are these');
    console.log('client: asked, and said that this was all');
  });
  socket.on('data', (bytes) => console.log(`client: ${bytes}, and I am ${socket.readyState}`));
  socket.on('close', () => server.close());
});
