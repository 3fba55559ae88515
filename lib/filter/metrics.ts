import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { State } from "../policy";
import type { ExchangeRecord } from "./audit";

/** Labels are bounded: what no route or list names is one word. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

const BREAKER = { closed: 0, open: 1, "half-open": 2 } as const;

export class Metrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];
  readonly #requests = new Counter({
    name: "http_requests_total",
    help: "Requests, by route and status.",
    labelNames: ["service", "method", "route", "status"],
    registers: this.#registers,
  });
  readonly #seconds = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time to decide at the door, or to the end of an answer that goes through.",
    labelNames: ["method", "route", "status"],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: this.#registers,
  });
  readonly #refusals = new Counter({
    name: "gateway_refusals_total",
    help: "Refusals, by reason.",
    labelNames: ["reason"],
    registers: this.#registers,
  });
  readonly #reloads = new Counter({
    name: "gateway_plan_reloads_total",
    help: "Times that the plan was read anew, by outcome.",
    labelNames: ["outcome"],
    registers: this.#registers,
  });
  readonly #storeUp = new Gauge({
    name: "gateway_counter_store_up",
    help: "1 while the shared store answers.",
    registers: this.#registers,
  });
  readonly #breakers = new Gauge({
    name: "circuit_breaker_state",
    help: "0 closed, 1 open, 2 half-open.",
    labelNames: ["service"],
    registers: this.#registers,
  });
  readonly #events = {
    "cache-hit": new Counter({ name: "redis_cache_hits", help: "Answers from the cache.", registers: this.#registers }),
    "cache-miss": new Counter({
      name: "redis_cache_misses",
      help: "Cacheable requests that the cache had no answer to.",
      registers: this.#registers,
    }),
  };

  note({ method, route, service, status, reason, ms }: ExchangeRecord): void {
    const labels = { method: METHODS.has(method) ? method : "other", route, status: String(status) };
    this.#requests.inc({ ...labels, service });
    this.#seconds.observe(labels, ms / 1000);
    if (reason !== "allowed") this.#refusals.inc({ reason });
  }

  count(event: Parameters<State["count"]>[0]): void {
    this.#events[event].inc();
  }

  readonly #dropped = new Counter({
    name: "gateway_audit_dropped_total",
    help: "Log lines that could not be written.",
    registers: this.#registers,
  });
  readonly #shed = new Counter({
    name: "gateway_shed_total",
    help: "Requests refused because there was too much to do.",
    registers: this.#registers,
  });

  dropped(): void {
    this.#dropped.inc();
  }

  shed(): void {
    this.#shed.inc();
  }

  reloaded(outcome: "ok" | "failed"): void {
    this.#reloads.inc({ outcome });
  }

  async text(state: State, storeUp: boolean): Promise<string> {
    this.#storeUp.set(storeUp ? 1 : 0);
    for (const { service, state: breaker } of state.breakers.states(state.nowMs())) {
      this.#breakers.set({ service }, BREAKER[breaker]);
    }
    return this.registry.metrics();
  }
}
