import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { linux } from '../src/tcp/config.ts';
import { measureRtt } from '../src/tcp/rtt.ts';
import { SYN } from '../src/wire/segment.ts';
import { RawPeer, THEIRS } from './stack/support/raw-peer.ts';
import { established, inState, SECOND } from './support/ladder.ts';
import { bareTcb } from './tcp/congestion/support/bare.ts';

/** What docs/deviations.md says that we do otherwise: each of these must fail. */
describe('deviations', () => {
  it.fails('RFC 9293 MUST-51, MUST-52, MUST-53, SHLD-24: a SYN that came by a source route is answered by it', () => {
    const peer = new RawPeer();
    peer.stack.listen({ port: 80 });
    // Loose source and record route, by one router, which has been passed.
    const route = Uint8Array.of(0x83, 7, 8, 10, 0, 0, 9, 0);
    peer.send((s) => Object.assign(s, { flags: SYN }), THEIRS[4], undefined, route);
    const { packet } = peer.heard[0]!;
    expect(packet[0]! & 15).toBeGreaterThan(5);
  });

  it.fails('RFC 9293 SHLD-26: a hard ICMP error ends an open connection', () => {
    const t = established();
    t.user.send(10);
    t.expect('P. 1:11 ack 1');
    t.icmp({ failure: 'port unreachable', hard: true });
    t.state('CLOSED');
  });

  it.fails('RFC 9293 MUST-23: a SYN is sent for three minutes', () => {
    const t = inState('SYN-SENT');
    t.run(179);
    t.state('SYN-SENT');
  });

  it.fails('RFC 6298 §2.4: RTO is no less than a second', () => {
    expect(linux.rtoMin).toBeGreaterThanOrEqual(SECOND);
  });

  it.fails('RFC 7323 §4.2: sixteen measurements in a round trip weigh as one', () => {
    const one = bareTcb();
    const many = bareTcb();
    measureRtt(one, 200_000);
    for (let i = 0; i < 16; i++) measureRtt(many, 200_000);
    expect(many.srtt).toBeLessThan(one.srtt * 1.1);
  });
});

describe('docs/deviations.md', () => {
  it('says of each rule of the differential why it is, and has none that is gone', () => {
    const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
    const rules = [...read('scripts/differential/rules.mjs').matchAll(/^ {4}name: '(.*)',$/gm)].map((m) => m[1]);
    const text = read('docs/deviations.md');
    const linux = text.slice(text.indexOf('## Linux')).split(/^## (?!Linux)/m)[0]!;
    const said = [...linux.matchAll(/^- \*\*(.*?)\*\*/gm)].map((m) => m[1]);
    expect(rules.length).toBeGreaterThan(10);
    expect(said.sort()).toEqual(rules.sort());
  });
});
