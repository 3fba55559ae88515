import { kindNamed, PHASES } from "../policy";
import type { Gateway } from "../decision/gateway";
import { costsOf } from "./costs";
import { PLACES } from "./capabilities";
import type { TargetPlan } from "./placement";

/** Where a system's promises are kept, and what its routes cost, as a page of docs has it: by kind, in Markdown. */

function placesOf(plan: TargetPlan, kind: string): string {
  const own = plan.placements.filter((p) => p.kind === kind);
  const counts = PLACES.map((place) => [place, own.filter((p) => p.place === place).length] as const).filter(
    ([, n]) => n > 0,
  );
  if (counts.length === 0) return "-";
  return counts.map(([place, n]) => (counts.length > 1 ? `${place} (${String(n)})` : place)).join(", ");
}

const table = (rows: readonly (readonly string[])[]): string =>
  rows
    .flatMap((row, i) => [`| ${row.join(" | ")} |`, ...(i === 0 ? [`|${row.map(() => " --- |").join("")}`] : [])])
    .join("\n");

/** Promises by phase and kind. Numbers are hosts, or routes of hosts. */
export function placesTable(plans: readonly TargetPlan[]): string {
  const kinds = [...new Set(plans.flatMap((plan) => plan.placements.map((p) => p.kind)))];
  const sorted = kinds
    .map((kind) => [PHASES[kindNamed(kind).phase], kind] as const)
    .sort(([a, left], [b, right]) => a - b || (left < right ? -1 : 1));
  return table([
    ["phase", "promise", ...plans.map((p) => p.target)],
    ...sorted.map(([phase, kind]) => [String(phase), `\`${kind}\``, ...plans.map((plan) => placesOf(plan, kind))]),
  ]);
}

/** What routes cost beside the proxy itself, and how many of them. */
export function costsTable(gateway: Gateway, plans: readonly TargetPlan[]): string {
  const costs = costsOf(gateway, plans);
  const cells = plans.map(({ target }) => {
    const counts = new Map<string, number>();
    for (const { cells } of costs) counts.set(cells[target] ?? "", (counts.get(cells[target] ?? "") ?? 0) + 1);
    return [...counts].sort(([, a], [, b]) => b - a).map(([cost, n]) => `${String(n)}: ${cost}`);
  });
  const most = Math.max(...cells.map((all) => all.length));
  return table([
    plans.map((p) => p.target),
    ...Array.from({ length: most }, (_, i) => cells.map((all) => all[i] ?? "")),
  ]);
}
