import { describe, expect, it } from 'vitest';
import { type Names, runCode } from '../../src/packetdrill/code.ts';
import { tellTcpInfo } from '../../src/packetdrill/tcp-info.ts';
import { ESTABLISHED } from '../../src/tcp/state.ts';
import { connected } from '../stack/support/world.ts';

describe('what scripts are told of tcp_info', () => {
  it('is what the stack tells, in Linux’s units', () => {
    const { client, run } = connected();
    client.send(new Uint8Array(5000));
    run(2_000_000);
    const names: Names = new Map();
    tellTcpInfo(client.info(), ESTABLISHED, names);
    runCode('assert tcpi_state == TCP_ESTABLISHED and tcpi_ca_state == TCP_CA_Open', names);
    runCode('assert tcpi_snd_ssthresh == TCP_INFINITE_SSTHRESH', names);
    runCode('assert tcpi_options == TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE', names);
    // How long ago: in milliseconds, where the stack has microseconds.
    const { tcpi_last_data_sent, tcpi_last_data_recv } = client.info();
    expect(tcpi_last_data_sent).toBeGreaterThan(1000);
    expect(names.get('tcpi_last_data_sent')).toBe(Math.floor(tcpi_last_data_sent / 1000));
    expect(names.get('tcpi_last_data_recv')).toBe(Math.floor(tcpi_last_data_recv / 1000));
    for (const [name, value] of Object.entries(client.info())) {
      if (typeof value === 'number') expect(names.has(name), name).toBe(true);
    }
  });
});
