import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createNet } from '../node/net/create-net.ts';
import { enterNamespace, isReexecuted, reexecInNamespace } from '../node/netns.ts';
import { TunError } from '../node/tun.ts';
import { bytes } from '../trace/format.ts';
import { Ladder } from '../trace/ladder.ts';
import { Recorder } from '../trace/recorder.ts';
import { authority } from './demo/machine.ts';
import { makePage } from './demo/page.ts';
import { Failure, firstLine } from './failure.ts';
import { LadderScreen } from './screen.ts';
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
}

/** How long, ms, connections that are open may take to end after Ctrl-C. */
const FAREWELL = 2000;

/** Serves a page over HTTP/1.1 from a TUN device until it is told to stop. Returns the exit status. */
export async function serve(file: string | undefined, options: ServeOptions): Promise<number> {
  const page = file === undefined ? makePage().bytes : read(file);
  if (options.namespace) {
    const status = await ownNamespace();
    if (status !== null) return status;
  }
  const out = terminal(process.stdout, options.plain ?? false);
  const plain = options.plain ?? false;
  const recorder = options.ladder ? new Recorder({ head: 1, tail: 0 }) : null;
  const { stack, tun, ours, close } = openTunStack({
    device: options.device,
    subnets: options.subnet,
    trace: recorder,
  });
  let screen: LadderScreen | null = null;
  if (recorder !== null) {
    const names = { ours: 'synfin', peer: 'peer' };
    const drawn = new LadderScreen(new Ladder({ ...out, plain, names }), process.stdout, out);
    screen = drawn;
    recorder.onEvent = (event, connection) => drawn.push(event, connection);
  }

  const http = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(request.method === 'HEAD' ? undefined : page);
    const { remoteAddress = '', remotePort = 0 } = request.socket;
    if (recorder === null) {
      const from = authority(remoteAddress.replace(/^::ffff:/, ''), remotePort);
      process.stdout.write(`${from} ${request.method} ${request.url} ${bytes(page.length)}\n`);
    }
  });
  const server = createNet(stack).createServer({ allowHalfOpen: true }, (socket) => http.emit('connection', socket));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options.port, resolve));
  for (const address of ours) {
    process.stdout.write(
      `Serving ${bytes(page.length)} at http://${authority(String(address), options.port)}/ on ${tun.name}\n`,
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
  http.closeIdleConnections();
  const closed = await until(() => stack.stats().connections === 0, FAREWELL);
  screen?.end();
  close();
  if (reason instanceof TunError) throw reason;
  if (!closed) process.stdout.write('Connections that were still open have been reset.\n');
  return 0;
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : firstLine(error);
    throw new Failure(`cannot read ${file}: ${why}; name a file to serve, or none`);
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
