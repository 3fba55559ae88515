import { count, usd } from "./format";
import { GROUPS, sumOf } from "./lines";
import type { Step } from "./sizes";

/** Colours of the groups, light to dark enough for black letters. */
const COLOURS = [
  "#9ecae1",
  "#6baed6",
  "#fdae6b",
  "#fdd0a2",
  "#bcbddc",
  "#a1d99b",
  "#fb9a99",
  "#d9d9d9",
  "#f2e394",
  "#c7e9c0",
  "#e7cb94",
];
const WIDTH = 760;
const HEIGHT = 400;
const BAR = 90;
const TOP = 50;
const BOTTOM = 340;
const GAP = 135;
const LEGEND = 590;

/** A bar of shares for each step, with its sum above and its requests below. */
export function chartOf(steps: readonly Step[]): string {
  const label = (x: number, y: number, text: string): string =>
    `<text x="${String(x)}" y="${String(y)}" text-anchor="middle">${text}</text>`;
  const used = new Set<number>();
  const bars = steps.map(({ requestsPerDay, bill: { lines, total } }, step) => {
    const x = 30 + step * GAP;
    let y = BOTTOM;
    const parts = GROUPS.map((group, i) => {
      const height = (sumOf(lines.filter((line) => line.group === group)) / total) * (BOTTOM - TOP);
      if (height < 0.5) return "";
      used.add(i);
      y -= height;
      const place = `x="${String(x)}" y="${y.toFixed(1)}" width="${String(BAR)}" height="${height.toFixed(1)}"`;
      return `<rect ${place} fill="${COLOURS[i] ?? ""}" stroke="#fff"/>`;
    });
    const middle = x + BAR / 2;
    const sums = label(middle, TOP - 10, `$${usd(total)}`);
    return `${parts.filter(Boolean).join("\n")}\n${sums}\n${label(middle, BOTTOM + 20, count(requestsPerDay))}`;
  });
  const legend = [...used]
    .sort((a, b) => b - a)
    .map((group, row) => {
      const y = TOP + row * 24;
      return (
        `<rect x="${String(LEGEND)}" y="${String(y)}" width="14" height="14" fill="${COLOURS[group] ?? ""}"/>` +
        `<text x="${String(LEGEND + 22)}" y="${String(y + 12)}">${GROUPS[group] ?? ""}</text>`
      );
    });
  const title = `<text x="30" y="20">Cost a month by group, at requests a day</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(HEIGHT)}" font-family="sans-serif" font-size="13">`,
    `<rect width="${String(WIDTH)}" height="${String(HEIGHT)}" fill="#fff"/>`,
    title,
    ...bars,
    ...legend,
    "</svg>\n",
  ].join("\n");
}
