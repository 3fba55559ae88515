import { boundLabel } from "../decision/filter-plan";

/** Histograms in Prometheus' text format (version 0.0.4), counted in tables of our own: this is done for every request. */

/** Seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts and seconds of what lasts, by how long. */
export interface Lasted {
  count: number;
  seconds: number;
  /** How many took no longer than each bound, and longer than the one before. */
  buckets: number[];
}

export const newLasted = (bounds: readonly number[]): Lasted => ({
  count: 0,
  seconds: 0,
  buckets: bounds.map(() => 0),
});

export function note(lasted: Lasted, bounds: readonly number[], ms: number): void {
  lasted.count += 1;
  lasted.seconds += ms / 1000;
  const at = bounds.findIndex((most) => ms <= most * 1000);
  if (at >= 0) lasted.buckets[at] = (lasted.buckets[at] ?? 0) + 1;
}

/** The bounds of all histograms of ours, with others beside the usual ones. */
export const boundsWith = (more: readonly number[]): number[] =>
  [...new Set([...BUCKETS, ...more])].sort((a, b) => a - b);

/** One histogram, by what tells its series apart. */
export function histogram<E extends Lasted>(
  name: string,
  help: string,
  all: readonly E[],
  by: (e: E) => string,
  bounds: readonly number[],
): string[] {
  const groups = new Map<string, E[]>();
  for (const e of all) {
    const labels = by(e);
    const known = groups.get(labels);
    if (known) known.push(e);
    else groups.set(labels, [e]);
  }
  const series = [...groups].flatMap(([labels, group]) => {
    const sum = (of: (e: E) => number): string => String(group.reduce((total, e) => total + of(e), 0));
    let under = 0;
    const buckets = bounds.map((bound, i) => {
      under += group.reduce((total, e) => total + (e.buckets[i] ?? 0), 0);
      return `${name}_bucket{${labels},le="${boundLabel(bound)}"} ${String(under)}`;
    });
    return [
      ...buckets,
      `${name}_bucket{${labels},le="+Inf"} ${sum((e) => e.count)}`,
      `${name}_sum{${labels}} ${sum((e) => e.seconds)}`,
      `${name}_count{${labels}} ${sum((e) => e.count)}`,
    ];
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...series];
}
