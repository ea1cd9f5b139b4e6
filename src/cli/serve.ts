import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { fileTrouble } from '../node/file-trouble.ts';
import { enterNamespace, isReexecuted, reexecInNamespace } from '../node/netns.ts';
import { TunError } from '../node/tun.ts';
import { makeSeats, type Seat, transferOf } from '../node/workers.ts';
import { bytes } from '../trace/format.ts';
import { Ladder } from '../trace/ladder.ts';
import { Recorder } from '../trace/recorder.ts';
import { authority } from './demo/machine.ts';
import { makePage } from './demo/page.ts';
import { Failure } from './failure.ts';
import { LadderScreen } from './screen.ts';
import { servePage } from './serve-page.ts';
import type { FromWorker, ServeWorker } from './serve-worker.ts';
import { terminal } from './terminal.ts';
import { openTunStack } from './tun-stack.ts';
import { until } from './wait.ts';

export interface ServeOptions {
  readonly port: number;
  readonly device: string;
  readonly subnet: readonly string[];
  readonly namespace?: boolean;
  readonly ladder?: boolean;
  readonly plain?: boolean;
  /** Threads, each with a stack of its own and a queue of the interface. */
  readonly workers?: number;
}

/** How long, ms, connections that are open may take to end after Ctrl-C. */
const FAREWELL = 2000;

/** Serves a page over HTTP/1.1 from a TUN device until it is told to stop. Returns the exit status. */
export async function serve(file: string | undefined, options: ServeOptions): Promise<number> {
  const { workers = 1 } = options;
  if (!Number.isInteger(workers)) throw new Failure(`${workers} threads: a whole number (--workers)`, 2);
  if (workers > 1 && options.ladder) {
    throw new Failure('--ladder draws the connections of one thread: leave --workers out', 2);
  }
  const page = file === undefined ? makePage().bytes : read(file);
  if (options.namespace) {
    const status = await ownNamespace();
    if (status !== null) return status;
  }
  const out = terminal(process.stdout, options.plain ?? false);
  const plain = options.plain ?? false;
  const recorder = options.ladder ? new Recorder({ head: 1, tail: 0 }) : null;
  const seats = workers > 1 ? makeSeats(workers) : [];
  const [seat] = seats;
  const { stack, tun, ours, close } = openTunStack({
    device: options.device,
    subnets: options.subnet,
    trace: recorder,
    ...(seat !== undefined && { seat }),
  });
  let screen: LadderScreen | null = null;
  if (recorder !== null) {
    const names = { ours: 'synfin', peer: 'peer' };
    const drawn = new LadderScreen(new Ladder({ ...out, plain, names }), process.stdout, out);
    screen = drawn;
    recorder.onEvent = (event, connection) => drawn.push(event, connection);
  }

  const say = recorder === null ? (line: string) => void process.stdout.write(line) : null;
  const server = await servePage(stack, page, options.port, say);
  const others = await Promise.all(seats.slice(1).map((other) => startWorker(other, tun.name, page, options)));
  for (const address of ours) {
    process.stdout.write(
      `Serving ${bytes(page.length)} at http://${authority(String(address), options.port)}/ on ${tun.name}${workers > 1 ? `, ${workers} threads` : ''}\n`,
    );
  }
  if (options.namespace)
    process.stdout.write(`From outside: ${enter()} curl -sI http://${authority(String(ours[0]), options.port)}/\n`);
  process.stdout.write('Ctrl-C ends it.\n');

  const lost = new Promise<TunError>((resolve) => {
    tun.onLost = resolve;
  });
  const reason = await Promise.race([signal(), lost]);
  server.close();
  const ended = others.map((other) => other.end());
  const mine = await until(() => stack.stats().connections === 0, FAREWELL);
  const closed = (await Promise.all(ended)).every((done) => done) && mine;
  screen?.end();
  close();
  if (reason instanceof TunError) throw reason;
  if (!closed) process.stdout.write('Connections that were still open have been reset.\n');
  return 0;
}

/** A further thread that serves. `end` tells whether all its connections were closed in time. */
interface Other {
  end(): Promise<boolean>;
}

async function startWorker(seat: Seat, device: string, page: Uint8Array, options: ServeOptions): Promise<Other> {
  const workerData: ServeWorker = {
    seat,
    device,
    subnets: options.subnet,
    page,
    port: options.port,
    farewell: FAREWELL,
  };
  const worker = new Worker(new URL('./serve-worker.js', import.meta.url), {
    workerData,
    transferList: transferOf(seat),
  });
  const says = <K extends 'serving' | 'closed'>(key: K) =>
    new Promise<Extract<FromWorker, Record<K, boolean>>>((resolve, reject) => {
      worker.once('error', reject);
      worker.on('message', (message: FromWorker) => {
        if (key in message) resolve(message as Extract<FromWorker, Record<K, boolean>>);
      });
    });
  worker.on('message', (message: FromWorker) => {
    if ('line' in message) process.stdout.write(message.line);
  });
  await says('serving');
  const end = async () => {
    const farewell = says('closed');
    worker.postMessage('end');
    const { closed } = await farewell;
    await worker.terminate();
    return closed;
  };
  return { end };
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new Failure(`cannot read ${file}: ${fileTrouble('read', file, error)}; name a file to serve, or none`);
  }
}

/** Null: this process is in a namespace of its own now. Else the status of one that was. */
async function ownNamespace(): Promise<number | null> {
  try {
    enterNamespace();
    return null;
  } catch (error) {
    if (!(error instanceof TunError) || error.code !== 'not-permitted' || isReexecuted()) throw error;
    return reexecInNamespace();
  }
}

/** How another shell gets into the namespace of this process. */
function enter(): string {
  const user = isReexecuted() ? '--user --preserve-credentials ' : '';
  return `nsenter --target ${process.pid} ${user}--net`;
}

function signal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, resolve);
  });
}
