import { boundLabel } from "../decision/filter-plan";
import type { ExchangeRecord } from "./audit";

/** Labels are bounded: what no route or list names is one word. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Exchanges {
  service: string;
  method: string;
  route: string;
  status: number;
  count: number;
  seconds: number;
  /** How many took no longer than each bound, and longer than the one before. */
  buckets: number[];
}

/** The two metrics of every exchange in Prometheus' text format (version 0.0.4). */
function textOf(all: readonly Exchanges[], bounds: readonly number[]): string {
  const lines = [
    "# HELP http_requests_total Requests, by route and status.",
    "# TYPE http_requests_total counter",
    ...all.map((e) => `http_requests_total{${labelsOf(e)}} ${String(e.count)}`),
    "# HELP http_request_duration_seconds Time to the end of the answer, or to a refusal; to decide where no proxy tells of the end.",
    "# TYPE http_request_duration_seconds histogram",
  ];
  for (const e of all) {
    const labels = labelsOf(e);
    let under = 0;
    bounds.forEach((bound, i) => {
      under += e.buckets[i] ?? 0;
      lines.push(`http_request_duration_seconds_bucket{${labels},le="${boundLabel(bound)}"} ${String(under)}`);
    });
    lines.push(`http_request_duration_seconds_bucket{${labels},le="+Inf"} ${String(e.count)}`);
    lines.push(`http_request_duration_seconds_sum{${labels}} ${String(e.seconds)}`);
    lines.push(`http_request_duration_seconds_count{${labels}} ${String(e.count)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Names of the model need no escape. */
const labelsOf = ({ service, method, route, status }: Exchanges): string =>
  `service="${service}",method="${method}",route="${route}",status="${String(status)}"`;

export type Ended = Pick<ExchangeRecord, "method" | "route" | "service" | "status" | "ms">;

/** Counted in a table of our own: this is done for every request. */
export class ExchangeTable {
  readonly #exchanges = new Map<string, Exchanges>();
  readonly #bounds: readonly number[];

  /** `bounds`: times in seconds beside the usual ones, of which somebody wants to know how many exchanges took longer. */
  constructor(bounds: readonly number[] = []) {
    this.#bounds = [...new Set([...BUCKETS, ...bounds])].sort((a, b) => a - b);
  }

  note({ method, route, service, status, ms }: Ended): void {
    const known = METHODS.has(method) ? method : "other";
    const key = `${service} ${known} ${route} ${String(status)}`;
    let exchanges = this.#exchanges.get(key);
    if (!exchanges) {
      exchanges = { service, method: known, route, status, count: 0, seconds: 0, buckets: this.#bounds.map(() => 0) };
      this.#exchanges.set(key, exchanges);
    }
    exchanges.count += 1;
    exchanges.seconds += ms / 1000;
    const at = this.#bounds.findIndex((most) => ms <= most * 1000);
    if (at >= 0) exchanges.buckets[at] = (exchanges.buckets[at] ?? 0) + 1;
  }

  text(): string {
    return textOf([...this.#exchanges.values()], this.#bounds);
  }
}
