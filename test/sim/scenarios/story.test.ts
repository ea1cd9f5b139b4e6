import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findScenario, SCENARIOS } from '../../../src/sim/scenarios/catalogue.ts';
import { runScenario } from '../../../src/sim/scenarios/run.ts';
import type { Sent } from '../../../src/sim/scenarios/stage.ts';
import { compareStories, type Difference, type Stories, tellStories } from '../../../src/sim/scenarios/story.ts';
import { recorded } from '../../support/recorded.ts';

/** How a recording is compared with its scenario, where that is not as it stands. */
interface Recording {
  readonly knobs?: Readonly<Record<string, number>>;
  /** In what they may differ, besides the lengths of what programs write. */
  readonly differs?: readonly Difference[];
  /** Only so many segments of each side: why, in `because`. */
  readonly first?: { readonly client: number; readonly server: number };
  /** What is left out of the recording. */
  readonly without?: (sent: Sent) => boolean;
  readonly because?: string;
}

const RST = 4;

const RECORDINGS: Readonly<Record<string, Recording>> = {
  accept_queue_overflow: {
    first: { client: 6, server: 2 },
    because: 'in the recording nobody ever accepts, and another client tries',
  },
  bind_in_timewait_fails: {
    first: { client: 4, server: 2 },
    because: 'the recording goes on with SO_REUSEADDR, and Linux takes the four-tuple over by its timestamps',
  },
  crash_and_reboot: {
    without: (s) => s.lost !== null && (s.segment.flags & RST) !== 0,
    because: 'the recording made its crash by an abort whose RST got lost',
  },
  data_lost_fast_retransmit: {},
  fin_lost: {},
  firewall_idle_drop: { knobs: { idle: 1, retries: 3 } },
  half_close: { knobs: { bytes: 3000 } },
  keepalive_dead_peer: { knobs: { time: 1, interval: 1, probes: 3 } },
  keepalive_ok: { knobs: { time: 1, probes: 2 } },
  kill9_clean: {},
  kill9_unread_data: {},
  no_answer: { knobs: { retries: 2 } },
  refused: {},
  simultaneous_close: {},
  simultaneous_open: {
    first: { client: 3, server: 3 },
    because: 'the recording closes at once, the scenario carries text',
  },
  syn_flood: {
    differs: ['repeats'],
    first: { client: 2, server: 41 },
    because:
      'in the recording the forged addresses are of a host, which ignores the answers; and its client says nothing',
  },
  third_ack_lost_but_data_follows: {
    first: { client: 3, server: 2 },
    because: 'the scenario does not close',
  },
  third_ack_never: { knobs: { retries: 2 } },
  three_seg_close: {},
  tw_buckets_overflow: {},
  write_after_peer_close: {},
  zero_window: {
    knobs: { asleep: 2 },
    differs: ['acks', 'cuts', 'repeats'],
    because: 'buffers are of other sizes, so text is cut elsewhere',
  },
};

function cut(stories: Stories, first: Recording['first']): Stories {
  if (first === undefined) return stories;
  return { client: stories.client.slice(0, first.client), server: stories.server.slice(0, first.server) };
}

describe('recordings of two Linux kernels', () => {
  const names = [
    ...new Set(
      readdirSync(new URL('../../fixtures/kernel-captures', import.meta.url))
        .filter((file) => file.endsWith('.pcap'))
        .map((file) => file.split('.', 1)[0]!),
    ),
  ];

  it('have a scenario each, and scenarios name none that is not there', () => {
    const shown = SCENARIOS.flatMap((s) => s.capture ?? []);
    expect(shown.toSorted()).toEqual(names.toSorted());
    expect(Object.keys(RECORDINGS).toSorted()).toEqual(names.toSorted());
  });

  it.each(Object.entries(RECORDINGS))('%s tells the story of its scenario', async (name, recording) => {
    const scenario = SCENARIOS.find((s) => s.capture === name)!;
    const { knobs = {}, differs = [], first, without } = recording;
    const { sent, ok } = await runScenario(scenario, { knobs });
    expect(ok).toBe(true);
    const may: Difference[] = ['lengths', ...differs];
    const segments = recorded(name).filter((s) => !without?.(s));
    const [ours, theirs] = [tellStories(sent, may), tellStories(segments, may)].map((s) => cut(s, first));
    expect(compareStories(ours!, theirs!)).toEqual([]);
    expect(theirs!.client.length).toBeGreaterThan(0);
  });

  it('repeat what is lost after as long as ours do, where the time-outs are the same', async () => {
    const waits = (sent: readonly Sent[], from: string) => {
      const lost = sent.filter((s) => s.from === from && s.lost !== null);
      return lost.slice(1).map((s, i) => (s.time - lost[i]!.time) / 1000);
    };
    for (const [name, scenario] of [
      ['no_answer', 'open-no-answer'],
      ['fin_lost', 'close-fin-lost'],
      ['firewall_idle_drop', 'idle-firewall-drop'],
    ] as const) {
      const { knobs = {} } = RECORDINGS[name]!;
      const { sent } = await runScenario(findScenario(scenario)!, { knobs });
      const [ours, theirs] = [waits(sent, 'client'), waits(recorded(name), 'client')];
      expect(ours.length).toBe(theirs.length);
      // A kernel's timers are late by a tick of its wheel, 3 % and a few ms.
      for (const [i, wait] of ours.entries()) expect(Math.abs(theirs[i]! - wait)).toBeLessThan(0.05 * wait + 20);
    }
  });
});

describe('stories', () => {
  const sent = async (name: string, mutation: 'two-way' | 'fin-once' | null = null) =>
    (await runScenario(findScenario(name)!, { mutation })).sent;

  it('are told flag by flag, in relative numbers', async () => {
    expect(tellStories(await sent('open-refused'))).toEqual({ client: ['SYN 0'], server: ['RST,ACK 1 ack 1'] });
    const stories = tellStories(await sent('close-fin-lost'));
    expect(stories.client).toEqual([
      'SYN 0',
      'ACK 1 ack 1',
      'FIN,ACK 1 ack 1 lost',
      'FIN,ACK 1 ack 1 lost',
      'FIN,ACK 1 ack 1',
      'ACK 2 ack 2',
    ]);
  });

  it('part where a segment is missing, more, or other', async () => {
    const [four, three, half] = [await sent('close-four'), await sent('close-three'), await sent('close-half')];
    expect(compareStories(tellStories(four), tellStories(four))).toEqual([]);
    expect(compareStories(tellStories(four), tellStories(three))).toEqual([
      'server, segment 2: ACK 1 ack 2 | FIN,ACK 1 ack 2',
    ]);
    expect(compareStories(tellStories(four), tellStories(three, ['acks']))).not.toEqual([]);
    expect(compareStories(tellStories(four, ['acks']), tellStories(three, ['acks']))).toEqual([]);
    expect(compareStories(tellStories(four, ['volume']), tellStories(half, ['volume']))).toEqual([]);
    expect(compareStories(tellStories(four, ['lengths']), tellStories(half, ['lengths']))).not.toEqual([]);
  });

  it('leave out only what is named', async () => {
    const [whole, broken] = [await sent('close-fin-lost'), await sent('close-fin-lost', 'fin-once')];
    expect(compareStories(tellStories(whole), tellStories(broken))).not.toEqual([]);
    const repeats: Difference[] = ['repeats'];
    expect(compareStories(tellStories(whole, repeats), tellStories(broken, repeats))).not.toEqual([]);
  });
});
