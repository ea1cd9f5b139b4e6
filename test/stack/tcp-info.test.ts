import { describe, expect, it } from 'vitest';
import { connected } from './support/world.ts';

const SECOND = 1_000_000;

describe('tcpInfo', () => {
  it('tells of a new connection', () => {
    const { client, server } = connected();
    expect(client.info()).toMatchObject({
      tcpi_state: 'ESTABLISHED',
      tcpi_ca_state: 'Open',
      tcpi_options: ['timestamps', 'sack', 'wscale'],
      tcpi_snd_mss: 1448,
      tcpi_advmss: 1460,
      tcpi_pmtu: 1500,
      tcpi_snd_cwnd: 10,
      tcpi_snd_ssthresh: Number.POSITIVE_INFINITY,
      tcpi_unacked: 0,
      tcpi_total_retrans: 0,
      tcpi_segs_out: 2,
      tcpi_segs_in: 1,
      tcpi_congestion: 'cubic',
    });
    expect(server.info()).toMatchObject({ tcpi_state: 'ESTABLISHED' });
  });

  it('counts what was sent, acknowledged and received', () => {
    const { client, server, run } = connected();
    client.send(new Uint8Array(100_000));
    expect(client.info()).toMatchObject({ tcpi_unacked: 10, tcpi_notsent_bytes: 100_000 - 10 * 1448 });
    run(2 * SECOND);
    expect(client.info()).toMatchObject({ tcpi_bytes_acked: 100_000, tcpi_unacked: 0, tcpi_notsent_bytes: 0 });
    expect(server.info()).toMatchObject({ tcpi_bytes_received: 100_000, tcpi_rcv_mss: 1448 });
    expect(client.info().tcpi_rtt).toBeGreaterThan(0);
    // The wire takes no time.
    expect(client.info().tcpi_min_rtt).toBe(0);
    expect(client.info().tcpi_snd_cwnd).toBeGreaterThan(10);
    expect(client.info().tcpi_last_data_sent).toBeGreaterThan(0);
  });

  it('tells what sending waited for, and how long nothing has come', () => {
    const { client, server, pair, run } = connected();
    run(2 * SECOND);
    // Nothing ever came: since the handshake.
    expect(client.info().tcpi_last_data_recv).toBe(SECOND);
    expect(client.info()).toMatchObject({ tcpi_busy_time: 0, tcpi_rwnd_limited: 0, tcpi_sndbuf_limited: 0 });
    server.send(new Uint8Array(10));
    run(3 * SECOND);
    expect(client.info().tcpi_last_data_recv).toBe(SECOND);
    pair.b.close();
    client.send(new Uint8Array(5000));
    run(4 * SECOND);
    expect(client.info()).toMatchObject({ tcpi_busy_time: SECOND, tcpi_rwnd_limited: 0, tcpi_sndbuf_limited: 0 });
  });

  it('tells of losses', () => {
    const { client, pair, run } = connected();
    pair.b.close();
    client.send(new Uint8Array(5000));
    run(3 * SECOND);
    const info = client.info();
    expect(info).toMatchObject({ tcpi_ca_state: 'Loss', tcpi_snd_cwnd: 1, tcpi_unacked: 4 });
    expect(info.tcpi_retransmits).toBeGreaterThan(1);
    expect(info.tcpi_total_retrans).toBeGreaterThan(1);
    expect(info.tcpi_rto).toBeGreaterThan(200_000);
  });

  it('goes on to tell of a connection that is over', () => {
    const { client, server, run } = connected();
    client.shutdown();
    run(2 * SECOND);
    expect(client.info().tcpi_state).toBe('FIN-WAIT-2');
    server.shutdown();
    run(3 * SECOND);
    expect([client.info().tcpi_state, server.info().tcpi_state]).toEqual(['TIME-WAIT', 'CLOSED']);
  });
});
