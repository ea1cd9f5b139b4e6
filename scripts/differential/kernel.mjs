// The first subject: Linux's TCP, behind a TUN device in a network namespace of our own.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { enterNamespace, openTun } from '../../dist/node/tun.js';
import { build, PEER_PORT, PREFIX, peerAddress, read, SUBJECT } from './packet.mjs';
import { STEPS, summarize, View } from './sequence.mjs';

/** From one step to the next, ms: longer than any delayed ACK. */
const STEP = 300;

/** As ours has them in `ours.mjs`, so that limits on answers do not depend on times. */
const SYSCTLS = { tcp_invalid_ratelimit: 0, tcp_max_syn_backlog: 65_536, tcp_syncookies: 0 };

export class Kernel {
  #device;
  #child;
  #said = [];
  #waiting = null;
  #replies = new Map();

  constructor() {
    enterNamespace();
    this.#device = openTun({ addresses: [`${SUBJECT}/${PREFIX}`], vnetHeader: false, queueLength: 20_000 });
    for (const [name, value] of Object.entries(SYSCTLS)) writeFileSync(`/proc/sys/net/ipv4/${name}`, `${value}`);
    writeFileSync('/proc/sys/net/core/somaxconn', '8192');
    this.#device.attach({ receive: (frame) => this.#receive(frame), flush: () => {} });
    const script = fileURLToPath(new URL('kernel-sockets.mjs', import.meta.url));
    this.#child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#said.push(line);
      this.#waiting?.();
    });
  }

  #receive(frame) {
    const found = read(frame.bytes, frame.offset, frame.length);
    if (found !== null) this.#replies.get(found.to)?.push(found.reply);
  }

  async #ask(what) {
    this.#child.stdin.write(`${JSON.stringify(what)}\n`);
    if (this.#said.length === 0) {
      await new Promise((resolve) => {
        this.#waiting = resolve;
      });
      this.#waiting = null;
    }
    this.#said.shift();
  }

  #send(packet) {
    const frame = this.#device.allocate(packet.length);
    frame.bytes.set(packet, frame.offset);
    frame.length = packet.length;
    this.#device.transmit(frame);
  }

  /** Plays all of them side by side. Gives each its steps, when each was, µs, and what it was answered by. */
  async play(sequences, first) {
    const listener = 1000 + (Math.floor(first / 1000) % 15_000);
    await this.#ask({ listen: listener });
    const lanes = sequences.map((sequence, i) => {
      const address = peerAddress(first + i);
      const replies = [];
      this.#replies.set(`${address}`, replies);
      const subjectPort = sequence.role === 'passive' ? listener : 20_000 + ((first + i) % 40_000);
      return { sequence, address, replies, subjectPort, view: new View() };
    });
    const start = performance.now();
    for (let k = 0; k < STEPS; k++) {
      const begin = performance.now();
      const batch = [];
      for (const [i, lane] of lanes.entries()) {
        const { sequence, view, address, subjectPort } = lane;
        if (k > 0) sequence.steps.at(-1).kernel = summarize(lane.replies.splice(0), sequence, view);
        const step = sequence.step(view);
        step.subjectPort = subjectPort;
        if (step.call !== undefined) {
          step.at = Math.round((performance.now() - start) * 1000);
          batch.push([step.call, `${address}`, { ...step, localPort: subjectPort, port: PEER_PORT }]);
        } else {
          const now = performance.now() - start;
          step.at = Math.round(now * 1000);
          this.#send(build(step, sequence, view, address, subjectPort, Math.floor(now)));
        }
        // The device is read meanwhile: its queue must not overflow.
        if ((i & 63) === 63) await sleep(0);
      }
      await this.#ask({ batch });
      await sleep(Math.max(STEP, STEP + begin - performance.now()));
    }
    for (const lane of lanes) {
      lane.sequence.steps.at(-1).kernel = summarize(lane.replies.splice(0), lane.sequence, lane.view);
      this.#replies.delete(`${lane.address}`);
    }
    await this.#ask({ forget: listener });
  }

  close() {
    this.#child.kill('SIGKILL');
    this.#device.close();
  }
}
