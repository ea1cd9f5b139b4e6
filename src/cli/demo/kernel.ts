import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { sleep } from '../wait.ts';
import { authority, type Machine, type Serving } from './machine.ts';
import { type Fetched, type Page, Receipt } from './page.ts';

/** No client or server of the demo takes longer, in seconds. */
const PATIENCE = 20;
const PORT = 8080;

/** Node's own http over the kernel's TCP, where there is no curl: the body goes to standard output. */
const NODE_CLIENT = `
  require('http').get(process.argv[1], { agent: false }, (r) => r.pipe(process.stdout))
    .on('error', (e) => { console.error(e.message); process.exit(1); });`;

/** Likewise where there is no nginx. It keeps the connection open after the page, as nginx does. */
const NODE_SERVER = `
  const [file, port, host] = process.argv.slice(1);
  const page = require('fs').readFileSync(file);
  require('http').createServer((q, r) => r.setHeader('Content-Type', 'text/html').end(page)).listen(+port, host);`;

/** This machine: its clients and servers, over the kernel's TCP. Everything it starts ends with the demo. */
export class Kernel implements Machine {
  readonly address: string;
  serverName: string;
  readonly clientName: string;
  readonly #curl: boolean;
  readonly #nginx: boolean;

  constructor(address: string) {
    this.address = address;
    process.once('exit', endPrograms);
    const curl = version('curl', ['--version'], /^curl (\S+)/);
    this.#curl = curl !== undefined;
    this.clientName = curl === undefined ? NODE : `curl ${curl}`;
    const nginx = version('nginx', ['-v'], /nginx\/(\S+)/);
    this.#nginx = nginx !== undefined;
    this.serverName = nginx === undefined ? NODE : `nginx ${nginx}`;
  }

  async fetch(host: string, port: number): Promise<Fetched> {
    const url = `http://${authority(host, port)}/`;
    const curl = ['-q', '-g', '-sS', '--http1.1', '--noproxy', '*', '--max-time', String(PATIENCE), url];
    const child = this.#curl ? start('curl', curl) : start(process.execPath, ['-e', NODE_CLIENT, url]);
    const receipt = new Receipt();
    child.stdout!.on('data', (chunk: Buffer) => receipt.take(chunk));
    const complaint = collect(child);
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (status !== 0)
      throw new Failure(`${this.clientName} did not get the page: ${complaint() || `status ${status}`}`);
    return receipt.result;
  }

  async serve(page: Page): Promise<Serving> {
    const folder = mkdtempSync(join(tmpdir(), 'synfin-'));
    const clean = () => rmSync(folder, { recursive: true, force: true });
    atEnd.add(clean);
    const file = join(folder, 'index.html');
    const config = join(folder, 'nginx.conf');
    writeFileSync(file, page.bytes, { mode: 0o644 });
    writeFileSync(config, nginxConfig(folder, authority(this.address, PORT)));
    const node = [process.execPath, '-e', NODE_SERVER, file, String(PORT), this.address];
    const commands = this.#nginx ? [['nginx', '-p', folder, '-c', config, '-e', 'stderr'], node] : [node];
    const complaints: string[] = [];
    for (const [command, ...args] of commands) {
      if (command === process.execPath) this.serverName = NODE;
      const child = start(command!, args);
      const complaint = collect(child);
      const ended = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
      const stop = async () => {
        child.kill('SIGKILL');
        await ended;
      };
      if (await this.#answers(child)) {
        const close = async () => {
          await stop();
          atEnd.delete(clean);
          clean();
        };
        return { port: PORT, close };
      }
      await stop();
      complaints.push(`${this.serverName} does not serve: ${complaint() || 'it does not answer'}`);
    }
    throw new Failure(complaints.at(-1)!);
  }

  /** Waits until the server takes connections; false if it ends before, or takes none for 5 s. */
  async #answers(child: ChildProcess): Promise<boolean> {
    for (let tries = 0; tries < 200 && child.exitCode === null && child.signalCode === null; tries++) {
      if (await answers(this.address, PORT)) return true;
      await sleep(25);
    }
    return false;
  }
}

/** What is to be done when the demo ends before it is done. */
const atEnd = new Set<() => void>();

/** Ends what still runs, and removes what it leaves behind. */
export function endPrograms(): void {
  for (const end of atEnd) end();
  atEnd.clear();
}

const NODE = `Node ${process.version}`;

/** One process in the foreground, that writes only into `folder`. */
function nginxConfig(folder: string, listen: string): string {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${folder}/${n};`);
  return `daemon off; master_process off; user root; pid ${folder}/pid; error_log stderr;
events { worker_connections 32; }
http {
  ${temp.join(' ')}
  access_log off; default_type text/html; sendfile on; keepalive_timeout 30s;
  server { listen ${listen}; root ${folder}; }
}
`;
}

/** Where an ordinary user's shell looks for no servers, but they are. */
const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/sbin` };

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const kill = () => child.kill('SIGKILL');
  atEnd.add(kill);
  child.once('exit', () => atEnd.delete(kill));
  return child;
}

/** Gathers what a program complains of; returns the last line of it. */
function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-4096);
  });
  return () => text.trim().split('\n').at(-1)!;
}

/** What a program says of its version; undefined where it is not installed. */
function version(command: string, args: readonly string[], pattern: RegExp): string | undefined {
  const { error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env, timeout: 5000 });
  return error === undefined ? pattern.exec(`${stdout}${stderr}`)?.[1] : undefined;
}

/** Whether something listens there, over the kernel's loopback. */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    const done = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => done(true)).once('error', () => done(false));
  });
}
