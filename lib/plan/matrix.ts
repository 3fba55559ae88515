import { kindNamed, PHASES } from "../policy";
import type { Gateway } from "../decision/gateway";
import { columns } from "./columns";
import type { Placement, TargetPlan } from "./placement";

/** The enforcement matrix: one row per promise and place where it stands, one column per target. */
export interface MatrixRow {
  host: string;
  route: string;
  kind: string;
  phase: number;
  features: readonly string[];
  cells: Readonly<Record<string, string>>;
}

/** What is to be known of a place besides. */
export function placeNotes(plan: Pick<TargetPlan, "proven">, placement: Pick<Placement, "difference">): string[] {
  const words: string[] = [];
  if (placement.difference !== undefined) words.push(`approximate (${placement.difference})`);
  if (!plan.proven) words.push("unproven");
  return words;
}

const cell = (plan: TargetPlan, placement: Placement | undefined): string =>
  placement ? [placement.place, ...placeNotes(plan, placement)].join(" ") : "-";

export function matrixOf(gateway: Gateway, plans: readonly TargetPlan[]): MatrixRow[] {
  const keyOf = (p: Placement): string => [p.host, p.route ?? "", p.kind].join(" ");
  const indexed = plans.map((plan) => new Map(plan.placements.map((p) => [keyOf(p), p])));
  const all = new Map(plans.flatMap((plan) => plan.placements.map((p) => [keyOf(p), p])));
  const places = gateway.hosts.flatMap(({ name, routes }) => [`${name} *`, ...routes.map((r) => `${name} ${r.name}`)]);
  const placed = new Map(places.map((place, i) => [place, i]));
  const order = (host: string, route: string): number => placed.get(`${host} ${route}`) ?? 0;
  return [...all.entries()]
    .map(([key, p]): MatrixRow => ({
      host: p.host,
      route: p.route ?? "*",
      kind: p.kind,
      phase: PHASES[kindNamed(p.kind).phase],
      features: p.features,
      cells: Object.fromEntries(plans.map((plan, i) => [plan.target, cell(plan, indexed[i]?.get(key))])),
    }))
    .sort((a, b) => order(a.host, a.route) - order(b.host, b.route) || a.phase - b.phase || (a.kind < b.kind ? -1 : 1));
}

/** Rows that read alike are one: a route's name, or the names of all routes that have the promise so kept. */
function folded(rows: readonly MatrixRow[]): { kind: string; phase: number; where: string; cells: string[] }[] {
  const groups = new Map<string, { row: MatrixRow; where: string[] }>();
  for (const row of rows) {
    const key = JSON.stringify([row.kind, row.host, row.cells]);
    const group = groups.get(key) ?? { row, where: [] };
    group.where.push(row.route);
    groups.set(key, group);
  }
  return [...groups.values()]
    .map(({ row, where }) => ({
      kind: row.kind,
      phase: row.phase,
      where: `${row.host} ${where.length > 4 ? `${String(where.length)} routes` : where.join(", ")}`,
      cells: Object.values(row.cells),
    }))
    .sort((a, b) => a.phase - b.phase);
}

export function formatMatrix(rows: readonly MatrixRow[], targets: readonly string[]): string {
  return columns([
    ["phase", "promise", "where", ...targets],
    ...folded(rows).map((r) => [String(r.phase), r.kind, r.where, ...r.cells]),
  ]);
}
