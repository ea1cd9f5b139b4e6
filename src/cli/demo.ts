import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { Tee } from '../link/tee.ts';
import { CaptureFile, CaptureFileError } from '../node/capture-file.ts';
import { fileTrouble, firstLine } from '../node/file-trouble.ts';
import { NodeHost } from '../node/host.ts';
import { Stack } from '../stack/stack.ts';
import { linux, type TcpConfig } from '../tcp/config.ts';
import {
  type Check,
  checkClose,
  checkDelivery,
  checkHandshake,
  checkNumbers,
  checkOptions,
  checkTimeWait,
} from '../trace/checks.ts';
import { bytes, count, grouped } from '../trace/format.ts';
import { Ladder } from '../trace/ladder.ts';
import { Recorder } from '../trace/recorder.ts';
import { Story } from '../trace/story.ts';
import { ladderSvg } from '../trace/svg.ts';
import type { Machine } from './demo/machine.ts';
import { type Network, openNetwork } from './demo/network.ts';
import { Ours } from './demo/ours.ts';
import { type Fetched, makePage, type Page } from './demo/page.ts';
import { checkLines, headingLines } from './demo/report.ts';
import { Failure } from './failure.ts';
import { LadderScreen } from './screen.ts';
import { terminal } from './terminal.ts';
import { until, within } from './wait.ts';

