import { digits, median } from './statistics.mjs';

/** A target in words. */
export function describe({ figure, of, against, bound, least = true }) {
  const what = against === null ? figure : `${figure}, ${of ?? 'ours'} ÷ ${against}`;
  return `${what} ${least ? '≥' : '≤'} ${bound}`;
}

function range({ n, median: middle, min, max }) {
  if (n === 0) return '–';
  return n === 1 ? digits(middle) : `${digits(middle)} [${digits(min)}–${digits(max)}]`;
}

/** A row's result as text: a line for each contender, the ratio of ours to it, and what the targets say. */
export function table({ row, title, contenders, clean, noisy, trouble, missing, quiet, less, targets }) {
  const all = quiet ? '' : ', ALL SHOWN: the machine is not quiet';
  const rounds = clean + noisy === 0 ? 'no round' : `${clean} clean rounds, ${noisy} noisy${all}`;
  const out = [`${row}: ${title} (${rounds})`];
  for (const one of missing) out.push(`  not measured: ${one.name}: ${one.why}`);
  for (const line of trouble) out.push(`  failed: ${line}`);
  const shown = contenders.filter((contender) => contender.n > 0);
  if (shown.length === 0) return out.join('\n');
  const names = Object.keys(shown[0].figures);
  const lines = [['', ...names, ...(shown.length > 1 ? [`${shown[0].name} ÷ it`] : [])]];
  for (const contender of shown) {
    const ratio = contender.ratio?.[names[0]];
    const cells = names.map((name) => range(contender.figures[name]));
    lines.push([contender.name, ...cells, ...(shown.length > 1 ? [ratio === undefined ? '' : range(ratio)] : [])]);
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  for (const line of lines) {
    out.push(`  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`);
  }
  if (less) out.push('  (less is better)');
  for (const { text, value, met } of targets) {
    const verdict = met === null ? 'not measured' : `${range(value)}: ${met ? 'met' : 'NOT MET'}`;
    out.push(`  target: ${text}: ${verdict}`);
  }
  return out.join('\n');
}

/** The middle of several series at each x. */
export function middle(series) {
  const at = new Map();
  for (const one of series) for (const [x, y] of one) at.set(x, [...(at.get(x) ?? []), y]);
  return [...at].map(([x, ys]) => [x, median(ys), Math.min(...ys), Math.max(...ys)]).sort((a, b) => a[0] - b[0]);
}
