import { pathToFileURL } from 'node:url';

/**
 * Two stacks, each on a real `TunDevice`, whose system calls are counted and answered here: what one writes the other reads. Nothing of it
 * depends on a kernel, a clock or dice, so the same work makes the same counts on every machine.
 */
export async function countedPair({ dist, vnetHeader = true, mtu = 1500, config = {} }) {
  const load = (path) => import(pathToFileURL(`${dist}/${path}`).href);
  const [{ Stack }, { linux }, { TunDevice }, { IpAddress }] = await Promise.all([
    load('stack/stack.js'),
    load('tcp/config.js'),
    load('node/tun.js'),
    load('wire/address.js'),
  ]);
  const host = new CountedHost();
  const system = new CountedSystem();
  const ends = [1, 2].map((n) => {
    const device = new TunDevice(system, n, { name: `counted${n}`, mtu, vnetHeader, clock: () => host.now() });
    const stack = new Stack({ host: host.share(), config: { ...linux, ...config } });
    stack.addDevice(device, [{ address: IpAddress.v4(0x0a000000 + n), prefixLength: 8 }]);
    return { device, stack, address: IpAddress.v4(0x0a000000 + n), calls: system.calls[n] };
  });
  /** Runs until `done` says so: what waits is read, what is due happens, and time passes where nothing else is left. */
  const run = (done) => {
    while (!done()) {
      host.tick();
      if (!system.wake() && !host.turn()) host.sleep();
    }
  };
  return { host, ends, run };
}

/** Time that passes with each look around: a microsecond, or as much as is needed until something is due. */
class CountedHost {
  #now = 1_000_000;
  #shares = [];
  #turns = [];
  #seed = 1;

  now() {
    return this.#now;
  }

  tick() {
    this.#now++;
  }

  /** A stack's own view: each has one wake-up. */
  share() {
    const wake = { at: Number.POSITIVE_INFINITY, callback: null };
    this.#shares.push(wake);
    return {
      now: () => this.#now,
      random: (bytes) => {
        for (let i = 0; i < bytes.length; i++) {
          this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) | 0;
          bytes[i] = this.#seed >>> 24;
        }
      },
      wakeAt: (deadline, callback) => {
        wake.at = deadline;
        wake.callback = callback;
      },
      soon: (callback) => this.#turns.push(callback),
    };
  }

  /** One turn of the event loop. Returns whether there was anything. */
  turn() {
    let any = this.#turns.length > 0;
    const turns = this.#turns;
    this.#turns = [];
    for (const callback of turns) callback();
    for (const wake of this.#shares) {
      if (wake.at > this.#now) continue;
      wake.at = Number.POSITIVE_INFINITY;
      wake.callback();
      any = true;
    }
    return any;
  }

  /** Until the next deadline. */
  sleep() {
    const next = Math.min(...this.#shares.map((wake) => wake.at));
    if (next === Number.POSITIVE_INFINITY) throw new Error('nothing is left to happen');
    this.#now = Math.max(this.#now, next);
  }
}

/** What `Ffi` promises, for two descriptors, 1 and 2, that read what the other wrote. */
class CountedSystem {
  /** By descriptor. `bytes`: of what was written. */
  calls = [null, { read: 0, write: 0, again: 0, bytes: 0 }, { read: 0, write: 0, again: 0, bytes: 0 }];
  #queues = [null, new Ring(), new Ring()];
  #watches = [null, null, null];
  #memory = [];
  #packet = new Uint8Array(65_600);
  #errno = 0;

  /** Buffers lie 2^40 apart. */
  address(buffer) {
    let index = this.#memory.findIndex((view) => view.buffer === buffer);
    if (index < 0) index = this.#memory.push(new Uint8Array(buffer)) - 1;
    return (index + 1) * 2 ** 40;
  }

  read(fd, address, most) {
    const queue = this.#queues[fd];
    if (queue.length === 0) {
      this.calls[fd].again++;
      this.#errno = 11;
      return -1;
    }
    this.calls[fd].read++;
    const view = this.#view(address);
    return queue.take(view, address % 2 ** 40, most);
  }

  write(fd, address, length) {
    this.calls[fd].write++;
    this.calls[fd].bytes += length;
    this.#queues[3 - fd].put(this.#view(address), address % 2 ** 40, length);
    return length;
  }

  /** What the vectors name, as one packet. */
  writev(fd, address, count) {
    const vectors = new Uint32Array(this.#view(address).buffer, address % 2 ** 40, count * 4);
    let length = 0;
    for (let i = 0; i < count; i++) {
      const at = vectors[4 * i] + vectors[4 * i + 1] * 2 ** 32;
      copy(this.#view(at), at % 2 ** 40, this.#packet, length, vectors[4 * i + 2]);
      length += vectors[4 * i + 2];
    }
    this.calls[fd].write++;
    this.calls[fd].bytes += length;
    this.#queues[3 - fd].put(this.#packet, 0, length);
    return length;
  }

  errno() {
    return this.#errno;
  }

  poll(fd, callback) {
    this.#watches[fd] = callback;
    return { ref() {}, unref() {}, stop() {}, start() {}, close() {} };
  }

  close() {}

  /** Tells whoever has something to read. Returns whether anybody had. */
  wake() {
    let any = false;
    for (const fd of [1, 2]) {
      if (this.#queues[fd].length === 0) continue;
      any = true;
      this.#watches[fd]();
    }
    return any;
  }

  #view(address) {
    return this.#memory[Math.floor(address / 2 ** 40) - 1];
  }
}

/**
 * Packets in a fixed memory. Copied byte by byte: what the stack copies is counted by its calls of `set`, what it allocates by the heap, and
 * neither shall see this.
 */
class Ring {
  length = 0;
  #slots = [];
  #first = 0;

  put(bytes, at, length) {
    if (this.length === this.#slots.length) this.#grow();
    const slot = this.#slots[(this.#first + this.length++) % this.#slots.length];
    copy(bytes, at, slot.bytes, 0, length);
    slot.length = length;
  }

  take(into, at, most) {
    const slot = this.#slots[this.#first];
    this.#first = (this.#first + 1) % this.#slots.length;
    this.length--;
    const length = Math.min(most, slot.length);
    copy(slot.bytes, 0, into, at, length);
    return length;
  }

  #grow() {
    const count = this.#slots.length;
    const kept = Array.from({ length: count }, (_, i) => this.#slots[(this.#first + i) % count]);
    const fresh = Array.from({ length: Math.max(256, count) }, () => ({ bytes: new Uint8Array(65_600), length: 0 }));
    this.#slots = [...kept, ...fresh];
    this.#first = 0;
  }
}

function copy(from, at, to, start, length) {
  for (let i = 0; i < length; i++) to[start + i] = from[at + i];
}
