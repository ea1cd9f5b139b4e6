import { spawn } from 'node:child_process';

/** A program of the benchmark, told apart from what else the machine does by its process id. It does not outlive us. */
export class Child {
  stdout = '';
  stderr = '';
  #process;
  #ended = false;
  #waiting = new Set();

  constructor(command, args, env = {}) {
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    for (const stream of ['stdout', 'stderr']) {
      this.#process[stream].setEncoding('utf8').on('data', (text) => {
        this[stream] += text;
        this.#wake();
      });
    }
    this.finished = new Promise((resolve) => {
      const end = (status) => {
        this.#ended = true;
        this.#wake();
        resolve(status);
      };
      this.#process.once('close', end);
      this.#process.once('error', (error) => {
        this.stderr += error.message;
        end(-1);
      });
    });
  }

  /** What it said of an error, in a line: Node names the file first, and the error further down. */
  get complaint() {
    const lines = this.stderr.trim().split('\n');
    return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[0];
  }

  get pid() {
    return this.#process.pid;
  }

  /** Waits until its output has the text. Rejects when it ends without, or after `timeout` ms. */
  async says(text, timeout = 10_000) {
    await new Promise((resolve, reject) => {
      const look = () => {
        if (this.stdout.includes(text)) done(resolve);
        else if (this.#ended) done(reject, new Error(`ended before it said ${text}: ${this.complaint}`));
      };
      const timer = setTimeout(() => done(reject, new Error(`did not say ${text} in ${timeout} ms`)), timeout);
      const done = (settle, value) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        settle(value);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Its last line as JSON, when it has ended. */
  async result(timeout) {
    const timer = setTimeout(() => this.kill('SIGKILL'), timeout);
    const status = await this.finished;
    clearTimeout(timer);
    const line = this.stdout.trim().split('\n').at(-1) ?? '';
    if (status !== 0 || !line.startsWith('{')) throw new Error(this.complaint || `no result (status ${status})`);
    return JSON.parse(line);
  }

  kill(signal = 'SIGTERM') {
    if (!this.#ended) this.#process.kill(signal);
  }

  async stop() {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), 1000);
    await this.finished;
    clearTimeout(timer);
  }

  #wake() {
    for (const look of [...this.#waiting]) look();
  }
}
