import { existsSync, writeFileSync } from 'node:fs';
import { after, NodeHost } from '../../node/host.ts';
import { kernelCalls } from '../../node/kernel-calls.ts';
import { enterNamespace, isReexecuted, reexecInNamespace } from '../../node/netns.ts';
import { openTun, type TunDevice } from '../../node/tun.ts';
import { TunError } from '../../node/tun-error.ts';
import type { SimGate } from '../../sim/gate.ts';
import type { HostOptions } from '../../sim/host.ts';
import type { Pace } from '../../sim/network.ts';
import type { StageHost } from '../../sim/scenarios/parties.ts';
import type { Outside } from '../../sim/scenarios/run.ts';
import type { Side } from '../../sim/scenarios/stage.ts';
import { KernelHost } from './host.ts';

/** Buckets of the connection table of namespaces made from this one (Linux 6.1). */
const EHASH = '/proc/sys/net/ipv4/tcp_child_ehash_entries';
/** How often to look at the kernel while nothing comes from it, ms: its timers tell nobody. */
const LOOK = 4;
/** Where forged segments come from: addresses that are for examples. */
const FORGERS = ['203.0.113.0/24'];

/**
 * Enters a network namespace of its own. A number where the command was run again as an ordinary user's own root: its exit status. Throws a
 * TunError, one line that says what to do, where that cannot be.
 */
export async function ownNamespace(): Promise<number | null> {
  try {
    enterNamespace();
    // A namespace has its parent's table of connections, which is large, and its list is read often: a child may have a small one of its own.
    if (existsSync(EHASH)) {
      writeFileSync(EHASH, '256');
      enterNamespace();
    }
    return null;
  } catch (error) {
    if (!(error instanceof TunError) || error.code !== 'not-permitted' || isReexecuted()) throw error;
    return await reexecInNamespace();
  }
}

/** Linux's own TCP as one of the two hosts of a scenario: behind a TUN device, in the network namespace of this thread, in real time. */
export class LinuxPeer implements Outside, Pace {
  readonly side: Side;
  readonly #clock = new NodeHost();
  /** When the network's time began, µs of the clock. */
  #start: number | null = null;
  readonly #inbox: Uint8Array[] = [];
  #device: TunDevice | null = null;
  #gate: SimGate | null = null;
  #host: KernelHost | null = null;
  #wake: () => void = () => {};

  constructor(side: Side) {
    this.side = side;
  }

  get pace(): Pace {
    return this;
  }

  /** µs since the network's time began. */
  get #elapsed(): number {
    return this.#clock.now() - (this.#start ?? 0);
  }

  attach(gate: SimGate, now: () => number, options: HostOptions, mtu: number): StageHost {
    const address = gate.addresses.find((one) => one.family === 4)!;
    const device = openTun({ addresses: [`${address}/24`], routes: FORGERS, vnetHeader: false, mtu });
    this.#device = device;
    this.#gate = gate;
    const host = new KernelHost(kernelCalls(), gate, now, options.config);
    this.#host = host;
    gate.onPacket = (packet) => {
      const frame = device.allocate(packet.length);
      frame.bytes.set(packet, frame.offset);
      frame.length = packet.length;
      host.told(packet);
      device.transmit(frame);
      host.look();
    };
    device.attach({
      receive: ({ bytes, offset, length }) => {
        // Of IPv6 it only looks for neighbours.
        if (bytes[offset]! >>> 4 === 4) this.#inbox.push(bytes.slice(offset, offset + length));
        this.#wake();
      },
      flush: () => {},
    });
    return host;
  }

  async until(elapsed: number): Promise<number> {
    this.#start ??= this.#clock.now();
    for (;;) {
      const came = this.#inbox.splice(0);
      for (const packet of came) this.#gate?.send(packet);
      const happened = this.#host?.poll() ?? false;
      const now = this.#elapsed;
      // What came, or was found, may have arranged for something earlier.
      if (came.length > 0 || happened || now >= elapsed) return now;
      await this.#rest(Math.min(LOOK, (elapsed - now) / 1000));
      // The network's clock is set before what has come goes on.
      if (this.#inbox.length > 0) return Math.min(this.#elapsed, elapsed);
    }
  }

  close(): void {
    this.#device?.close();
    this.#device = null;
    this.#host = null;
  }

  #rest(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = after(Math.max(1, Math.round(milliseconds)), resolve);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
