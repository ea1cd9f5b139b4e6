import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { completeFrame } from '../link/complete.ts';
import { CHECKSUM_COMPLETE } from '../link/device.ts';
import { fileTrouble, firstLine } from '../node/file-trouble.ts';
import { settled } from '../node/testing/virtual-globals.ts';
import { copyFrame } from '../sim/packet.ts';
import { findScenario, SCENARIOS } from '../sim/scenarios/catalogue.ts';
import { MUTATIONS, type MutationName, mutation } from '../sim/scenarios/mutations.ts';
import { type RunOptions, runScenario, type ScenarioResult } from '../sim/scenarios/run.ts';
import { CHAPTERS, type Chapter, type Scenario } from '../sim/scenarios/scenario.ts';
import type { Language } from '../sim/scenarios/text.ts';
import type { TraceEvent } from '../trace/event.ts';
import { Ladder } from '../trace/ladder.ts';
import { noPaint, type Paint, textWidth, wrapText } from '../trace/paint.ts';
import { laddersSvg } from '../trace/svg.ts';
import { PcapngWriter } from '../wire/pcapng.ts';
import { Failure } from './failure.ts';
import { ownNamespace } from './linux/peer.ts';
import { linuxSide, type PeerName, playWithLinux } from './linux/play.ts';
import { isScenarioFile, playFile } from './scenario-file.ts';
import { terminal } from './terminal.ts';

export interface ScenarioOptions {
  readonly list?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly format?: 'ladder' | 'json' | 'svg' | 'pcapng';
  readonly lang?: Language;
  readonly step?: boolean;
  readonly plain?: boolean;
  readonly absolute?: boolean;
  readonly mutate?: string;
  readonly profile?: 'linux' | 'rfc9293';
  readonly seed?: number;
  readonly peer?: PeerName;
  readonly output?: string;
}

interface Look {
  readonly columns: number;
  readonly paint: Paint;
  readonly plain: boolean;
  readonly lang: Language;
}

const WORDS = {
  en: {
    holds: 'All checks hold.',
    fails: 'Not all checks hold.',
    knobs: 'knobs',
    colon: ': ',
    without: 'A RULE IS TAKEN OUT',
    damage: 'What breaks without it:',
    harmless: 'Here nothing breaks without it.',
    broken: (n: number, all: number, rule: string) => `${n} of ${all} break (--mutate ${rule}).`,
    try: 'Try',
    linux: "--peer linux: Linux's own TCP can be at one end",
  },
  zh: {
    holds: '所有检查都成立。',
    fails: '有检查不成立。',
    knobs: '可调参数',
    colon: '：',
    without: '去掉了一条规则',
    damage: '去掉它之后出了什么问题：',
    harmless: '在这个场景里，去掉它没有造成损害。',
    broken: (n: number, all: number, rule: string) => `${all} 个场景中有 ${n} 个出了问题（--mutate ${rule}）。`,
    try: '可以试试',
    linux: '--peer linux：一端可换成 Linux 自己的 TCP',
  },
} as const;

/** What knobs count, in Chinese; units that are written alike in both languages are missing. */
const UNITS: Readonly<Record<string, string>> = {
  bytes: '字节',
  connections: '个连接',
  days: '天',
  'each way': '个/每种',
  h: '小时',
  numbers: '个序号',
  packets: '个包',
  ports: '个端口',
  requests: '个请求',
  s: '秒',
  segment: '（第几段）',
  SYNs: '个 SYN',
  times: '次',
};

/** `synfin scenario`: lists the catalogue, plays one scenario, or all. `rest`: the knobs, as they were written. Returns the exit status. */
export async function scenario(
  name: string | undefined,
  rest: readonly string[],
  options: ScenarioOptions,
): Promise<number> {
  const out = terminal(process.stdout, options.plain ?? false);
  const lang = options.lang ?? languageOf(process.env);
  const look: Look = { columns: Math.min(out.columns, 100), paint: out.paint, plain: options.plain ?? false, lang };
  if (name !== undefined && isScenarioFile(name)) {
    const { output, status } = playFile(name, options.json ? 'json' : (options.format ?? 'ladder'), look);
    write(options.output, output, 'ladder');
    return status;
  }
  checkCombination(name, options);
  if (options.list || (name === undefined && options.all !== true)) return list(options, look);
  if (options.peer !== undefined) {
    if (options.mutate !== undefined)
      throw new Failure('a rule can be taken out of our own TCP only: --mutate goes without --peer', 2);
    if (name !== undefined && findScenario(name) !== undefined) linuxSide(findScenario(name)!, options.peer);
    // An ordinary user's command has run again, as root of a namespace.
    const status = await ownNamespace();
    if (status !== null) return status;
  }
  if (options.all) return await playAll(options, look);
  const found = findScenario(name!);
  if (found === undefined)
    throw new Failure(`there is no scenario ${name}${nearest(name!)}: synfin scenario lists them`, 2);
  return await play(found, knobsOf(rest), options, look, out.columns);
}

