import { boundsWith, histogram, newLasted, note, type Lasted } from "./histogram";

interface Calls extends Lasted {
  service: string;
  failed: number;
}

/** The calls that the filter makes itself, each try for itself: what a service has answered, whatever clients were told. */
export class ServiceCalls {
  readonly #calls = new Map<string, Calls>();
  readonly #bounds: readonly number[];

  /** What is counted for the first time has grown from nothing: all services begin with it. */
  constructor(services: Iterable<string>, bounds: readonly number[] = []) {
    this.#bounds = boundsWith(bounds);
    for (const service of services) this.#of(service);
  }

  #of(service: string): Calls {
    const calls = this.#calls.get(service) ?? { service, failed: 0, ...newLasted(this.#bounds) };
    this.#calls.set(service, calls);
    return calls;
  }

  /** No status: it has not answered. */
  note(service: string, status: number | undefined, ms: number): void {
    const calls = this.#of(service);
    note(calls, this.#bounds, ms);
    if (status === undefined || status >= 500) calls.failed += 1;
  }

  text(): string {
    const all = [...this.#calls.values()];
    const of = ({ service }: Calls): string => `service="${service}"`;
    const count = (calls: Calls, outcome: "ok" | "failed"): string => {
      const n = outcome === "ok" ? calls.count - calls.failed : calls.failed;
      return `gateway_service_calls_total{${of(calls)},outcome="${outcome}"} ${String(n)}`;
    };
    const lines = [
      "# HELP gateway_service_calls_total Calls that the filter made, each try for itself; failed: 5xx or no answer.",
      "# TYPE gateway_service_calls_total counter",
      ...all.flatMap((calls) => [count(calls, "ok"), count(calls, "failed")]),
      ...histogram(
        "gateway_service_duration_seconds",
        "Time to the head of a service's answer.",
        all,
        of,
        this.#bounds,
      ),
    ];
    return `${lines.join("\n")}\n`;
  }
}
