import { boundLabel } from "../decision/filter-plan";
import type { ExchangeRecord } from "./audit";

/** Labels are bounded: what no route or list names is one word. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Exchanges extends Lasted {
  service: string;
  method: string;
  route: string;
  status: number;
}

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
    const known = groups.get(by(e));
    if (known) known.push(e);
    else groups.set(by(e), [e]);
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

const DURATION = "Time to the end of the answer, or to a refusal; to decide where no proxy tells of the end.";

/** The metrics of every exchange in Prometheus' text format (version 0.0.4). Names of the model need no escape. */
function textOf(all: readonly Exchanges[], bounds: readonly number[]): string {
  const ofService = ({ service }: Exchanges): string => `service="${service}"`;
  const ofRoute = ({ method, route, status }: Exchanges): string =>
    `method="${method}",route="${route}",status="${String(status)}"`;
  const lines = [
    "# HELP http_requests_total Requests, by route and status.",
    "# TYPE http_requests_total counter",
    ...all.map((e) => `http_requests_total{${ofService(e)},${ofRoute(e)}} ${String(e.count)}`),
    ...histogram("http_request_duration_seconds", DURATION, all, ofRoute, bounds),
  ];
  return `${lines.join("\n")}\n`;
}

export type Ended = Pick<ExchangeRecord, "method" | "route" | "service" | "status" | "ms">;

/** Counted in a table of our own: this is done for every request. */
export class ExchangeTable {
  readonly #exchanges = new Map<string, Exchanges>();
  readonly #bounds: readonly number[];

  /** `bounds`: times in seconds beside the usual ones, of which somebody wants to know how many exchanges took longer. */
  constructor(bounds: readonly number[] = []) {
    this.#bounds = boundsWith(bounds);
  }

  note({ method, route, service, status, ms }: Ended): void {
    const known = METHODS.has(method) ? method : "other";
    const key = `${service} ${known} ${route} ${String(status)}`;
    let exchanges = this.#exchanges.get(key);
    if (!exchanges) {
      exchanges = { service, method: known, route, status, ...newLasted(this.#bounds) };
      this.#exchanges.set(key, exchanges);
    }
    note(exchanges, this.#bounds, ms);
  }

  text(): string {
    return textOf([...this.#exchanges.values()], this.#bounds);
  }
}