export interface DemoOptions {
  /** We open the connection, fetch the page, and close first. */
  readonly active?: boolean;
  readonly ipv6?: boolean;
  /** Do not ask for a TUN device. */
  readonly memory?: boolean;
  readonly output: string;
  /** Where to save the ladder as a picture. */
  readonly svg?: string;
  /** 2 MSL, in seconds. */
  readonly timeWait: number;
  readonly all?: boolean;
  readonly plain?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** The transfer takes a moment; what takes so long, ms, has failed. */
const PATIENCE = 30_000;
/** Beyond 2 MSL, ms: for the last segments, and a machine that is busy. */
const GRACE = 5_000;
/** Below the window that Linux announces at first, so that the ladder is not about a window that is full. */
const SEND_BUFFER = 48 * 1024;
/** Ours is never full: a page that waits for the window to grow is marked by tshark, too. */
const RECEIVE_BUFFER = 2 << 20;

/** The main job: a page through a TCP of ours, drawn and checked. Returns the exit status. */
export async function demo(options: DemoOptions): Promise<number> {
  const buffers = { sendBuffer: SEND_BUFFER, receiveBuffer: RECEIVE_BUFFER };
  // A machine that is busy for 10 ms would be taken for a loss by a tail loss probe: nothing is lost here.
  const config: TcpConfig = { ...linux, timeWait: options.timeWait * 1_000_000, tcp_early_retrans: 0, ...buffers };
  const network = await openNetwork(options.ipv6 ? 6 : 4, options.memory ?? false, config);
  if (typeof network === 'number') return network;
  // The programs that were started, and their files, end with us.
  const stop = (signal: NodeJS.Signals) => {
    network.close();
    process.exit(128 + constants.signals[signal]);
  };
  const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.once(signal, stop);
  try {
    return await run(network, config, options);
  } finally {
    for (const signal of signals) process.off(signal, stop);
    network.close();
  }
}

async function run(network: Network, config: TcpConfig, options: DemoOptions): Promise<number> {
  const { active = false, plain = false, quiet = false, json = false } = options;
  const out = terminal(process.stdout, plain);
  const look = { columns: out.columns, plain, paint: out.paint };
  const say = (lines: readonly string[]) => {
    if (!json) process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  };

  const path = resolve(options.output);
  const capture = openCapture(path, network.device.name);
  const host = new NodeHost();
  const recorder = new Recorder(options.all || json || options.svg !== undefined ? { tail: 100_000 } : {});
  const stack = new Stack({ host, config, trace: recorder });
  stack.addDevice(new Tee(network.device, capture.observer, () => host.now()), [network.address]);
  const ours = new Ours(stack, String(network.address.address));
  const other = network.other(recorder.peer);
  const [server, client] = active ? [other, ours] : [ours, other];

  const peerKnown = network.kind === 'memory';
  const story = new Story({ peerKnown });
  const ladder = new Ladder({ ...look, names: network.names, peerKnown, ...(options.all ? { all: true } : {}) });
  const screen = json || quiet ? null : new LadderScreen(ladder, process.stdout, out);
  recorder.onEvent = (event, connection) => {
    story.push(event);
    screen?.push(event, connection);
  };

  const page = makePage();
  let outcome: Fetched | Failure;
  try {
    const serving = await within(PATIENCE, `${server.serverName} did not start`, server.serve(page, !active));
    try {
      if (!quiet) say(heading());
      const fetching = client.fetch(server.address, serving.port, active);
      outcome = await within(PATIENCE, `no page within ${PATIENCE / 1000} s`, fetching);
      await until(() => isEmpty(stack, network, 1), options.timeWait * 1000 + GRACE);
    } finally {
      await within(PATIENCE, `${server.serverName} does not stop`, serving.close());
    }
  } catch (error) {
    outcome = error instanceof Failure ? error : new Failure(firstLine(error));
  }
  await until(() => isEmpty(stack, network, 0), outcome instanceof Failure ? 0 : GRACE);
  screen?.end();

  const checks: Check[] = [
    checkPage(page, outcome),
    checkHandshake(story, network.names),
    checkNumbers(story),
    checkOptions(story, network.names),
    checkDelivery(story, network.names),
    checkClose(story, network.names),
    checkTimeWait(story, network.names, config.timeWait),
    checkLeft(stack, network),
  ];
  stack.close();
  // Where a check failed there may be timers: nothing waits for them.
  host.unref();
  capture.close();
  checks.push(checkCapture(capture, path));
  if (options.svg !== undefined) checks.push(savePicture(options.svg));
  const ok = checks.every((check) => check.ok);
  if (json) process.stdout.write(`${JSON.stringify(result(ok), null, 2)}\n`);
  else say(verdict(ok));
  return ok ? 0 : 1;

  function heading(): string[] {
    const title = `synfin demo: ${bytes(page.bytes.length)} of HTTP/1.1, SYN to FIN`;
    const rows: [string, string][] = [
      ['network', network.description],
      ['server', `${server.serverName}${active ? '' : ' over a TCP in TypeScript'}, ${server.address}`],
      ['client', `${client.clientName}${active ? ' over a TCP in TypeScript' : ''}, ${client.address}`],
      ['states', peerKnown ? 'both ends tell theirs' : "ours as they are, the kernel's inferred from the wire (so?)"],
      ['TIME-WAIT', `2 MSL is set to ${options.timeWait} s here; Linux waits 60 s (--time-wait 60)`],
    ];
    // One line, however narrow the terminal is: it is what to look for, and to copy from.
    const why = network.why === null ? [] : [`No TUN device, so both ends are ours: ${network.why}`];
    return [...why, out.paint('title', title), ...headingLines(rows, look)];
  }

  function savePicture(file: string): Check {
    const [connection] = recorder.connections;
    const figure = `the ladder in ${resolve(file)}`;
    if (connection === undefined) return { name: 'picture', ok: false, figure: 'no connection to draw' };
    const title = `${bytes(page.bytes.length)} of HTTP between ${network.names.ours} and ${network.names.peer}, from SYN to FIN`;
    const over = (machine: Machine) => (machine === ours || peerKnown ? 'synfin' : "the kernel's TCP");
    const footer = `${client.clientName} over ${over(client)} gets a page from ${server.serverName} over ${over(server)}`;
    const picture = ladderSvg(connection.events, connection, { names: network.names, peerKnown, title, footer });
    try {
      writeFileSync(file, picture);
      return { name: 'picture', ok: true, figure };
    } catch (error) {
      return { name: 'picture', ok: false, figure: `cannot write ${file}: ${fileTrouble('write', file, error)}` };
    }
  }

  function verdict(all: boolean): string[] {
    const shown = quiet ? checks.filter((check) => !check.ok) : checks;
    const failed = checks.filter((check) => !check.ok).length;
    const text = all
      ? `All ${checks.length} checks hold. tshark -r ${options.output} shows the same connection.`
      : `${count(failed, 'check')} of ${checks.length} ${failed === 1 ? 'does' : 'do'} not hold.`;
    const last = out.paint(all ? 'good' : 'bad', text);
    return quiet ? [...checkLines(shown, look), last] : ['', ...checkLines(shown, look), '', last];
  }

  function result(all: boolean): object {
    const { ours: oursStates, peer: peerStates } = story.states;
    return {
      ok: all,
      network: network.kind,
      noTun: network.why,
      role: active ? 'client' : 'server',
      family: options.ipv6 ? 6 : 4,
      server: server.serverName,
      client: client.clientName,
      page: { bytes: page.bytes.length, sha256: page.sha256 },
      timeWait: options.timeWait,
      capture: { path, frames: capture.frames },
      checks,
      connection: { closedFirst: story.closedFirst, sent: story.sent, states: { ours: oursStates, peer: peerStates } },
      events: recorder.connections.flatMap((connection) => connection.events),
    };
  }
}

function openCapture(path: string, interfaceName: string): CaptureFile {
  try {
    return new CaptureFile(path, { interfaceName });
  } catch (error) {
    if (error instanceof CaptureFileError) throw new Failure(`${error.message} (--output FILE)`);
    throw error;
  }
}

function checkPage(page: Page, outcome: Fetched | Failure): Check {
  const name = 'page';
  if (outcome instanceof Failure) return { name, ok: false, figure: outcome.message };
  const ok = outcome.sha256 === page.sha256 && outcome.bytes === page.bytes.length;
  const short = (hash: string) => `${hash.slice(0, 12)}…`;
  const figure = ok
    ? `${bytes(page.bytes.length)}, SHA-256 ${short(page.sha256)} on both sides`
    : `sent ${bytes(page.bytes.length)}, ${short(page.sha256)}; received ${bytes(outcome.bytes)}, ${short(outcome.sha256)}`;
  return { name, ok, figure };
}

/** Listeners aside, of which there may be so many. */
function isEmpty(stack: Stack, network: Network, listeners: number): boolean {
  const { frames, stack: other } = network.left();
  return (
    frames === 0 &&
    [stack, other].every((one) => {
      if (one === null) return true;
      const s = one.stats();
      return s.connections + s.timeWait + s.timers + s.buffered === 0 && s.listeners <= listeners;
    })
  );
}

function checkLeft(stack: Stack, network: Network): Check {
  const { frames, stack: other } = network.left();
  const all = [stack.stats(), ...(other === null ? [] : [other.stats()])];
  const sum = (of: (s: (typeof all)[number]) => number) => all.reduce((n, s) => n + of(s), 0);
  const figures: readonly (readonly [number, string])[] = [
    [sum((s) => s.connections + s.timeWait), 'connection'],
    [sum((s) => s.listeners), 'listener'],
    [sum((s) => s.timers), 'timer'],
    [sum((s) => s.buffered), 'buffered byte'],
    [frames, 'frame'],
  ];
  return {
    name: 'nothing left',
    ok: figures.every(([n]) => n === 0),
    figure: figures.map(([n, what]) => count(n, what)).join(', '),
  };
}

function checkCapture(capture: CaptureFile, path: string): Check {
  const ok = capture.error === undefined;
  return { name: 'capture', ok, figure: capture.error?.message ?? `${grouped(capture.frames)} frames in ${path}` };
}