/** What the locale says, as setlocale(3) reads it: a variable that is empty says nothing. */
function languageOf({ LC_ALL, LC_MESSAGES, LANG }: NodeJS.ProcessEnv): Language {
  return /^zh/i.test(LC_ALL || LC_MESSAGES || LANG || '') ? 'zh' : 'en';
}

/** What would be passed over in silence is refused. */
function checkCombination(name: string | undefined, { all, list, format, output, step }: ScenarioOptions): void {
  if (name?.startsWith('--')) throw new Failure(`name a scenario before its knobs: synfin scenario NAME ${name} …`, 2);
  const [many, does] = list ? ['--list', 'lists'] : ['--all', 'plays'];
  if (name !== undefined && (all || list)) throw new Failure(`${many} ${does} every scenario: leave out ${name}`, 2);
  if (name !== undefined) return;
  const one = [format && '--format', output && '--output', step && '--step'].find(Boolean);
  if (one) throw new Failure(`${one} is for one scenario: synfin scenario NAME ${one}; for lists there is --json`, 2);
}

async function play(
  found: Scenario,
  knobs: Record<string, number>,
  options: ScenarioOptions,
  look: Look,
  columns: number,
): Promise<number> {
  const format = options.json ? 'json' : (options.format ?? 'ladder');
  const writer = new PcapngWriter({ application: 'synfin', interfaceName: found.name });
  const capture: Uint8Array[] = [writer.header()];
  const how: RunOptions = {
    ...runOptions(options, look.lang),
    knobs,
    observer: ({ kind, time, frame, where }) => {
      if (kind !== 'sent' || format !== 'pcapng') return;
      const whole = frame.checksum === CHECKSUM_COMPLETE ? frame : copyFrame(frame);
      completeFrame(whole);
      const direction = where === 'client' ? 'out' : 'in';
      capture.push(writer.packet(time, whole.bytes, whole.offset, whole.length, { direction }));
    },
  };
  const result = await tryAgain(found, how, options.peer, () => {
    capture.splice(1);
    if (format !== 'json') process.stderr.write(`synfin: ${found.name} does not hold: once more, in real time\n`);
  });
  const ok = expected(result);
  if (format === 'pcapng') write(options.output, Buffer.concat(capture), 'pcapng');
  else if (format === 'svg') write(options.output, picture(result, look.lang, options.absolute ?? false), 'svg');
  else if (format === 'json') write(options.output, `${JSON.stringify(asJson(result), null, 2)}\n`, 'json');
  else if (options.output !== undefined) {
    const lines: string[] = [];
    await show(result, { ...look, paint: noPaint }, columns, options, async (more) => void lines.push(...more));
    write(options.output, lines.map((line) => `${line}\n`).join(''), 'ladder');
  } else {
    const next = options.step ? stepper() : null;
    await show(result, look, columns, options, async (lines) => {
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
      if (next !== null && lines.length > 0) await next.wait();
    });
    next?.close();
  }
  return ok ? 0 : 1;
}

