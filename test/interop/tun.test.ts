import { execFile, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CHECKSUM_PARTIAL, type Frame } from '../../src/link/device.ts';
import { ffi } from '../../src/node/ffi.ts';
import { Interface, parsePrefix } from '../../src/node/interface.ts';
import { openTun, type TunDevice } from '../../src/node/tun.ts';
import { get16, get32, put16, put32 } from '../../src/wire/bytes.ts';
import { finish, sum } from '../../src/wire/checksum.ts';
import { compiled, runModule } from './support/child.ts';
import { KERNEL4, OURS4, OURS6, openTestTun } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';

const run = promisify(execFile);
const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 };

let tun: TunDevice;

function eachWithDevice(): void {
  beforeEach(() => {
    tun = openTestTun();
  });

  afterEach(() => {
    expect(tun.outstanding).toBe(0);
    tun.close();
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function packet(frame: Frame): Buffer {
  return Buffer.from(frame.bytes.subarray(frame.offset, frame.offset + frame.length));
}

/** Sends one IPv4 packet: the frame of the same device that `fill` wrote, `length` bytes long. */
function send(length: number, fill: (bytes: Uint8Array, at: number, frame: Frame) => void): boolean {
  const frame = tun.allocate(length);
  frame.length = length;
  fill(frame.bytes, frame.offset, frame);
  return tun.transmit(frame);
}

/** An IPv4 header of 20 bytes from us to the kernel. */
function ipv4(bytes: Uint8Array, at: number, length: number, protocol: number): void {
  bytes.fill(0, at, at + 20);
  bytes[at] = 0x45;
  put16(bytes, at + 2, length);
  bytes[at + 8] = 64;
  bytes[at + 9] = protocol;
  bytes.set(OURS4.split('.').map(Number), at + 12);
  bytes.set(KERNEL4.split('.').map(Number), at + 16);
  put16(bytes, at + 10, finish(sum(bytes, at, 20)));
}

/** A TCP header of 20 bytes and `text` bytes after it, checksum left to the kernel. */
function tcp(
  bytes: Uint8Array,
  at: number,
  ports: [number, number],
  seq: number,
  ack: number,
  flags: number,
  text: number,
): void {
  bytes.fill(0, at, at + 20);
  put16(bytes, at, ports[0]);
  put16(bytes, at + 2, ports[1]);
  put32(bytes, at + 4, seq);
  put32(bytes, at + 8, ack);
  bytes[at + 12] = 5 << 4;
  bytes[at + 13] = flags;
  put16(bytes, at + 14, 65535);
  const pseudo = Buffer.from([...OURS4.split('.').map(Number), ...KERNEL4.split('.').map(Number), 0, 6, 0, 0]);
  pseudo.writeUInt16BE(20 + text, 10);
  put16(bytes, at + 16, sum(pseudo, 0, 12));
}

/** The kernel's first segment to us that `wanted` accepts. */
function segment(
  wanted: (bytes: Buffer, frame: Frame) => boolean,
): Promise<{ bytes: Buffer; gsoSize: number; checksum: number }> {
  return new Promise((resolve) => {
    onFrame = (frame) => {
      const bytes = packet(frame);
      if (bytes[0] === 0x45 && bytes[9] === PROTOCOL.tcp && wanted(bytes, frame)) {
        resolve({ bytes, gsoSize: frame.gsoSize, checksum: frame.checksum });
      }
    };
  });
}

let onFrame: (frame: Frame, now: number) => void = () => {};
function attach(): { flushes: number } {
  const seen = { flushes: 0 };
  onFrame = () => {};
  tun.attach({ receive: (frame, now) => onFrame(frame, now), flush: () => void seen.flushes++ });
  return seen;
}

describeWith({ tun: true, programs: ['ip'] }, 'openTun', () => {
  eachWithDevice();

  it('sets the interface up without any program', () => {
    const entries = networkInterfaces()[tun.name]!.map((entry) => entry.cidr);
    expect(entries).toEqual(['10.9.0.1/24', 'fd09::1/64']);
    expect(networkInterfaces()['lo']).toBeDefined();
    expect(tun.name).toBe('synfin0');
    expect(tun.mtu).toBe(1500);
    expect(tun.offload).toMatchObject({ checksum: true, maxGso: 65535 });
  });

  it('sets MTU, queue length and routes', async () => {
    const second = openTun({
      name: 'other',
      addresses: ['10.8.0.1/30', 'fd08::1/64'],
      routes: ['192.0.2.0/24', '2001:db8::/33'],
      mtu: 9000,
      queueLength: 77,
    });
    const link = (await run('ip', ['-o', 'link', 'show', 'other'])).stdout;
    expect(link).toContain('mtu 9000');
    expect(link).toContain('qlen 77');
    expect(link).toContain('UP');
    expect((await run('ip', ['route', 'show', 'dev', 'other'])).stdout).toContain('192.0.2.0/24');
    expect((await run('ip', ['route', 'show', 'dev', 'other'])).stdout).toContain('10.8.0.0/30');
    expect((await run('ip', ['-6', 'route', 'show', 'dev', 'other'])).stdout).toContain('2001:db8::/33');
    second.close();
    await expect(run('ip', ['link', 'show', 'other'])).rejects.toThrow('does not exist');
  });

  it('takes several addresses of a family', () => {
    const addresses = ['10.8.0.1/16', '10.7.0.1/24', '192.0.2.1/32', 'fd08::1/64', 'fd07::1/64'];
    const several = openTun({ name: 'several', addresses });
    // Further IPv4 addresses have labels: several:1.
    const entries = Object.entries(networkInterfaces()).filter(([name]) => name.startsWith('several'));
    expect(entries.flatMap(([, list]) => list!.map((entry) => entry.cidr)).sort()).toEqual([...addresses].sort());
    several.close();
    expect(() => openTun({ name: 'a-long-name-too', addresses })).toThrow('need an interface name shorter than');
  });

  it('has IPv6 where the machine switches it off, or says that it is off', async () => {
    await run('sysctl', ['-w', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1']);
    const other = openTun({ name: 'other', addresses: ['fd08::1/64'] });
    await run('sysctl', ['-w', 'net.ipv6.conf.other.disable_ipv6=1']);
    const link = new Interface(ffi(), 'other');
    expect(() => link.addAddress(parsePrefix('fd07::1/64'))).toThrow('IPv6 is switched off here (EACCES): sysctl');
    other.close();
  });

  it('frees its descriptors when it is closed, attached or not', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for (let i = 0; i < 20; i++) {
      const one = openTun({ addresses: [`10.8.${i}.1/24`] });
      if (i % 2 === 0) one.attach({ receive() {}, flush() {} });
      one.close();
      one.close();
      one.ref().unref();
      expect(() => one.attach({ receive() {}, flush() {} })).toThrow('closed');
    }
    // The event loop closes its own watch in its next turn.
    await sleep(1);
    expect(descriptors()).toBe(before);
    expect(Object.keys(networkInterfaces()).sort()).toEqual(['lo', tun.name]);
  });

  it('leaves a persistent interface as its owner set it up', async () => {
    await run('ip', ['tuntap', 'add', 'mine', 'mode', 'tun', 'vnet_hdr']);
    await run('ip', ['link', 'set', 'mine', 'mtu', '1234', 'up']);
    await run('ip', ['addr', 'add', '10.7.0.1/24', 'dev', 'mine']);
    const mine = openTun({ name: 'mine' });
    expect(mine.mtu).toBe(1234);
    expect(networkInterfaces()['mine']![0]!.cidr).toBe('10.7.0.1/24');
    mine.close();
    await run('ip', ['tuntap', 'del', 'mine', 'mode', 'tun']);
  });

  it('says in one line what is taken', () => {
    const failure = (options: Parameters<typeof openTun>[0]) => {
      try {
        openTun(options).close();
      } catch (error) {
        expect((error as Error).message).not.toContain('\n');
        return { code: (error as { code: string }).code, message: (error as Error).message };
      }
      throw new Error('opened');
    };
    expect(failure({ name: tun.name })).toEqual({
      code: 'name-taken',
      message: 'the interface name synfin0 is in use: choose another name',
    });
    expect(failure({ name: 'lo' }).code).toBe('name-taken');
    expect(failure({ addresses: ['10.9.0.1/24'] })).toEqual({
      code: 'address-taken',
      message: '10.9.0.1 is an address of synfin0 already: choose another subnet',
    });
    expect(failure({ addresses: ['fd09::1/64'] }).code).toBe('address-taken');
    expect(failure({ addresses: ['10.6.0.1/24'], routes: ['10.9.0.0/24', '10.9.0.0/24'] }).code).toBe('address-taken');
    // What failed leaves no interface behind.
    expect(Object.keys(networkInterfaces()).sort()).toEqual(['lo', tun.name]);
  });

  it('closes itself and says so when the interface is deleted', async () => {
    attach();
    const lost = new Promise<string>((resolve) => {
      tun.onLost = (error) => resolve(error.message);
    });
    await run('ip', ['link', 'del', tun.name]);
    expect(await lost).toContain('took the interface synfin0 away');
    expect(send(40, (bytes, at) => ipv4(bytes, at, 40, PROTOCOL.icmp))).toBe(false);
  });
});

describeWith({ tun: true, programs: ['ip', 'ping'] }, 'TunDevice', () => {
  eachWithDevice();

  it("reads the kernel's datagrams, in batches with one flush", async () => {
    const seen = attach();
    const texts: string[] = [];
    onFrame = (frame) => {
      const bytes = packet(frame);
      if (bytes[0] === 0x45 && bytes[9] === PROTOCOL.udp) texts.push(bytes.subarray(28).toString());
      if (bytes[0]! >>> 4 === 6 && bytes[6] === PROTOCOL.udp) texts.push(`v6 ${bytes.subarray(48).toString()}`);
    };
    const [v4, v6] = [createSocket('udp4'), createSocket('udp6')];
    for (const text of ['one', 'two', 'three']) v4.send(text, 9, OURS4);
    v6.send('four', 9, OURS6);
    await sleep(200);
    v4.close();
    v6.close();
    expect(texts.sort()).toEqual(['one', 'three', 'two', 'v6 four']);
    expect(seen.flushes).toBeGreaterThan(0);
    expect(seen.flushes).toBeLessThanOrEqual(tun.received);
  });

  it('is silent when the kernel has nothing to say: no IPv6 chatter', async () => {
    attach();
    await sleep(1500);
    expect(tun.received).toBe(0);
  });

  it('uses no CPU while nothing happens', async () => {
    attach();
    await sleep(100);
    const before = process.cpuUsage();
    await sleep(2000);
    const { user, system } = process.cpuUsage(before);
    // The test runner itself wakes up now and then: a loop that polls would take 2,000 ms, one of 1 ms steps 50 or more.
    expect((user + system) / 1000).toBeLessThan(40);
  });

  it('spins for as long as it was told to after a packet, and sleeps then', async () => {
    expect(() => openTun({ name: 'big', gsoIpv4MaxSize: 262_145 })).toThrow('gsoIpv4MaxSize 262145: 65535 … 262144');
    expect(() => openTun({ name: 'spin', spin: -1 })).toThrow('spin -1: 0 … 1000000 µs');
    const busy = async (spin: number): Promise<number> => {
      const device = openTun({ name: `spin${spin}`, addresses: [`10.${spin & 63}.0.1/24`], spin });
      let calls = 0;
      let frames = 0;
      device.attach({ receive: () => void frames++, flush: () => void calls++ });
      const socket = createSocket('udp4');
      socket.send('one', 9, `10.${spin & 63}.0.2`);
      await sleep(100);
      const before = process.cpuUsage();
      await sleep(500);
      const { user, system } = process.cpuUsage(before);
      socket.close();
      device.close();
      expect([frames, calls]).toEqual([1, 1]);
      return (user + system) / 1000;
    };
    // CPU in the half second that begins a tenth after the packet, ms: a thousandth is over by then, a second is not. On a busy machine
    // spinning gets less than a core.
    const asleep = await busy(1000);
    const spinning = await busy(1_000_000);
    expect(spinning, `${asleep} ms asleep`).toBeGreaterThan(2 * asleep + 25);
  });

  it('lets packets wait for others while they come fast, loses none of them, and hears of the next one as before', async () => {
    expect(() => openTun({ name: 'wait', rxUsecs: 1001 })).toThrow('rxUsecs 1001: 0 … 1000 µs');
    expect(() => openTun({ name: 'wait', rxUsecs: 0.0001 })).toThrow('rxUsecs 0.0001: 0 … 1000 µs');
    const descriptors = readdirSync('/proc/self/fd').length;
    // A clock a tenth as fast: so every machine is fast enough.
    const clock = () => performance.now() * 100;
    const device = openTun({ name: 'wait0', addresses: ['10.8.7.1/24'], mtu: 65_535, clock });
    const flow: number[] = [];
    device.attach({
      receive: ({ bytes, offset, length }) => {
        if (length === 65_535) flow.push(bytes[offset + 28]! | (bytes[offset + 29]! << 8));
      },
      flush: () => {},
    });
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.connect(9, '10.8.7.2', resolve));
    let sent = 0;
    const send = () => {
      const datagram = Buffer.alloc(65_507);
      datagram.writeUInt16LE(sent++);
      socket.send(datagram);
    };
    // A turn of the event loop each: what one sends the next one reads.
    while (device.waits < 20 && sent < 20_000) {
      for (let i = 0; i < 10; i++) send();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(device.waits).toBeGreaterThanOrEqual(20);
    const patient = { timeout: 10_000 };
    await expect.poll(() => flow.length, patient).toBe(sent);
    // Nothing comes any more: the timer stops.
    const waitsInATenth = async () => {
      const { waits } = device;
      await sleep(100);
      return device.waits - waits;
    };
    await expect.poll(waitsInATenth, patient).toBe(0);
    send();
    await expect.poll(() => flow.length, patient).toBe(sent);
    expect(flow).toEqual(Array.from({ length: sent }, (_, i) => i & 0xffff));
    socket.close();
    device.close();
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(descriptors);
  });

  it('reads on where the MTU grows under it', async () => {
    const lengths: number[] = [];
    attach();
    onFrame = (frame) => {
      const bytes = packet(frame);
      if (bytes[0] === 0x45 && bytes[9] === PROTOCOL.udp && get16(bytes, 6) === 0x4000) lengths.push(frame.length);
    };
    await run('ip', ['link', 'set', tun.name, 'mtu', '65535']);
    const socket = createSocket('udp4');
    for (const length of [1472, 9000, 65_507]) socket.send(Buffer.alloc(length), 9, OURS4);
    await expect.poll(() => lengths).toEqual([1500, 9028, 65_535]);
    socket.close();
  });

  it('takes no more than a batch in one turn of the event loop', async () => {
    const seen = attach();
    const turns: number[] = [];
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.connect(9, OURS4, resolve));
    const spinner = () => {
      turns.push(tun.received);
      if (tun.received < 500) setImmediate(spinner);
    };
    // All in one turn: Node sends a datagram at once where it can.
    for (let i = 0; i < 500; i++) socket.send('x');
    setImmediate(spinner);
    await expect.poll(() => tun.received).toBeGreaterThanOrEqual(500);
    const steps = turns.map((received, i) => received - (turns[i - 1] ?? 0));
    expect(Math.max(...steps)).toBeLessThanOrEqual(64);
    expect(seen.flushes).toBeGreaterThanOrEqual(8);
    socket.close();
  });

  it('can be closed by its receiver, in the middle of a batch', async () => {
    const calls: string[] = [];
    const other = openTun({ addresses: ['10.8.0.1/24'] });
    other.attach({
      receive() {
        calls.push('receive');
        other.close();
      },
      flush: () => calls.push('flush'),
    });
    const socket = createSocket('udp4');
    for (let i = 0; i < 10; i++) socket.send('x', 9, '10.8.0.2', () => {});
    await sleep(100);
    expect(calls).toEqual(['receive']);
    socket.close();
  });

  it("answers the kernel's ping", async () => {
    attach();
    onFrame = (frame) => {
      const request = packet(frame);
      if (request[0] !== 0x45 || request[9] !== PROTOCOL.icmp || request[20] !== 8) return;
      send(request.length, (bytes, at) => {
        bytes.set(request, at);
        bytes.set(request.subarray(12, 16), at + 16);
        bytes.set(request.subarray(16, 20), at + 12);
        bytes[at + 20] = 0;
        put16(bytes, at + 22, 0);
        put16(bytes, at + 22, finish(sum(bytes, at + 20, request.length - 20)));
      });
    };
    const { stdout } = await run('ping', ['-c', '3', '-i', '0.05', '-W', '2', OURS4]);
    expect(stdout).toContain('3 received');
  });

  it('carries a TCP connection: partial checksums both ways, super-segments both ways', async () => {
    attach();
    // The kernel's client connects to us; we answer by hand, without options.
    const isSyn = (bytes: Buffer) => (bytes[33]! & 0x12) === 0x02;
    const arrives = segment(isSyn);
    const client = connect(80, OURS4);
    const received: Buffer[] = [];
    client.on('data', (chunk) => received.push(chunk));
    const syn = await arrives;
    expect(syn.checksum).toBe(CHECKSUM_PARTIAL);
    expect(syn.gsoSize).toBe(0);
    const port = get16(syn.bytes, 20);
    const ack = (get32(syn.bytes, 24) + 1) | 0;
    const ports: [number, number] = [80, port];
    const transmit = (seq: number, flags: number, text: number, gsoSize = 0) =>
      send(40 + text, (bytes, at, frame) => {
        ipv4(bytes, at, 40 + text, PROTOCOL.tcp);
        tcp(bytes, at + 20, ports, seq, ack, flags, text);
        bytes.fill(0x61, at + 40, at + 40 + text);
        frame.checksum = CHECKSUM_PARTIAL;
        frame.gsoSize = gsoSize;
      });
    const connected = new Promise((resolve) => client.once('connect', resolve));
    const request = segment((bytes) => bytes.length > 40);
    expect(transmit(1000, 0x12, 0)).toBe(true);
    await connected;

    // A megabyte from the kernel: what fits our window of 64 KiB comes as super-segments of MSS-sized pieces (536 without the option).
    client.write(Buffer.alloc(1 << 20, 0x62));
    const text = await request;
    expect(text.gsoSize).toBe(536);
    expect(text.bytes.length - 40).toBeGreaterThan(536);
    expect(text.checksum).toBe(CHECKSUM_PARTIAL);
    expect(text.bytes.subarray(40).every((byte) => byte === 0x62)).toBe(true);

    // 20,000 bytes to the kernel in one frame.
    expect(transmit(1001, 0x18, 20_000, 1460)).toBe(true);
    await sleep(100);
    expect(Buffer.concat(received).equals(Buffer.alloc(20_000, 0x61))).toBe(true);
    transmit(21_001, 0x14, 0);
    await new Promise((resolve) => client.once('error', resolve));
  });

  it('without virtio headers reads and writes whole packets with complete checksums', async () => {
    const plain = openTun({ name: 'plain', addresses: ['10.5.0.1/24'], vnetHeader: false });
    expect(plain.offload).toEqual({ checksum: false, maxGso: 0 });
    const arrives = new Promise<Buffer>((resolve) => {
      plain.attach({
        receive(frame) {
          const bytes = packet(frame);
          if (bytes[0] !== 0x45 || bytes[9] !== PROTOCOL.tcp) return;
          expect(frame.checksum).toBe(0);
          resolve(bytes);
          // The same segment back: to the kernel a SYN from itself, which it drops, or refuses; it must only be taken.
          const echo = plain.allocate(bytes.length);
          echo.bytes.set(bytes, echo.offset);
          echo.length = bytes.length;
          expect(plain.transmit(echo)).toBe(true);
        },
        flush() {},
      });
    });
    const client = connect(80, '10.5.0.2').on('error', () => {});
    const syn = await arrives;
    const pseudo = Buffer.from([...syn.subarray(12, 20), 0, 6, 0, syn.length - 20]);
    expect(sum(syn, 20, syn.length - 20, sum(pseudo, 0, 12))).toBe(0xffff);
    client.destroy();
    plain.close();
  });

  it('loses what is longer than the MTU, and takes no frame twice', () => {
    expect(send(1501, (bytes, at) => ipv4(bytes, at, 1501, PROTOCOL.icmp))).toBe(false);
    const frame = tun.allocate(40);
    tun.release(frame);
    expect(() => tun.transmit(frame)).toThrow('handed back');
    expect(tun.lost).toBe(1);
  });

  it('loses what the kernel does not take, and goes on', async () => {
    attach();
    const ping = () =>
      send(28, (bytes, at) => {
        ipv4(bytes, at, 28, PROTOCOL.icmp);
        bytes.fill(0, at + 20, at + 28);
        bytes[at + 20] = 8;
        put16(bytes, at + 22, 0xf7ff);
      });
    expect(ping()).toBe(true);
    await run('ip', ['link', 'set', tun.name, 'down']);
    expect(ping()).toBe(false);
    expect(tun.lost).toBe(1);
    await run('ip', ['link', 'set', tun.name, 'up']);
    const answered = tun.received;
    expect(ping()).toBe(true);
    await expect.poll(() => tun.received).toBe(answered + 1);
  });

  it('keeps the process alive while it is attached, unless told not to', async () => {
    const script = (more: string) => `
      import { openTun } from ${JSON.stringify(compiled('node/tun.js'))};
      const tun = openTun();
      tun.attach({ receive() {}, flush() {} });
      ${more}`;
    const ends = await Promise.all([
      runModule(script(''), { timeout: 1000 }),
      runModule(script('tun.unref();'), { timeout: 5000 }),
      runModule(script('tun.unref().ref(); setTimeout(() => tun.close(), 100);'), { timeout: 5000 }),
    ]);
    expect(ends.map(({ status, signal, stderr }) => [status, signal, stderr])).toEqual([
      [null, 'SIGKILL', ''],
      [0, null, ''],
      [0, null, ''],
    ]);
  });

  it('lets ticks and promises of a receiver run at once, and its exceptions out', async () => {
    let [ticked, resolved] = [-1, -1];
    attach();
    const thrown = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
    const others = process.rawListeners('uncaughtException').slice(0, -1);
    for (const other of others) process.off('uncaughtException', other as () => void);
    onFrame = () => {
      onFrame = () => {};
      const start = performance.now();
      process.nextTick(() => (ticked = performance.now() - start));
      Promise.resolve().then(() => (resolved = performance.now() - start));
      throw new Error('the application failed');
    };
    // From another process, so that nothing else happens in this one.
    const child = spawn('bash', ['-c', `echo x > /dev/udp/${OURS4}/9; sleep 1`]);
    expect((await thrown).message).toBe('the application failed');
    for (const other of others) process.on('uncaughtException', other as () => void);
    await sleep(50);
    expect(ticked).toBeGreaterThanOrEqual(0);
    expect(ticked).toBeLessThan(40);
    expect(resolved).toBeGreaterThanOrEqual(0);
    child.kill();
  });
});
