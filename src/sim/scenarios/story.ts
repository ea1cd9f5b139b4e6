import { flagWords } from '../../trace/event.ts';
import { ACK, FIN, RST, SYN } from '../../wire/segment.ts';
import type { Sent, Side } from './stage.ts';
import { type Text, t } from './text.ts';

/** In what two tellings of a scenario may differ and still be the same story. */
export const DIFFERENCES = {
  acks: t(
    'how many ACKs of their own there are, and which text they acknowledge: programs are not equally quick',
    '单独的 ACK 有多少个、各确认到哪里：程序反应的快慢不一样',
  ),
  crossing: t(
    'Linux answers a SYN,ACK that crosses its own by one more ACK, which RFC 9293 §3.5 does without',
    '两个 SYN,ACK 相遇时，Linux 会多回一个 ACK，RFC 9293 §3.5 并不需要它',
  ),
  untimed: t(
    'Linux takes segments without timestamps, and answers them; RFC 7323 §3.2 has them dropped',
    'Linux 接受没有时间戳的报文段并作答，RFC 7323 §3.2 则要求丢弃',
  ),
  cuts: t('where text is cut into segments, as windows differ', '窗口不同，数据切成报文段的位置也不同'),
  repeats: t(
    'how often something is repeated, where two timers fire at nearly the same time',
    '两个定时器几乎同时到期时，重发的次数',
  ),
  guesses: t('the number of a RST that answers a wrong guess', '回答错误猜测的 RST 的序号'),
  lengths: t('how much text the programs write', '程序写入多少数据'),
  volume: t('which segments a long transfer is made of', '大量数据由哪些报文段组成'),
} as const satisfies Readonly<Record<string, Text>>;
export type Difference = keyof typeof DIFFERENCES;

/** A segment of a story: numbers count from the SYNs of its connection. */
interface Told {
  readonly flags: number;
  readonly seq: number;
  readonly ack: number | null;
  readonly length: number;
  readonly lost: boolean;
}

/** What one side sent in one connection, in order; in words that can be compared. */
export type Story = readonly string[];

export interface Stories {
  readonly client: Story;
  readonly server: Story;
}

const MEANT = SYN | FIN | RST | ACK;

/** Of a sent segment what a story is made from: a `Stage` sees it, a capture holds it. */
export type StorySegment = Pick<Sent, 'from' | 'segment' | 'port' | 'to' | 'lost'>;

/**
 * Tells what both sides sent, one line a segment, connection after connection: flags without PSH, relative numbers, length, and whether it was lost. Times are
 * left out: what comes first shows in what is acknowledged.
 */
export function tellStories(segments: readonly StorySegment[], differs: readonly Difference[] = []): Stories {
  const connections = new Map<string, StorySegment[]>();
  for (const one of segments) {
    const key = one.from === 'client' ? `${one.port} ${one.to}` : `${one.to} ${one.port}`;
    const list = connections.get(key) ?? [];
    connections.set(key, list);
    list.push(one);
  }
  const stories = { client: [] as string[], server: [] as string[] };
  for (const list of connections.values()) {
    const base: Record<Side, number | null> = { client: null, server: null };
    const told: Record<Side, Told[]> = { client: [], server: [] };
    for (const { from: name, segment: sent, lost } of list) {
      const from: Side = name === 'client' ? 'client' : 'server';
      // A SYN that is not the one before begins to count anew: the four-tuple is used again.
      if (sent.flags & SYN) base[from] = sent.seq;
      base[from] ??= sent.seq - 1;
      const other = from === 'client' ? 'server' : 'client';
      if (sent.flags & ACK && !(sent.flags & RST && base[other] === null)) base[other] ??= sent.ack - 1;
      const ack = sent.flags & ACK && base[other] !== null ? (sent.ack - base[other]) | 0 : null;
      told[from].push({
        flags: sent.flags & MEANT,
        seq: (sent.seq - base[from]) | 0,
        ack,
        length: sent.length,
        lost: lost !== null,
      });
    }
    const meant = { client: simplify(told.client, differs), server: simplify(told.server, differs) };
    const shown = differs.includes('lengths') ? ranked(meant) : meant;
    for (const side of ['client', 'server'] as const) stories[side].push(...shown[side].map(words));
  }
  return stories;
}

