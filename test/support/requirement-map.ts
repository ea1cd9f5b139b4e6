import { mask, type SourceFile } from './source-rules.ts';

/**
 * The requirement map: which function keeps which rule of the RFCs, and which test shows it. `docs/requirements.txt` says what is asked; the tags in
 * comments of `src/` and in titles of tests, as `RFC 5961 §3.2`, `MUST-12` or `SHLD-3`, say where. Each function takes text and gives what it
 * found, or complaints, one line each, so that each can be shown to fail on a bad example.
 */

export interface Requirement {
  readonly id: string;
  readonly level: string;
  readonly rfc: number;
  readonly sections: readonly string[];
  readonly text: string;
  /** Of tests, and of comments, that name a section: which of them mean this rule. */
  readonly words: RegExp | null;
  readonly code: RegExp | null;
  /** Why it is not kept, or not shown. At most one of them is there. */
  readonly deviation: string | null;
  readonly open: string | null;
  readonly no: string | null;
}

export interface Requirements {
  readonly list: readonly Requirement[];
  /** Every RFC that may be cited, by its number: its title. */
  readonly rfcs: ReadonlyMap<number, string>;
}

/** A comment in the source, or the title of a test, with what it cites. */
export interface Place {
  readonly path: string;
  readonly line: number;
  /** The function, or the title of the test with those around it. '' for a comment about a whole file. */
  readonly name: string;
  readonly text: string;
  /** A test that must fail: it shows what we do otherwise. */
  readonly fails: boolean;
  /** `MUST-12`. */
  readonly ids: readonly string[];
  /** `9293 3.6.1`. */
  readonly sections: readonly string[];
  readonly rfcs: readonly number[];
}

/** The sections of RFC 9293: what a bare § may name. */
const SECTIONS = new Set(
  `1 2 2.1 2.2 3 3.1 3.2 3.3 3.3.1 3.3.2 3.4 3.4.1 3.4.2 3.4.3 3.5 3.5.1 3.5.2 3.5.3 3.6 3.6.1 3.7 3.7.1 3.7.2 3.7.3 3.7.4 3.7.5 3.8 3.8.1 3.8.2
  3.8.3 3.8.4 3.8.5 3.8.6 3.8.6.1 3.8.6.2 3.8.6.2.1 3.8.6.2.2 3.8.6.3 3.9 3.9.1 3.9.1.1 3.9.1.2 3.9.1.3 3.9.1.4 3.9.1.5 3.9.1.6 3.9.1.7 3.9.1.8
  3.9.1.9 3.9.2 3.9.2.1 3.9.2.2 3.9.2.3 3.10 3.10.1 3.10.2 3.10.3 3.10.4 3.10.5 3.10.6 3.10.7 3.10.7.1 3.10.7.2 3.10.7.3 3.10.7.4 3.10.8 4 5 6 7
  A A.1 A.2 A.3 A.4 B`.split(/\s+/),
);

const OPTIONS = ['words', 'code', 'deviation', 'open', 'no'] as const;

