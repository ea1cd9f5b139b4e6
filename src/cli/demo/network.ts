import type { Device, Frame, FrameSink, Offload } from '../../link/device.ts';
import { Pair } from '../../link/pair.ts';
import { NodeHost } from '../../node/host.ts';
import { enterNamespace, isReexecuted, reexecInNamespace } from '../../node/netns.ts';
import { openTun, TunError } from '../../node/tun.ts';
import { Stack } from '../../stack/stack.ts';
import type { TcpConfig } from '../../tcp/config.ts';
import type { Trace } from '../../tcp/trace.ts';
import type { Names } from '../../trace/box.ts';
import { IpAddress } from '../../wire/address.ts';
import { endPrograms, Kernel } from './kernel.ts';
import type { Machine } from './machine.ts';
import { Ours } from './ours.ts';

/** Networks that nobody announces: RFC 1918 and RFC 4193. The other machine has the first address, we have the second. */
const NETWORKS = {
  4: { other: '10.9.0.1', ours: '10.9.0.2', length: 24 },
  6: { other: 'fd09::1', ours: 'fd09::2', length: 64 },
} as const;

/** What joins our stack and the machine it talks to. */
export interface Network {
  readonly kind: 'tun' | 'memory';
  /** In words. */
  readonly description: string;
  /** Why it is not a TUN device, and what would allow one: one line; null where it is, or nobody wanted one. */
  readonly why: string | null;
  readonly names: Names;
  readonly device: Device;
  readonly address: { readonly address: IpAddress; readonly prefixLength: number };
  /** The machine at the other end; where that is ours too, `trace` is told what it does. */
  other(trace: Trace): Machine;
  /** Frames lent out, and what is left in the other machine, if that is ours. */
  left(): { frames: number; stack: Stack | null };
  close(): void;
}

/**
 * A TUN device in a network namespace of its own, or a link in memory where that cannot be had. A number where the command was run
 * again as an ordinary user's own root: its exit status.
 */
export async function openNetwork(family: 4 | 6, memory: boolean, config: TcpConfig): Promise<Network | number> {
  if (memory) return inMemory(family, config, null);
  try {
    enterNamespace();
    return overTun(family);
  } catch (error) {
    if (!(error instanceof TunError)) throw error;
    if (error.code !== 'not-permitted' || isReexecuted()) return inMemory(family, config, error.message);
  }
  try {
    return await reexecInNamespace();
  } catch (error) {
    if (!(error instanceof TunError)) throw error;
    return inMemory(family, config, error.message);
  }
}

function overTun(family: 4 | 6): Network {
  const { other, ours, length } = NETWORKS[family];
  // Without offloads every frame is a segment as it would be on a wire: what the ladder and the capture show.
  const device = openTun({ addresses: [`${other}/${length}`], vnetHeader: false });
  const host = new NodeHost();
  return {
    kind: 'tun',
    description: `TUN device ${device.name} in a network namespace of its own`,
    why: null,
    names: { ours: 'synfin', peer: 'kernel' },
    device: new Stamped(device, () => host.now()),
    address: { address: IpAddress.of(ours), prefixLength: length },
    other: () => new Kernel(other),
    left: () => ({ frames: device.outstanding, stack: null }),
    close: () => {
      endPrograms();
      device.close();
    },
  };
}

/**
 * Stamps every frame when it is read. A TUN device stamps a batch at once, which is right for the protocol, but would draw segments that
 * came one after the other as if they had come together.
 */
class Stamped implements Device {
  readonly name: string;
  readonly mtu: number;
  readonly offload: Offload;
  readonly #inner: Device;
  readonly #clock: () => number;

  constructor(inner: Device, clock: () => number) {
    this.name = inner.name;
    this.mtu = inner.mtu;
    this.offload = inner.offload;
    this.#inner = inner;
    this.#clock = clock;
  }

  attach(sink: FrameSink): void {
    this.#inner.attach({
      receive: (frame) => sink.receive(frame, this.#clock()),
      flush: () => sink.flush(this.#clock()),
    });
  }

  allocate(length: number): Frame {
    return this.#inner.allocate(length);
  }

  transmit(frame: Frame): boolean {
    return this.#inner.transmit(frame);
  }

  release(frame: Frame): void {
    this.#inner.release(frame);
  }

  close(): void {
    this.#inner.close();
  }
}

function inMemory(family: 4 | 6, config: TcpConfig, why: string | null): Network {
  const { other, ours, length } = NETWORKS[family];
  const host = new NodeHost();
  const pair: Pair = new Pair({ onPending: () => host.soon(() => pair.pump(host.now())) });
  let stack: Stack | null = null;
  return {
    kind: 'memory',
    description: 'a link in memory, between two stacks of ours',
    why,
    names: { ours: 'synfin A', peer: 'synfin B' },
    device: pair.a,
    address: { address: IpAddress.of(ours), prefixLength: length },
    other: (trace) => {
      stack = new Stack({ host, config, trace });
      stack.addDevice(pair.b, [{ address: IpAddress.of(other), prefixLength: length }]);
      return new Ours(stack, other);
    },
    left: () => ({ frames: pair.outstanding, stack }),
    close: () => {
      stack?.close();
      host.unref();
      pair.close();
    },
  };
}
