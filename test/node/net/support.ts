import type nodeNet from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Net = typeof nodeNet;

/** What a program does to one end of a connection. */
export type Action =
  | { readonly do: 'write' | 'end'; readonly size: number }
  | { readonly do: 'cork'; readonly sizes: readonly number[] }
  | { readonly do: 'destroy' | 'fail' | 'reset' | 'soon' | 'pause' | 'resume' | 'timeout' | 'bare end' };

export type Side = 'client' | 'server';

export interface Step {
  readonly side: Side;
  readonly action: Action;
}

export interface Schedule {
  readonly allowHalfOpen: { readonly client: boolean; readonly server: boolean };
  readonly pauseOnConnect: boolean;
  /** Both ends listen for 'data'; else they only do where a step says resume. */
  readonly flowing: boolean;
  readonly steps: readonly Step[];
}

/** What an end heard and came to, in the words of `node:net`. */
export type Log = string[];

const EVENTS = ['lookup', 'connectionAttempt', 'connect', 'ready', 'drain', 'end', 'finish', 'timeout'] as const;

interface End {
  readonly log: Log;
  readonly socket: nodeNet.Socket;
  /** Sum over the bytes and their places. */
  sum: number;
  read: number;
}

function follow(socket: nodeNet.Socket, log: Log, flowing: boolean): End {
  const end: End = { log, socket, sum: 0, read: 0 };
  for (const event of EVENTS) socket.on(event, () => log.push(event));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    log.push(`error ${error.name} ${error.code} ${error.syscall} ${error.message.replace(/:\d+/g, ':port')}`);
  });
  socket.on('close', (hadError) => log.push(`close ${hadError}`));
  const onData = (bytes: Buffer): void => {
    for (const byte of bytes) end.sum = (end.sum * 31 + byte) | 0;
    end.read += bytes.length;
    if (log.at(-1) !== 'data') log.push('data');
  };
  if (flowing) socket.on('data', onData);
  else {
    // Attached without starting to flow.
    socket.pause();
    socket.on('data', onData);
    socket.pause();
  }
  return end;
}

function perform(end: End, action: Action, serial: number): void {
  const { socket, log } = end;
  const told = (what: string) => (error?: Error | null) => {
    log.push(
      `${what} ${(error as NodeJS.ErrnoException | null | undefined)?.code ?? (error ? error.message : 'done')}`,
    );
  };
  switch (action.do) {
    case 'write':
      log.push(`write ${socket.write(Buffer.alloc(action.size, serial), told('written'))}`);
      return;
    case 'cork':
      socket.cork();
      for (const size of action.sizes)
        socket.write(size % 2 === 0 ? Buffer.alloc(size, serial) : 'é'.repeat(size), told('written'));
      socket.uncork();
      return;
    case 'end':
      socket.end(Buffer.alloc(action.size, serial), told('ended') as () => void);
      return;
    case 'bare end':
      socket.end();
      return;
    case 'destroy':
      socket.destroy();
      return;
    case 'fail':
      socket.destroy(new Error('enough'));
      return;
    case 'reset':
      socket.resetAndDestroy();
      return;
    case 'soon':
      socket.destroySoon();
      return;
    case 'pause':
      socket.pause();
      return;
    case 'resume':
      socket.resume();
      return;
    case 'timeout':
      socket.setTimeout(10);
      return;
  }
}

function state(end: End): string {
  const { socket } = end;
  const flowing = socket.readableFlowing && !socket.destroyed;
  // How much a reader who stopped has taken beforehand depends on how it was cut into segments; and Node counts some writes that
  // failed and others not.
  return [
    `${socket.readyState} destroyed=${socket.destroyed} pending=${socket.pending} connecting=${socket.connecting}`,
    `bytesRead=${flowing ? socket.bytesRead : '-'} bytesWritten=${socket.errored ? '-' : socket.bytesWritten}`,
    `read=${end.read} sum=${end.sum} timeout=${socket.timeout}`,
    `remote=${socket.remoteAddress} ${socket.remoteFamily} local=${socket.localAddress} ${socket.localFamily}`,
  ].join(' ');
}

/** Until nothing was heard for a while. */
async function quiet(logs: readonly Log[], ends: () => readonly End[], calm: number): Promise<void> {
  let before = '';
  for (let still = 0; still < calm; ) {
    await sleep(3);
    // A busy machine's timers come one after the other, with no turn of the event loop between them.
    for (let turns = 0; turns < 8; turns++) await new Promise(setImmediate);
    const now = `${logs.map((l) => l.length)} ${ends().map((e) => `${e.read} ${e.socket.bytesRead} ${e.socket.writableLength}`)}`;
    still = now === before ? still + 1 : 0;
    before = now;
  }
}

/** Runs a schedule on one arm, and returns what each end heard. */
export async function run(net: Net, schedule: Schedule): Promise<{ client: Log; server: Log }> {
  const clientLog: Log = [];
  const serverLog: Log = [];
  const ends: Partial<Record<Side, End>> = {};
  const all = (): readonly End[] => Object.values(ends);
  const server = net.createServer(
    { allowHalfOpen: schedule.allowHalfOpen.server, pauseOnConnect: schedule.pauseOnConnect, noDelay: true },
    (socket) => {
      ends.server = follow(socket, serverLog, schedule.flowing && !schedule.pauseOnConnect);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as nodeNet.AddressInfo;
  const socket = net.connect({
    port,
    host: '127.0.0.1',
    allowHalfOpen: schedule.allowHalfOpen.client,
    noDelay: true,
  });
  ends.client = follow(socket, clientLog, schedule.flowing);
  await quiet([clientLog, serverLog], all, 2);
  for (const [i, { side, action }] of schedule.steps.entries()) {
    const end = ends[side]!;
    end.log.push(`# ${JSON.stringify(action)}`);
    perform(end, action, i + 1);
    if (action.do === 'timeout') {
      // Switched off again, as a time-out that is near races with whatever comes next.
      await sleep(25);
      end.socket.setTimeout(0);
    }
    await quiet([clientLog, serverLog], all, 3);
    for (const each of all()) each.log.push(state(each));
  }
  for (const { socket: s } of all()) s.destroy();
  await quiet([clientLog, serverLog], all, 2);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return { client: clientLog, server: serverLog };
}
