import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readCaptureFile } from '../../src/node/capture-file.ts';
import { run } from './support/child.ts';
import { KERNEL4, OURS4, OURS6, TestNetwork } from './support/namespace.ts';
import { describeWith } from './support/needs.ts';
import { pattern, patternHash } from './support/pattern.mjs';

let net: TestNetwork;

function each(): void {
  beforeEach(() => {
    net = new TestNetwork();
  });
  afterEach(() => net.close());
}

/** The network that other tests use, with the kernel on both ends. */
describeWith({ tun: true, programs: ['ss'] }, 'TestNetwork', () => {
  each();

  it('is empty but for lo and the device, and its programs are inside', async () => {
    expect(Object.keys(networkInterfaces()).sort()).toEqual(['lo', net.device.name]);
    const { stdout } = await net.run('cat', ['/proc/net/dev']);
    expect(stdout.match(/^ *[\w.]+:/gm)?.map((name) => name.trim())).toEqual(['lo:', `${net.device.name}:`]);
  });

  it('has sockets of the kernel that do as told, and say what happened to them', async () => {
    const peer = await net.peer();
    const server = await peer.listen(8080);
    const client = peer.connect(8080, KERNEL4);
    await client.until('connected');
    const socket = await server.accept();
    client.write(1_000_001);
    await client.until('written');
    client.end();
    expect(await socket.until('end')).toMatchObject({ bytes: 1_000_001, sha256: patternHash(1_000_001) });
    // The ACK of the FIN may be a delayed one.
    await expect.poll(() => net.ss('state', 'fin-wait-2')).toHaveLength(1);
    expect(await net.ss('state', 'close-wait')).toHaveLength(1);
    socket.text('so long');
    await client.received(7);
    socket.reset();
    expect(await client.until('error')).toMatchObject({ code: 'ECONNRESET', syscall: 'read' });
    expect(await client.until('close')).toMatchObject({ hadError: true });
    const refused = peer.connect(81, '::1');
    expect(await refused.until('error')).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('shows a window that closes when nobody reads', async () => {
    const peer = await net.peer();
    const server = await peer.listen(8080, { pauseOnConnect: true });
    const client = peer.connect(8080, KERNEL4);
    const socket = await server.accept();
    client.write(30_000_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(client.events.some((one) => one.event === 'written')).toBe(false);
    expect(socket.events).toEqual([]);
    socket.resume();
    await socket.received(30_000_000);
  });

  it('ends what it started: at its close, and after a time', async () => {
    const shell = await net.start('sh', ['-c', 'sleep 61.5 & echo ready; wait'], { ready: /ready/ });
    const alive = () =>
      readdirSync('/proc').filter((pid) => {
        try {
          return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') === 'sleep\x0061.5\0';
        } catch {
          return false;
        }
      }).length;
    await expect.poll(alive).toBe(1);
    await net.close();
    expect((await shell.finished).signal).toBe('SIGKILL');
    await expect.poll(alive).toBe(0);
    expect((await run('sleep', ['60'], { timeout: 100 })).signal).toBe('SIGKILL');
    await expect(net.start('sh', ['-c', 'echo no >&2; exit 3'], { ready: /yes/ })).rejects.toThrow('ended before');
    expect((await run('no-such-program', [])).status).not.toBe(0);
  });

  it('has a pattern in which nothing moves unnoticed', () => {
    const whole = pattern(0, 100_003);
    for (const [from, length] of [
      [0, 1],
      [1, 7],
      [65_533, 9000],
    ] as const) {
      expect(pattern(from, length)).toEqual(whole.subarray(from, from + length));
    }
    expect(new Set(new Uint32Array(whole.buffer)).size).toBe(whole.buffer.byteLength / 4);
  });
});

describeWith({ tun: true, root: true, programs: ['tcpdump'] }, 'TestNetwork.dump', () => {
  each();

  it('captures what passes the device', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'synfin-dump-'));
    const file = join(folder, 'dump.pcap');
    net.device.attach({ receive() {}, flush() {} });
    const dump = await net.dump(file, 'tcp');
    const peer = await net.peer();
    for (const address of [OURS4, OURS6]) peer.connect(9, address);
    await expect.poll(() => net.device.received, { timeout: 5000 }).toBeGreaterThanOrEqual(2);
    dump.signal('SIGINT');
    await dump.finished;
    const { frames, error } = readCaptureFile(file);
    expect(error).toBeNull();
    expect(new Set(frames.map((frame) => frame.bytes[0]! >>> 4))).toEqual(new Set([4, 6]));
    rmSync(folder, { recursive: true });
  });
});