/** Tells a run step by step to `print`, the explanation first. */
async function show(
  result: ScenarioResult,
  look: Look,
  columns: number,
  options: ScenarioOptions,
  print: (lines: readonly string[]) => Promise<void>,
): Promise<void> {
  const { scenario: s, recorder } = result;
  const { paint, lang } = look;
  const words = WORDS[lang];
  const settings = s.knobs.map((k) => {
    const range = `${k.from}…${k.to} ${lang === 'zh' ? (UNITS[k.unit] ?? k.unit) : k.unit}`;
    return `--${k.name} ${result.knobs[k.name]} (${range}${words.colon}${k.text[lang]})`;
  });
  await print([
    `${paint('title', s.name)}  ${s.title[lang]}`,
    paint('faint', `${CHAPTERS[s.chapter][lang]} · ${s.rfc.join(' · ')}`),
    '',
    ...wrapText(s.text[lang], look.columns - 2).map((line) => `  ${line}`),
    '',
    ...(result.mutation === null
      ? []
      : wrapText(
          `✕ ${words.without} (--mutate ${result.mutation}): ${mutation(result.mutation)!.text[lang]}`,
          look.columns,
        )
          .map((line) => paint('bad', line))
          .concat('')),
    ...settings.flatMap((line, i) =>
      indented(i === 0 ? `${words.knobs}  ` : ' '.repeat(textWidth(words.knobs) + 2), line, look),
    ),
  ]);
  const ladder = new Ladder({
    columns,
    plain: look.plain,
    paint,
    peerKnown: true,
    names: { ours: 'client', peer: 'server' },
    numbers: options.absolute ? 'absolute' : 'relative',
  });
  const events = recorder.connections.flatMap((c) => c.events.map((event) => ({ event, connection: c })));
  events.sort((a, b) => a.event.serial - b.event.serial);
  // Those at the end are in the verdict, right below.
  while (isCheck(events.at(-1)?.event)) events.pop();
  for (const { event, connection } of events) await print(ladder.push(event, connection));
  await print(ladder.end());
  await print(['', ...verdict(result, look)]);
}

function isCheck(event: TraceEvent | undefined): boolean {
  return event?.kind === 'note' && event.ok !== undefined;
}

function verdict(result: ScenarioResult, { paint, lang, plain, columns }: Look): string[] {
  const words = WORDS[lang];
  const marks = plain ? (['ok      ', 'NOT OK  '] as const) : (['  ✓ ', '  ✗ '] as const);
  const checks = result.checks.flatMap(({ ok, text }) => {
    const mark = ok ? marks[0] : marks[1];
    const [first = '', ...rest] = wrapText(text[lang], columns - mark.length);
    return [`${paint(ok ? 'good' : 'bad', mark)}${first}`, ...rest.map((line) => ' '.repeat(mark.length) + line)];
  });
  const error = result.error === null ? [] : [paint('bad', firstLine(result.error))];
  if (result.mutation !== null) {
    const broken = !result.ok;
    return [paint('bad', broken ? words.damage : words.harmless), ...checks, ...error];
  }
  const others = (result.scenario.mutations ?? []).map(
    (m) => `${words.try}${words.colon}synfin scenario ${result.scenario.name} --mutate ${m}`,
  );
  return [...checks, ...error, paint(result.ok ? 'good' : 'bad', result.ok ? words.holds : words.fails), ...others];
}

