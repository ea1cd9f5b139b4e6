import { describe, expect, it } from 'vitest';
import { RateSampler } from '../../../src/tcp/congestion/rate-sample.ts';
import { Sent } from '../../../src/tcp/loss/scoreboard.ts';
import { seq } from '../../../src/wire/seq.ts';

const MSS = 1000;
let next = 0;

/** A segment of 1000 bytes that leaves at `now`. */
function send(sampler: RateSampler, now: number, alone = false): Sent {
  const sent = new Sent();
  sent.start = seq(next);
  next += MSS;
  sent.end = seq(next);
  sent.time = now;
  sampler.sent(sent, now, alone);
  return sent;
}

function ack(sampler: RateSampler, now: number, ...ranges: Sent[]): void {
  sampler.begin(now);
  for (const range of ranges) sampler.arrived(range);
  sampler.finish(10_000);
}

describe('draft-cheng-iccrg-delivery-rate-estimation §3', () => {
  it('§3.2: a steady flight is measured exactly', () => {
    const sampler = new RateSampler();
    const flight = Array.from({ length: 100 }, (_, i) => send(sampler, i * 1000, i === 0));
    // A round trip of 50 ms: an ACK each millisecond.
    for (let i = 0; i < 50; i++) ack(sampler, 50_000 + i * 1000, flight[i]!);
    const later = Array.from({ length: 20 }, (_, i) => send(sampler, 100_000 + i * 1000));
    for (let i = 50; i < 100; i++) ack(sampler, 50_000 + i * 1000, flight[i]!);
    for (const [i, range] of later.entries()) ack(sampler, 150_000 + i * 1000, range);
    expect(sampler.rate).toBeCloseTo(1e6, -4);
  });

  it('§3.2.2: ACKs that come compressed do not raise the rate above that of sending', () => {
    const sampler = new RateSampler();
    const flight = Array.from({ length: 90 }, (_, i) => send(sampler, i * 1000, i === 0));
    for (const range of flight.slice(0, 50)) ack(sampler, 90_000, range);
    const last = send(sampler, 91_000);
    for (const range of flight.slice(50)) ack(sampler, 100_000, range);
    ack(sampler, 101_000, last);
    // 41 segments in 10 ms, by their ACKs; they were sent in 42.
    expect(sampler.rate).toBeCloseTo(41_000 / 0.042, -3);
  });

  it('a flight shorter than the least round trip is no sample', () => {
    const sampler = new RateSampler();
    const range = send(sampler, 0, true);
    ack(sampler, 5000, range);
    expect(sampler.rate).toBe(-1);
    expect(sampler.newlyDelivered).toBe(MSS);
  });

  it('§3.4: what is sent into a bubble is marked until the bubble has passed', () => {
    const sampler = new RateSampler();
    const first = send(sampler, 0, true);
    sampler.noteAppLimited(MSS);
    const second = send(sampler, 30_000);
    ack(sampler, 50_000, first);
    expect(sampler.isAppLimited).toBe(false);
    ack(sampler, 80_000, second);
    expect(sampler.isAppLimited).toBe(true);
    expect(sampler.appLimited).toBe(0);
    const third = send(sampler, 90_000, true);
    ack(sampler, 140_000, third);
    expect(sampler.isAppLimited).toBe(false);
  });

  it('a range counts once: by SACK or by number', () => {
    const sampler = new RateSampler();
    const range = send(sampler, 0, true);
    ack(sampler, 50_000, range);
    ack(sampler, 60_000, range);
    expect(sampler.delivered).toBe(MSS);
    expect(sampler.newlyDelivered).toBe(0);
    expect(sampler.rate).toBe(-1);
  });
});
