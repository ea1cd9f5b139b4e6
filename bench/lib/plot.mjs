import { middle } from './report.mjs';
import { digits } from './statistics.mjs';

// A picture of lines over two axes, and no more: the libraries that draw SVG without a DOM (ECharts, Vega) are fifty times the size of this
// package; the small ones (uPlot, Chartist) want a browser.

const WIDTH = 720;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 24;
const TOP = 46;
const BOTTOM = 84;
/** Told apart by those who see no red or green (Okabe and Ito), and by their dashes. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const DASHES = ['', '6 3', '2 3', '8 3 2 3', '1 2', '10 4'];

/** A row's series as an SVG document: medians as lines, the range of all rounds as a band; null where it has none. */
export function plot({ title, contenders }, { axes, logarithmic = false }) {
  const lines = contenders
    .filter((contender) => contender.series !== undefined && contender.n > 0)
    .map(({ name, series }) => ({ name, points: middle(series) }));
  if (axes === undefined || lines.length === 0) return null;
  const xs = lines.flatMap((line) => line.points.map(([x]) => x));
  const top = niceAbove(Math.max(...lines.flatMap((line) => line.points.map(([, , , most]) => most))));
  const [from, to] = [Math.min(...xs), Math.max(...xs)];
  const scale = logarithmic ? Math.log : (x) => x;
  const span = scale(to) - scale(from) || 1;
  const x = (value) => round(LEFT + ((scale(value) - scale(from)) / span) * (WIDTH - LEFT - RIGHT));
  const y = (value) => round(HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM));

  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" role="img">`,
    `<title>${xml(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="24" font-size="14">${xml(title)}</text>`,
  ];
  for (let i = 0; i <= 4; i++) {
    const value = (top * i) / 4;
    out.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/>`,
      `<text x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${digits(value)}</text>`,
    );
  }
  const ticks = logarithmic ? [...new Set(xs)] : steps(from, to);
  for (const value of ticks) {
    out.push(`<text x="${x(value)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${digits(value)}</text>`);
  }
  out.push(
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - BOTTOM + 36}" text-anchor="middle">${xml(axes[0])}</text>`,
    `<text transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${xml(axes[1])}</text>`,
  );
  lines.forEach(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const band = [
      ...points.map(([px, , , most]) => [px, most]),
      ...points.toReversed().map(([px, , least]) => [px, least]),
    ];
    const path = (list) => list.map(([px, py]) => `${x(px)},${y(py)}`).join(' ');
    out.push(
      `<polygon points="${path(band)}" fill="${colour}" opacity="0.12"/>`,
      `<polyline points="${path(points)}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${DASHES[i % DASHES.length]}"/>`,
    );
    const at = LEFT + (i % 4) * 160;
    const line = HEIGHT - 30 + Math.floor(i / 4) * 16;
    out.push(
      `<line x1="${at}" x2="${at + 24}" y1="${line - 4}" y2="${line - 4}" stroke="${colour}" stroke-width="2" stroke-dasharray="${DASHES[i % DASHES.length]}"/>`,
      `<text x="${at + 30}" y="${line}">${xml(name)}</text>`,
    );
  });
  return `${out.join('\n')}\n</svg>\n`;
}

/** The least of 1, 2, 2.5, 5 × a power of ten that is no less. */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value > 0 ? value : 1));
  return [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= value);
}

/** About six round values of a range. */
function steps(from, to) {
  const step = niceAbove((to - from) / 6 || 1);
  const out = [];
  for (let value = Math.ceil(from / step - 1e-9) * step; value <= to + step * 1e-9; value += step) out.push(value);
  return out;
}

const round = (value) => Math.round(value * 10) / 10;
const xml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
