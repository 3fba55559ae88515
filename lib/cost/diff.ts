import { usd } from "./format";
import { cents, type Line } from "./lines";

/** A bill as `gatewright cost --json` prints it. */
export type CostResult = { system: string; environment: string; total: number; lines: Line[] }[];

const signed = (amount: number): string => `${amount < 0 ? "−" : "+"}${usd(Math.abs(amount))}`;

/** Lines of one environment that are not the same before and after. */
function changesOf(before: readonly Line[], after: readonly Line[]): string[] {
  const named = (lines: readonly Line[]): Map<string, number> => {
    const sums = new Map<string, number>();
    // What has several prices, by tiers, is one line here.
    for (const { from, what, usd: cost } of lines) {
      const key = `${from} | ${what}`;
      sums.set(key, cents((sums.get(key) ?? 0) + cost));
    }
    return sums;
  };
  const [was, is] = [named(before), named(after)];
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((key) => {
    const [old, now] = [was.get(key) ?? 0, is.get(key) ?? 0];
    return old === now ? [] : [`| ${key} | ${usd(old)} | ${usd(now)} | ${signed(cents(now - old))} |`];
  });
}

/** What changes between two bills, as Markdown for a pull request. */
export function costDiff(before: CostResult, after: CostResult): string {
  const key = ({ system, environment }: CostResult[number]): string => `${system}, ${environment}`;
  const names = [...new Set([...before, ...after].map(key))].sort();
  const parts = names.flatMap((name) => {
    const [old, now] = [before, after].map((all) => all.find((one) => key(one) === name));
    const changes = changesOf(old?.lines ?? [], now?.lines ?? []);
    if (changes.length === 0) return [];
    const [was, is] = [old?.total ?? 0, now?.total ?? 0];
    return [
      `### ${name}: ${signed(cents(is - was))} a month (${usd(was)} → ${usd(is)})`,
      "",
      "| from | what | before | after | difference |",
      "| --- | --- | --: | --: | --: |",
      ...changes,
      "",
    ];
  });
  const said = parts.length === 0 ? ["Nothing costs more or less.", ""] : parts;
  return ["## Cost, US dollars a month at list prices", "", ...said].join("\n");
}
