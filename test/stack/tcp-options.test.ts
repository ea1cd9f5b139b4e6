import { describe, expect, it } from 'vitest';
import type { TcpSocket } from '../../src/stack/socket.ts';
import type { TcpOptions } from '../../src/stack/tcp-options.ts';
import { linux } from '../../src/tcp/config.ts';
import { connected, ip, world } from './support/world.ts';

const SECOND = 1_000_000;

describe('TcpOptions', () => {
  it('ttl and dscp are in what is sent from then on', () => {
    const { client, carried, run } = connected();
    expect(carried[0]).toMatchObject({ ttl: 64, dscp: 0 });
    carried.length = 0;
    client.setOptions({ ttl: 3, dscp: 46 });
    client.send(new Uint8Array(10));
    run(2 * SECOND);
    expect(carried[0]).toMatchObject({ ttl: 3, dscp: 46 });
  });

  it('before the SYN they are in it, too, and the MSS is announced', () => {
    const { left, right, carried, run } = world();
    const accepted: number[] = [];
    right.listen({ port: 7 }, (socket) => accepted.push(socket.info().tcpi_snd_mss));
    const options: TcpOptions = { ttl: 7, dscp: 8, maxSegment: 500, noDelay: true, congestionControl: 'reno' };
    const client = left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 7, options });
    run(SECOND);
    expect(carried[0]).toMatchObject({ ttl: 7, dscp: 8 });
    // 12 of the 500 are for the timestamps.
    expect(accepted).toEqual([488]);
    expect(client.info()).toMatchObject({ tcpi_snd_mss: 488, tcpi_congestion: 'reno', tcpi_state: 'ESTABLISHED' });
  });

  it('a listener has a TTL and a DS field, too: its SYN,ACK and what it accepts have them, and a RST from its port', () => {
    for (const tcp_syncookies of [1, 2] as const) {
      const { left, right, carried, run } = world({ config: { ...linux, tcp_syncookies } });
      const accepted: TcpSocket[] = [];
      const listener = left.listen({ port: 7, ttl: 9, dscp: 10, deaf: true }, (socket) => accepted.push(socket));
      const marks = () => carried.splice(0).filter((packet) => packet.ttl !== 64);
      const failed: unknown[] = [];
      const events = { onClose: (failure: unknown) => void failed.push(failure) };
      right.connect({ remoteAddress: ip('10.0.0.1'), remotePort: 7, events });
      run(SECOND);
      // Deaf: the port is taken, nobody is heard.
      expect(failed).toEqual(['refused']);
      expect(() => left.listen({ port: 7 })).toThrow(/in use/);
      expect(marks()).toMatchObject([{ ttl: 9, dscp: 10 }]);
      listener.deaf = false;
      const client = right.connect({ remoteAddress: ip('10.0.0.1'), remotePort: 7 });
      run(SECOND);
      expect(client.info()).toMatchObject({ tcpi_state: 'ESTABLISHED' });
      expect(marks()).toMatchObject([{ ttl: 9, dscp: 10 }]);
      accepted[0]!.send(new Uint8Array(10));
      run(SECOND);
      expect(marks()).toMatchObject([{ ttl: 9, dscp: 10 }]);
    }
  });

  it('notsentLowat bounds what is queued and not sent, and writable says when there is room', () => {
    const { client } = connected();
    client.setOptions({ notsentLowat: 5000 });
    expect(client.writable).toBe(true);
    // cwnd is ten segments of 1448.
    expect(client.send(new Uint8Array(100_000))).toBe(14_480 + 5000);
    expect([client.info().tcpi_notsent_bytes, client.writable]).toEqual([5000, false]);
    client.setOptions({ notsentLowat: 0 });
    expect(client.send(new Uint8Array(100_000))).toBe(100_000);
    expect(() => client.setOptions({ notsentLowat: -1 })).toThrow(/notsentLowat -1/);
  });

  it('maxSegment bounds what is sent', () => {
    const { client, server, carried, run } = connected();
    client.setOptions({ maxSegment: 200 });
    carried.length = 0;
    client.send(new Uint8Array(5000));
    run(2 * SECOND);
    expect(Math.max(...carried.map(({ length }) => length))).toBe(200 + 40);
    expect(server.readable).toBe(5000);
  });

  it('cork holds back what is no full segment', () => {
    const { client, server, run } = connected();
    client.setOptions({ cork: true });
    client.send(new Uint8Array(100));
    run(1.1 * SECOND);
    expect(server.readable).toBe(0);
    client.setOptions({ cork: false });
    run(1.2 * SECOND);
    expect(server.readable).toBe(100);
  });

  it('the algorithm can be changed at any time', () => {
    const { client, run } = connected();
    expect(client.info().tcpi_congestion).toBe('cubic');
    client.setOptions({ congestionControl: 'bbr' });
    client.send(new Uint8Array(50_000));
    run(2 * SECOND);
    expect(client.info()).toMatchObject({ tcpi_congestion: 'bbr', tcpi_bytes_acked: 50_000 });
    expect(client.info().tcpi_pacing_rate).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  it('linger 0 makes close a reset', () => {
    const { client, failures, left, run } = connected();
    client.setOptions({ linger: 0 });
    client.send(new Uint8Array(10));
    client.close();
    run(2 * SECOND);
    expect(failures).toEqual({ client: 'aborted', server: 'reset' });
    expect(left.stats()).toMatchObject({ connections: 0, timeWait: 0 });
  });

  it('without it close sends what is queued', () => {
    const { client, server, run } = connected();
    client.setOptions({ linger: 0 });
    client.setOptions({ linger: null });
    client.send(new Uint8Array(10));
    client.close();
    run(2 * SECOND);
    expect(server.readable).toBe(10);
  });

  it('userTimeout gives up on a peer that is silent', () => {
    const { client, failures, pair, run } = connected();
    client.setOptions({ userTimeout: 3 * SECOND });
    pair.b.close();
    client.send(new Uint8Array(10));
    run(3 * SECOND);
    expect(failures.client).toBeUndefined();
    run(6 * SECOND);
    expect(failures.client).toBe('timed out');
  });

  it('keepAlive asks, and gives up on nobody who answers', () => {
    const { client, failures, carried, pair, run } = connected();
    client.setOptions({
      keepAlive: true,
      keepAliveTime: 2 * SECOND,
      keepAliveInterval: SECOND,
      keepAliveProbes: 3,
    });
    carried.length = 0;
    run(10 * SECOND);
    expect(carried.length).toBe(4);
    expect(failures.client).toBeUndefined();
    pair.b.close();
    run(20 * SECOND);
    expect(failures.client).toBe('timed out');
  });

  it.each<[TcpOptions, string]>([
    [{ ttl: 0 }, 'ttl 0: 1 … 255'],
    [{ dscp: 64 }, 'dscp 64: 0 … 63'],
    [{ maxSegment: 10 }, 'maxSegment 10: 48 … 65535'],
    [{ keepAliveTime: 0.5 }, 'keepAliveTime 0.5: 1 … any'],
    [{ congestionControl: 'vegas' as never }, 'congestionControl vegas: choose one of reno, cubic, bbr'],
  ])('refuses %j', (options, message) => {
    const { left, client } = connected();
    expect(() => client.setOptions({ ...options, noDelay: true })).toThrow(new RangeError(message));
    expect(() => left.connect({ remoteAddress: ip('10.0.0.2'), remotePort: 7, options })).toThrow(RangeError);
    expect(left.stats().connections).toBe(1);
  });
});