/** `docs/requirements.txt`. Throws where a line is none. */
export function readRequirements(text: string): Requirements {
  const list: Requirement[] = [];
  const rfcs = new Map<number, string>();
  let rfc = 0;
  for (const line of text.split('\n')) {
    const heading = /^(?:# RFC )?(\d+) (.+)$/.exec(line);
    if (heading !== null) {
      rfc = Number(heading[1]);
      rfcs.set(rfc, heading[2]!);
      continue;
    }
    const [id, level, sections, what, rest] = line.split(' | ');
    if (rfc === 0 || line === '' || line.startsWith('# ')) continue;
    if (what === undefined) throw new Error(`docs/requirements.txt: not a requirement: ${line}`);
    const found: Partial<Record<(typeof OPTIONS)[number], string>> = {};
    for (const part of rest?.split(', ') ?? []) {
      const name = OPTIONS.find((o) => part.startsWith(`${o}=`));
      if (name !== undefined) found[name] = part.slice(name.length + 1);
      else {
        const last = Object.keys(found).at(-1) as (typeof OPTIONS)[number] | undefined;
        if (last === undefined) throw new Error(`docs/requirements.txt: neither of ${OPTIONS.join(', ')}: ${part}`);
        found[last] += `, ${part}`;
      }
    }
    list.push({
      id: id!,
      level: level!,
      rfc,
      sections: sections!.split(', '),
      text: what,
      words: found.words === undefined ? null : new RegExp(found.words, 'i'),
      code: found.code === undefined ? null : new RegExp(found.code, 'i'),
      deviation: found.deviation ?? null,
      open: found.open ?? null,
      no: found.no ?? null,
    });
  }
  return { list, rfcs };
}

/** Documents that are no RFC: their sections are not looked at. */
const OTHER = 0;
const DOCUMENT = /\bRFC (\d+)|\bdraft-[\w-]+|\bvirtio [\d.]+/g;

/** The RFC that a text names first or last. */
function named(text: string, which: 0 | -1): number | undefined {
  const m = [...text.matchAll(DOCUMENT)].at(which);
  return m === undefined ? undefined : Number(m[1] ?? OTHER);
}

/** What a text cites. A bare § is of the RFC named before it, else of `topic`. */
export function cited(text: string, topic = 9293): Pick<Place, 'ids' | 'sections' | 'rfcs'> {
  const ids: string[] = [];
  const sections: string[] = [];
  const rfcs: number[] = [];
  let rfc = topic;
  const all = new RegExp(`${DOCUMENT.source}|§([0-9A]+(?:\\.\\d+)*)|\\b((?:MUST|SHLD|MAY|REC)-\\d+)`, 'g');
  for (const m of text.matchAll(all)) {
    if (m[2] !== undefined) sections.push(`${rfc} ${m[2]}`);
    else if (m[3] !== undefined) ids.push(m[3]);
    else {
      rfc = Number(m[1] ?? OTHER);
      if (rfc !== OTHER) rfcs.push(rfc);
    }
  }
  return { ids, sections, rfcs };
}

const NAME = String.raw`(?:static |async |override |readonly |get |set |private )*#?(\w+)`;
/** What a line declares: at the top level, and in a class, an interface or an object there. */
const TOP = /^(?:export )?(?:declare |async |abstract )*(?:function\*?|const|let|class|interface|type) (\w+)/;
const MEMBER = new RegExp(
  String.raw`^ {2}(?:(?!return\b|if\b|for\b|while\b|switch\b|else\b|throw\b|case\b)${NAME}[?!]?(?:\s*[:=(<]|;))`,
);
const KIND = /^(?:export )?(?:declare |async |abstract )*(function|const|let|class|interface|type)/;

/** The comments of a file that cite something, with the function that each stands at or in. Its first comment says what the file is about. */
export function sourcePlaces({ path, text }: SourceFile): Place[] {
  const lines = text.split('\n');
  const code = mask(text).split('\n');
  const places: Place[] = [];
  let topic: number | undefined;
  for (let at = 0; at < lines.length; at++) {
    const start = commentStart(lines[at]!, code[at]!);
    if (start < 0) continue;
    const first = at;
    let comment = lines[at]!.slice(start);
    const alone = code[at]!.trim() === '';
    // A block goes on to its end, a line comment with the lines below it that are nothing else.
    if (comment.startsWith('/*')) {
      while (!lines[at]!.includes('*/')) comment += ` ${lines[++at]!.trim().replace(/^\* ?/, '')}`;
    } else if (alone) {
      while (/^\s*\/\//.test(lines[at + 1] ?? '')) comment += ` ${lines[++at]!.trim().slice(2)}`;
    }
    topic ??= named(comment, 0) ?? 9293;
    const found = cited(comment, topic);
    if (found.ids.length + found.rfcs.length + found.sections.length === 0) continue;
    places.push({
      path,
      line: first + 1,
      name: owner(lines, code, first, at, alone),
      fails: false,
      text: comment,
      ...found,
    });
  }
  return places;
}

function commentStart(line: string, code: string): number {
  for (let i = line.indexOf('/'); i >= 0; i = line.indexOf('/', i + 1)) {
    const next = line[i + 1];
    // Of a string the closing quote would still be there.
    if ((next === '/' || next === '*') && code.slice(i).trim() === '') return i;
  }
  return -1;
}

/** Who a comment on the lines `first` … `last` is about. */
function owner(lines: readonly string[], code: readonly string[], first: number, last: number, alone: boolean): string {
  const below = alone ? last + 1 : first;
  const declared = TOP.exec(code[below] ?? '')?.[1];
  if (declared !== undefined) return declared;
  let member = MEMBER.exec(code[below] ?? '')?.[1];
  const indent = (lines[first]!.match(/^ */)?.[0] ?? '').length;
  if (indent === 0) return '';
  for (let k = first - 1; k >= 0; k--) {
    const top = TOP.exec(code[k]!);
    if (top !== null) {
      const kind = KIND.exec(code[k]!)![1]!;
      return member !== undefined && kind !== 'function' ? `${top[1]}.${member}` : top[1]!;
    }
    if (indent > 2 && member === undefined) member = MEMBER.exec(code[k]!)?.[1];
  }
  return '';
}

/** The titles of a test file: each with those around it. */
export function testPlaces({ path, text }: SourceFile): Place[] {
  const places: Place[] = [];
  const around: { indent: number; title: string }[] = [];
  const lines = text.split('\n');
  // `it(`, `describe(`, and the title below a table of `it.each([ … ])(`.
  const call =
    /^( *)(?:it|describe|test)(?:\.each\(.*\)|\.fails)?\(\s*(['"`])(.*?)(?<!\\)\2|^( *)\](?: as const)?\)\(\s*(['"`])(.*?)(?<!\\)\5/;
  lines.forEach((line, at) => {
    // A title may stand on the line below its call.
    const joined = /^ *(?:(?:it|describe|test)(?:\.each\(.*\)|\.fails)?|\](?: as const)?\))\($/.test(line)
      ? line + (lines[at + 1] ?? '').trim()
      : line;
    const m = call.exec(joined);
    if (m === null) return;
    const indent = (m[1] ?? m[4])!.length;
    const own = (m[3] ?? m[6])!.replace(/\\(['"`])/g, '$1');
    while (around.length > 0 && around.at(-1)!.indent >= indent) around.pop();
    const context = around.map((a) => a.title).join(' › ');
    around.push({ indent, title: own });
    const title = around.map((a) => a.title).join(' › ');
    const fails = /^ *it\.fails/.test(joined);
    places.push({ path, line: at + 1, name: title, fails, text: title, ...cited(own, named(context, -1)) });
  });
  return places;
}

function cites(place: Place, requirement: Requirement, words: RegExp | null): boolean {
  if (place.ids.includes(requirement.id)) return true;
  if (requirement.rfc === 9293 && !requirement.id.startsWith('9293-')) return false;
  const named = place.sections.some((s) =>
    requirement.sections.some((own) => s === `${requirement.rfc} ${own}` || s.startsWith(`${requirement.rfc} ${own}.`)),
  );
  return named && (words === null || words.test(place.text));
}

export interface Row {
  readonly requirement: Requirement;
  readonly functions: readonly Place[];
  readonly tests: readonly Place[];
}

export function match(requirements: Requirements, functions: readonly Place[], tests: readonly Place[]): Row[] {
  return requirements.list.map((requirement) => ({
    requirement,
    functions: functions.filter((p) => p.name !== '' && cites(p, requirement, requirement.code)),
    tests: tests.filter((p) => cites(p, requirement, requirement.words)),
  }));
}

/** Tags that name nothing. */
export function danglingTags(requirements: Requirements, places: readonly Place[]): string[] {
  const ids = new Set(requirements.list.map((r) => r.id));
  const complaints: string[] = [];
  for (const { path, line, ids: named, sections, rfcs } of places) {
    const where = `${path}:${line}`;
    for (const id of named) if (!ids.has(id)) complaints.push(`${where}: RFC 9293 has no ${id}`);
    for (const rfc of rfcs) {
      if (!requirements.rfcs.has(rfc)) complaints.push(`${where}: RFC ${rfc} is not in docs/requirements.txt`);
    }
    for (const section of sections) {
      const [rfc, number] = section.split(' ');
      if (rfc === '9293' && !SECTIONS.has(number!)) {
        complaints.push(`${where}: RFC 9293 has no §${number}: name the RFC that is meant`);
      }
    }
  }
  return complaints;
}

/** Rules that no function keeps, or no test shows, and excuses that are none. `headings`: those of docs/deviations.md. */
export function gaps(rows: readonly Row[], headings: readonly string[]): string[] {
  const complaints: string[] = [];
  for (const { requirement: r, functions, tests } of rows) {
    const shown = tests.some((test) => !test.fails);
    const complete = functions.length > 0 && shown;
    if (r.deviation !== null) {
      if (!headings.includes(r.deviation))
        complaints.push(`${r.id}: docs/deviations.md has no heading "${r.deviation}"`);
    } else if (r.open !== null) {
      if (complete) complaints.push(`${r.id}: has a function and a test: it is not open any more`);
    } else if (r.no === null && !complete) {
      const what = functions.length === 0 ? (shown ? 'function' : 'function and no test') : 'test';
      complaints.push(`${r.id} (RFC ${r.rfc} §${r.sections.join(', §')}, ${r.text}): has no ${what}`);
    }
  }
  return complaints;
}

/** `Deviation:` comments, whole, as a list: the part of docs/deviations.md that is drawn from the source. */
export function deviationComments(files: readonly SourceFile[]): string {
  const found: string[] = [];
  for (const { path, text } of files) {
    const lines = text.split('\n');
    lines.forEach((line, at) => {
      const start = line.search(/\bDeviation: /);
      if (start < 0) return;
      let comment = line.slice(start + 'Deviation: '.length);
      for (let k = at + 1; !comment.includes('*/') && /^\s*(\*|\/\/)/.test(lines[k] ?? ''); k++) {
        if (/^\s*\*?\s*$/.test(lines[k]!)) break;
        comment += ` ${lines[k]!.trim().replace(/^(\/\/|\*(?!\/))\s*/, '')}`;
      }
      found.push(`- \`${path}\`: ${comment.replace(/\s*\*\/.*$/, '').trim()}`);
    });
  }
  return found.join('\n');
}

/** docs/rfc9293-map.md. */
export function draw(requirements: Requirements, rows: readonly Row[]): string {
  const counts = (level: RegExp) => {
    const all = rows.filter((r) => r.requirement.rfc === 9293 && level.test(r.requirement.id));
    const kept = all.filter((r) => status(r) === '').length;
    const otherwise = all.filter((r) => r.requirement.deviation !== null).length;
    const rest = all.length - kept - otherwise;
    return `${kept} of ${all.length}${otherwise > 0 ? ` (${otherwise} otherwise${rest > 0 ? `, ${rest} for applications` : ''})` : ''}`;
  };
  const out = [
    '# Requirements, where they are kept, and what shows it',
    '',
    'Drawn from `docs/requirements.txt` and the tags in `src/` and `test/` by `npm run map`; `npm test` fails where it is not what they say. ',
    'Requirements are told in our words; the levels and the ids of RFC 9293 are its own. What is done otherwise is in [deviations.md](deviations.md).',
    '',
    `Of RFC 9293 ${counts(/^MUST/)} MUST and ${counts(/^SHLD/)} SHOULD have a function that keeps them and a test that shows it.`,
  ];
  let rfc = 0;
  for (const row of rows) {
    const r = row.requirement;
    if (r.rfc !== rfc) {
      rfc = r.rfc;
      out.push('', `## RFC ${rfc} ${requirements.rfcs.get(rfc)}`, '');
      out.push('| | level | § | requirement | kept by | shown by |', '|---|---|---|---|---|---|');
    }
    const functions = unique(row.functions.map((p) => `\`${p.path.replace(/^src\//, '')}\`: ${p.name}`));
    const tests = byFile(row.tests);
    const why = status(row);
    const cells = [
      r.id,
      r.level,
      r.sections.join(', '),
      r.text,
      functions.join('<br>'),
      [...tests, why].filter(Boolean).join('<br>'),
    ];
    out.push(`| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`);
  }
  return `${out.join('\n')}\n`;
}

function status({ requirement: r }: Row): string {
  if (r.deviation !== null) return `*Otherwise:* [${r.deviation}](deviations.md#${anchor(r.deviation)})`;
  if (r.open !== null) return `*Open:* ${r.open}`;
  if (r.no !== null) return `*Not taken:* ${r.no}`;
  return '';
}

function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}

/** `test/tcp/window.test.ts`: title; title. */
function byFile(tests: readonly Place[]): string[] {
  const files = new Map<string, string[]>();
  for (const { path, name, fails } of tests) {
    const titles = files.get(path) ?? [];
    files.set(path, titles);
    const title = name.split(' › ').at(-1)!.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    titles.push(fails ? `must fail: ${title}` : title);
  }
  return [...files].map(([path, titles]) => `\`${path.replace(/^test\//, '')}\`: ${unique(titles).join('; ')}`);
}
