import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../src/node/register/settings.ts';
import { linux } from '../../../src/tcp/config.ts';
import { rfc9293 } from '../../../src/tcp/profiles.ts';

describe('readSettings', () => {
  it('has a default for everything', () => {
    const settings = readSettings({});
    expect(settings).toMatchObject({ device: null, config: linux });
    expect(settings.subnets.map(({ address, length }) => `${address}/${length}`)).toEqual(['10.9.0.0/24', 'fd09::/64']);
  });

  it('reads the variables', () => {
    expect(readSettings({ SYNFIN_DEVICE: 'tun' }).device).toBe('synfin%d');
    expect(readSettings({ SYNFIN_DEVICE: 'tun:t0' }).device).toBe('t0');
    const { subnets } = readSettings({ SYNFIN_SUBNETS: '192.0.2.0/30, fd00::/126' });
    expect(subnets.map(({ address, length }) => `${address}/${length}`)).toEqual(['192.0.2.0/30', 'fd00::/126']);
    const empty = { SYNFIN_DEVICE: '', SYNFIN_SUBNETS: '', SYNFIN_PROFILE: '', SYNFIN_CONGESTION: '' };
    expect(readSettings(empty)).toEqual(readSettings({}));
    expect(readSettings({ SYNFIN_PROFILE: 'rfc9293' }).config).toBe(rfc9293);
    const { config } = readSettings({ SYNFIN_PROFILE: 'rfc9293', SYNFIN_CONGESTION: 'bbr' });
    expect(config).toEqual({ ...rfc9293, tcp_congestion_control: 'bbr' });
  });

  it.each([
    [{ SYNFIN_DEVICE: 'tun:' }, 'SYNFIN_DEVICE=tun:: choose loopback, tun or tun:NAME'],
    [{ SYNFIN_SUBNETS: '10.0.0.0' }, 'SYNFIN_SUBNETS=10.0.0.0: 10.0.0.0 has no room for two machines'],
    [{ SYNFIN_CONGESTION: 'vegas' }, 'SYNFIN_CONGESTION=vegas: choose one of reno, cubic, bbr'],
  ])('says what is wrong: %j', (env, message) => expect(() => readSettings(env)).toThrow(message));
});