async function playAll(options: ScenarioOptions, look: Look): Promise<number> {
  let failed = 0;
  let broken = 0;
  const results: object[] = [];
  const { peer } = options;
  const marked = SCENARIOS.filter((s) => peer === undefined || plays(s, peer));
  for (const one of marked) {
    // A namespace each: what one leaves behind is in no other's way.
    if (peer !== undefined && one !== marked[0]) await ownNamespace();
    const result = await tryAgain(one, runOptions(options, look.lang), peer);
    if (!expected(result)) failed++;
    if (!result.ok) broken++;
    if (options.json) results.push(asJson(result, false));
    else process.stdout.write(`${summary(result, look)}\n`);
  }
  if (options.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  else process.stdout.write(`${total(marked.length, failed, broken, options.mutate, look)}\n`);
  return failed === 0 ? 0 : 1;
}

/** The last line: with a rule taken out, how much breaks. */
function total(all: number, failed: number, broken: number, taken: string | undefined, { paint, lang }: Look): string {
  const words = WORDS[lang];
  if (taken !== undefined) return paint(broken > 0 ? 'bad' : 'good', words.broken(broken, all, taken));
  const [role, text] = failed === 0 ? (['good', words.holds] as const) : (['bad', words.fails] as const);
  return paint(role, `${all - failed}/${all} ${text}`);
}

function summary(result: ScenarioResult, { paint, plain, lang }: Look): string {
  const { scenario: s, ok, checks, segments, lost, lasted } = result;
  const mark = ok ? paint('good', plain ? 'ok    ' : '✓') : paint('bad', plain ? 'NOT OK' : '✗');
  const figures = `${checks.filter((c) => c.ok).length}/${checks.length} · ${segments} seg${lost > 0 ? `, ${lost} ✕` : ''} · ${(lasted / 1e6).toFixed(1)} s`;
  const broken = result.error !== null ? firstLine(result.error) : checks.find((c) => !c.ok)?.text[lang];
  return `${mark} ${s.name.padEnd(30)} ${plain ? ascii(figures) : figures}${broken === undefined ? '' : `  ${paint('bad', broken)}`}`;
}

/** Whether Linux can be at that end of it. */
function plays({ linux }: Scenario, peer: PeerName): boolean {
  return linux !== undefined && (peer === 'linux' || linux.sides.some((side) => peer === `linux-${side}`));
}

function list({ json, peer }: ScenarioOptions, look: Look): number {
  const all = SCENARIOS.filter((s) => peer === undefined || plays(s, peer));
  if (json) {
    process.stdout.write(`${JSON.stringify(all.map(describe), null, 2)}\n`);
    return 0;
  }
  const lines: string[] = [];
  const linuxMark = look.paint('faint', look.plain ? ' (--peer linux)' : ' ⇄');
  for (const chapter of Object.keys(CHAPTERS) as Chapter[]) {
    const inside = all.filter((s) => s.chapter === chapter);
    if (inside.length === 0) continue;
    lines.push('', look.paint('title', CHAPTERS[chapter][look.lang]));
    for (const s of inside)
      lines.push(`  ${s.name.padEnd(30)} ${s.title[look.lang]}${s.linux === undefined ? '' : linuxMark}`);
  }
  lines.push('', look.paint('title', '--mutate'));
  for (const m of MUTATIONS) lines.push(...indented(`  ${m.name.padEnd(30)} `, m.text[look.lang], look));
  if (!look.plain) lines.push('', `${linuxMark.trim()} ${WORDS[look.lang].linux}`);
  process.stdout.write(`${lines.slice(1).join('\n')}\n`);
  return 0;
}

function describe(s: Scenario): object {
  const { name, chapter, title, text, rfc, knobs, mutations = [], capture = null, linux = null } = s;
  return { name, chapter, chapterTitle: CHAPTERS[chapter], title, text, rfc, knobs, mutations, capture, linux };
}

function asJson(result: ScenarioResult, events = true): object {
  const {
    scenario: s,
    ok,
    checks,
    error,
    lasted,
    segments,
    lost,
    digest,
    knobs,
    seed,
    mutation: taken,
    recorder,
  } = result;
  const base = { ...describe(s), ok, checks, error: error === null ? null : firstLine(error), seed, mutation: taken };
  const figures = { lasted, segments, lost, digest, values: knobs };
  if (!events) return { ...base, ...figures };
  const connections = recorder.connections.map((c) => ({
    id: c.id,
    localAddress: c.localAddress,
    localPort: c.localPort,
    remoteAddress: c.remoteAddress,
    remotePort: c.remotePort,
    events: c.events,
  }));
  return { ...base, ...figures, connections };
}

/** Connections that a picture shows: of a flood, the first ones. */
const MOST_DRAWN = 8;

function picture(result: ScenarioResult, lang: Language, absolute: boolean): string {
  const { scenario: s, recorder } = result;
  const shown = recorder.connections.slice(0, MOST_DRAWN);
  if (shown.length === 0) throw new Failure(`${s.name} has no segment to draw`);
  const events = shown.flatMap((c) => c.events.map((event) => [event, c] as const));
  events.sort(([a], [b]) => a.serial - b.serial);
  const taken = result.mutation === null ? null : mutation(result.mutation)!.text[lang];
  return laddersSvg(events, {
    names: { ours: 'client', peer: 'server' },
    peerKnown: true,
    numbers: absolute ? 'absolute' : 'relative',
    title: s.text[lang],
    footer: `${s.name}: ${s.title[lang]}`,
    ...(taken !== null && { warning: `✕ ${WORDS[lang].without}: ${taken}` }),
  });
}

/** With a rule taken out, damage is what is to be seen: only a script that cannot be played is a failure. */
function expected(result: ScenarioResult): boolean {
  return result.mutation === null ? result.ok : true;
}

function runOptions(options: ScenarioOptions, language: Language): RunOptions {
  const taken = options.mutate ?? null;
  if (taken !== null && mutation(taken) === undefined) {
    throw new Failure(`there is no rule ${taken} to take out: ${MUTATIONS.map((m) => m.name).join(', ')}`, 2);
  }
  return {
    language,
    settle: settled,
    mutation: taken as MutationName | null,
    ...(options.seed !== undefined && { seed: options.seed }),
    ...(options.profile !== undefined && { profile: options.profile }),
  };
}

/** Where Linux is at one end time is real, and a busy machine may be late: what could not be done once may be done again. */
const ATTEMPTS = 3;

async function tryAgain(
  found: Scenario,
  options: RunOptions,
  peer: PeerName | undefined,
  again: () => void = () => {},
): Promise<ScenarioResult> {
  let result = await tryRun(found, options, peer);
  for (let attempt = 2; peer !== undefined && attempt <= ATTEMPTS && !expected(result); attempt++) {
    await ownNamespace();
    again();
    result = await tryRun(found, options, peer);
  }
  return result;
}

async function tryRun(found: Scenario, options: RunOptions, peer?: PeerName): Promise<ScenarioResult> {
  try {
    if (peer !== undefined) return await playWithLinux(found, linuxSide(found, peer), options);
    return await runScenario(found, options);
  } catch (error) {
    if (error instanceof RangeError) throw new Failure(error.message, 2);
    throw error;
  }
}

/** `--delay 30 --lost=2`: knobs have names of their own in each scenario. */
function knobsOf(rest: readonly string[]): Record<string, number> {
  const values: Record<string, number> = {};
  const words = rest.flatMap((word) =>
    /^--[^=]+=/.test(word) ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [word],
  );
  for (let i = 0; i < words.length; i += 2) {
    const [name, text] = [words[i]!, words[i + 1]];
    if (!name.startsWith('--')) throw new Failure(`${name} is no knob: knobs are written --NAME VALUE`, 2);
    const value = Number(text);
    if (text === undefined || text.trim() === '' || !Number.isFinite(value))
      throw new Failure(`${name} needs a number`, 2);
    values[name.slice(2)] = value;
  }
  return values;
}

function write(file: string | undefined, content: string | Uint8Array, format: string): void {
  if (file === undefined) {
    if (format === 'pcapng' && process.stdout.isTTY)
      throw new Failure('a capture is no text: --output FILE, or | tshark -r -', 2);
    process.stdout.write(content);
    return;
  }
  try {
    writeFileSync(file, content);
  } catch (error) {
    throw new Failure(`cannot write ${file}: ${fileTrouble('write', file, error)} (--output FILE)`);
  }
}

/** Waits for Enter between two steps. */
function stepper(): { wait(): Promise<void>; close(): void } {
  const lines = createInterface({ input: process.stdin });
  const waiting: (() => void)[] = [];
  let ended = false;
  lines.on('line', () => waiting.shift()?.());
  lines.on('close', () => {
    ended = true;
    for (const go of waiting.splice(0)) go();
  });
  return {
    wait: () => (ended ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    close: () => lines.close(),
  };
}

function indented(lead: string, text: string, { columns }: Look): string[] {
  const [first = '', ...rest] = wrapText(text, Math.max(20, columns - textWidth(lead)));
  return [lead + first, ...rest.map((line) => ' '.repeat(textWidth(lead)) + line)];
}

function nearest(name: string): string {
  const far = SCENARIOS.map((s) => [s.name, distance(name, s.name)] as const).sort((a, b) => a[1] - b[1]);
  const like = far.filter(([, n]) => n <= Math.max(2, name.length / 4)).slice(0, 3);
  return like.length === 0 ? '' : ` (did you mean ${like.map(([n]) => n).join(', ')}?)`;
}

/** Letters to be changed, put in or left out until the one is the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let k = 1; k <= b.length; k++) {
      next[k] = Math.min(row[k]! + 1, next[k - 1]! + 1, row[k - 1]! + (b[k - 1] === letter ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}

function ascii(text: string): string {
  return text.replaceAll(' · ', ', ').replaceAll('✕', 'lost');
}