/** Where the two part: line by line, empty where they agree. */
export function compareStories(ours: Stories, theirs: Stories): string[] {
  return (['client', 'server'] as const).flatMap((side) => {
    const [a, b] = [ours[side], theirs[side]];
    const at = a.findIndex((line, i) => line !== b[i]);
    if (at < 0 && a.length === b.length) return [];
    const n = at < 0 ? a.length : at;
    return [`${side}, segment ${n + 1}: ${a[n] ?? 'nothing more'} | ${b[n] ?? 'nothing more'}`];
  });
}

function simplify(told: readonly Told[], differs: readonly Difference[]): Told[] {
  const may = (...names: Difference[]) => names.some((name) => differs.includes(name));
  let list = [...told];
  if (may('volume')) {
    list = list.filter((s) => (s.flags & (SYN | FIN | RST)) !== 0);
    list = list.map((s) => ({ ...s, seq: 0, ack: null, lost: false }));
  }
  if (may('acks', 'untimed', 'crossing')) {
    // The third segment of the handshake stays, unless just that is meant.
    const isThird = (i: number) => !may('crossing') && list[i - 1]?.flags === SYN;
    list = list.filter((s, i) => s.flags !== ACK || s.length > 0 || isThird(i));
    list = list.map((s) => ((s.flags & (SYN | FIN | RST)) === 0 && s.length > 0 ? { ...s, ack: null } : s));
  }
  if (may('guesses')) list = list.map((s) => (s.flags & RST ? { ...s, seq: 0 } : s));
  if (may('cuts')) list = list.flatMap(apart);
  if (may('repeats', 'volume')) {
    const same = (a: Told, b: Told) => a.flags === b.flags && a.seq === b.seq && a.length === b.length;
    list = list.filter((s, i) => list.findIndex((other) => same(s, other)) === i);
    list = list.map((s) => ({ ...s, lost: false }));
  }
  return may('cuts') ? joined(list) : list;
}

/** Each number of a side by its place among all that occur: where text begins and ends counts, and not how long it is. */
function ranked(list: Record<Side, Told[]>): Record<Side, Told[]> {
  const places = (own: readonly Told[], other: readonly Told[]) => {
    const numbers = own.flatMap((s) => [s.seq, s.seq + s.length]).concat(other.flatMap((s) => s.ack ?? []));
    return [...new Set(numbers)].sort((a, b) => a - b);
  };
  const [client, server] = [places(list.client, list.server), places(list.server, list.client)];
  const told = (s: Told, own: readonly number[], other: readonly number[]): Told => ({
    ...s,
    seq: own.indexOf(s.seq),
    ack: s.ack === null ? null : other.indexOf(s.ack),
    length: Math.sign(s.length),
  });
  return {
    client: list.client.map((s) => told(s, client, server)),
    server: list.server.map((s) => told(s, server, client)),
  };
}

/** Text and FIN of one segment as two. */
function apart(s: Told): Told[] {
  if ((s.flags & FIN) === 0 || s.length === 0) return [s];
  const fin = { ...s, seq: s.seq + s.length, length: 0 };
  return [{ ...s, flags: ACK, ack: null }, fin];
}

/** Text that goes on where the text before ended, or that is repeated, as one segment. */
function joined(list: readonly Told[]): Told[] {
  const out: Told[] = [];
  for (const s of list) {
    const last = out.at(-1);
    const both = last !== undefined && last.flags === ACK && s.flags === ACK && last.length > 0 && s.length > 0;
    if (!both) out.push(s);
    else {
      const end = Math.max(last.seq + last.length, s.seq + s.length);
      out[out.length - 1] = { ...last, length: end - last.seq, lost: false };
    }
  }
  return out;
}

function words({ flags, seq, ack, length, lost }: Told): string {
  const name = flagWords(flags).join(',') || 'none';
  return `${name} ${seq}${ack === null ? '' : ` ack ${ack}`}${length > 0 ? ` len ${length}` : ''}${lost ? ' lost' : ''}`;
}
