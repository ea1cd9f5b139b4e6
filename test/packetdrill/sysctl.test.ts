import { describe, expect, it } from 'vitest';
import { applySysctls } from '../../src/packetdrill/sysctl.ts';
import { linux } from '../../src/tcp/config.ts';

const changed = (command: string) => {
  const config = { ...linux };
  applySysctls(command, config);
  return config;
};

describe('sysctls', () => {
  it('of Linux', () => {
    const config = changed('sysctl -q net.ipv4.tcp_timestamps=0\nsysctl -q net.ipv4.tcp_ecn=1 net.ipv4.tcp_sack=0');
    expect(config).toEqual({ ...linux, tcp_timestamps: false, tcp_ecn: 1, tcp_sack: false });
  });
  it('of the send buffer and of path MTU probing', () => {
    const config = changed(
      'sysctl -q net.ipv4.tcp_notsent_lowat=4000 net.ipv4.tcp_mtu_probing=2 net.ipv4.tcp_base_mss=512',
    );
    expect(config).toEqual({ ...linux, tcp_notsent_lowat: 4000, tcp_mtu_probing: 2, tcp_base_mss: 512 });
  });
  it('as paths', () =>
    expect(changed('./set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0').tcp_timestamps).toBe(false));
  it('with words', () =>
    expect(changed('sysctl -q net.ipv4.tcp_congestion_control="reno"').tcp_congestion_control).toBe('reno'));
  it('of FreeBSD', () => {
    const config = changed('sysctl -w net.inet.tcp.rexmit_initial=3000\nsysctl -w net.inet.tcp.recvspace=8192');
    expect([config.rtoInitial, config.receiveBuffer]).toEqual([3_000_000, 8192]);
  });
  it('that mean nothing here change nothing, and nothing is run', () =>
    expect(changed('tc qdisc add dev tun0 root pfifo; rm -rf x=1; sysctl -q net.core.no_such=1')).toEqual(linux));
});
