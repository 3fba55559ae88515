import { METHODS } from "../policy/values";
import type { ExchangeRecord } from "./audit";
import { boundsWith, histogram, newLasted, note, type Lasted } from "./histogram";

/** Labels are bounded: what no route or list names is one word. */
const KNOWN = new Set(METHODS);

interface Exchanges extends Lasted {
  service: string;
  method: string;
  route: string;
  status: number;
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
    const known = KNOWN.has(method) ? method : "other";
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
