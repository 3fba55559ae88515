import { readFileSync } from "node:fs";
import { costFiles } from "../../lib/commands/cost";
import { compileAll } from "../../lib/commands/load";
import { modelFiles } from "../../lib/commands/models";

/**
 * The report, added up by somebody who knows nothing of how it is made: what is printed must follow from what is printed.
 */

const REPORT = readFileSync("cost-report.md", "utf8");

const cellsOf = (line: string): string[] =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("**", ""));

/** Rows of the table below a heading, without its head. */
function tableBelow(heading: string, after = 0): string[][] {
  const start = REPORT.indexOf(heading, after);
  expect([heading, start >= 0]).toEqual([heading, true]);
  const lines = REPORT.slice(start).split("\n");
  const first = lines.findIndex((line) => line.startsWith("| --"));
  const rest = lines.slice(first + 1);
  return rest
    .slice(
      0,
      rest.findIndex((line) => !line.startsWith("|")),
    )
    .map(cellsOf);
}

const amount = (text = ""): number => Number(text.replaceAll(",", ""));
const cents = (usd: number): number => Math.round(usd * 100);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

const summary = tableBelow("# Cost report").map(([system = "", environment = "", , total]) => ({
  system,
  environment,
  total: amount(total),
}));

describe.each(summary)("$system, $environment", ({ system, environment, total }) => {
  const lines = tableBelow(`### Line items, ${system} ${environment}`);
  const start = REPORT.indexOf(`## ${system}, ${environment}\n`);

  test("each line is its quantity times its price", () => {
    expect(lines.length).toBeGreaterThan(20);
    for (const [, , what, quantity, , each, usd] of lines) {
      expect([what, cents(amount(quantity) * amount(each))]).toEqual([what, cents(amount(usd))]);
    }
  });

  test("the lines come to the total", () => {
    expect(sum(lines.map(([, , , , , , usd]) => cents(amount(usd))))).toBe(cents(total));
  });

  test("groups come to the total, each to its lines", () => {
    const groups = tableBelow(`## ${system}, ${environment}`).filter(([name]) => name !== "total");
    expect(sum(groups.map(([, usd]) => cents(amount(usd))))).toBe(cents(total));
    for (const [group, usd] of groups) {
      const own = lines.filter(([name]) => name === group).map(([, , , , , , u]) => cents(amount(u)));
      expect([group, sum(own)]).toEqual([group, cents(amount(usd))]);
    }
  });

  test("a price is that of the table of prices", () => {
    const prices = new Set(tableBelow("## Prices").map(([, usd, unit]) => `${usd ?? ""} ${unit ?? ""}`));
    for (const [, , what, , unit, each] of lines) {
      expect([what, prices.has(`${each ?? ""} ${unit ?? ""}`)]).toEqual([what, true]);
    }
  });

  test("what is saved comes to the difference", () => {
    const rows = tableBelow("### Cheaper", start);
    const [name, saved, left = ""] = rows.pop() ?? [];
    expect(name).toBe("all of them");
    expect(sum(rows.map(([, usd]) => cents(amount(usd))))).toBe(cents(amount(saved)));
    expect(cents(total) - cents(amount(saved))).toBe(cents(amount(/^[\d,.]+/.exec(left)?.[0])));
  });
});

test("our lines stand beside the source's, each once", () => {
  const rows = tableBelow("### The source's estimate, line by line");
  const [, theirs, ours] = rows.pop() ?? [];
  expect(sum(rows.map(([, usd]) => cents(amount(usd))))).toBe(cents(amount(theirs)));
  expect(sum(rows.map(([, , usd]) => cents(amount(usd))))).toBe(cents(amount(ours)));
  expect(amount(ours)).toBe(summary.find(({ system }) => system === "serhafen")?.total);
});

test("the present size is a point of the curve, and a request costs less the more there are", () => {
  const rows = tableBelow("### From a million requests a day to a billion");
  expect(rows.map(([requests]) => amount(requests))).toEqual([1e6, 1e7, 1e8, 1e9]);
  expect(amount(rows[0]?.[1])).toBe(summary.find(({ system }) => system === "serhafen")?.total);
  const perMillion = rows.map(([, , usd]) => amount(usd));
  expect(perMillion).toEqual([...perMillion].sort((a, b) => b - a));
  for (const [requests, usd, each] of rows) {
    expect([requests, cents((amount(usd) / ((amount(requests) * 365) / 12)) * 1e6)]).toEqual([
      requests,
      cents(amount(each)),
    ]);
  }
});

test("what is committed is what the code makes: every price, line and figure", () => {
  const { files, diagnostics } = costFiles(compileAll(modelFiles([]), { plansOnly: true }).compiled);
  expect(diagnostics).toEqual([]);
  expect(files.map(({ path }) => path)).toEqual(["cost-report.md", "docs/cost-curve.svg"]);
  for (const { path, content } of files) expect(readFileSync(path, "utf8")).toBe(content);
});
