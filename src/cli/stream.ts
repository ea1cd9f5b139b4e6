import { Duplex } from 'node:stream';
import type { TcpSocket } from '../stack/socket.ts';

/** A connection of ours as a Node stream, half-open where its user is: enough for Node's http. */
export function streamOf(socket: TcpSocket): Duplex {
  let waiting: (() => void) | null = null;
  let wanted = false;
  const pull = () => {
    while (wanted) {
      const bytes = socket.receive();
      if (bytes === null) break;
      wanted = stream.push(bytes);
    }
    if (wanted && socket.ended) {
      wanted = false;
      stream.push(null);
    }
  };
  const stream = new Duplex({
    read: () => {
      wanted = true;
      pull();
    },
    write: (chunk: Buffer, _, done) => {
      let at = 0;
      const go = (): void => {
        const taken = socket.send(chunk.subarray(at), false);
        if (taken < 0) {
          done(new Error('the connection is over'));
          return;
        }
        at += taken;
        waiting = at < chunk.length ? go : null;
        if (waiting === null) done();
      };
      go();
    },
    final: (done) => {
      socket.shutdown();
      done();
    },
    destroy: (error, done) => {
      if (error === null) socket.close();
      else socket.abort();
      done(error);
    },
  });
  socket.events = {
    onConnect: () => stream.emit('connect'),
    onReadable: pull,
    onEnd: pull,
    onWritable: () => waiting?.(),
    onClose: (failure) => {
      if (failure !== null) stream.destroy(new Error(`the connection was ${failure}`));
      else pull();
    },
  };
  return stream;
}
