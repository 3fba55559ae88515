import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import { version } from "../../package.json";
import type { FilterPlan } from "../decision/filter-plan";
import type { State } from "../policy";
import type { ExchangeRecord } from "./audit";
import { ExchangeTable, type Ended } from "./exchange-metrics";
import { ServiceCalls } from "./service-calls";

/** Reasons of which one alone is worth an alert (lib/observability). */
export const WATCHED_REASONS = ["internal", "keys-away", "locked-out", "route-mismatch", "secrets-away"];

/** What becomes of a report. */
const REPORTED = ["ok", "of-another-plan", "unreadable"] as const;

const BREAKER = { closed: 0, open: 1, "half-open": 2 } as const;

/** What is told as it is at this moment. */
interface Now {
  state: State;
  storeUp: boolean;
  ages: readonly { issuer: string; ageMs: number }[];
  inFlight: number;
  proxy: string;
  /** Digest of the plan. */
  plan: string;
  certificates: readonly { host: string; seconds: number }[];
}

export class Metrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];
  readonly #exchanges: ExchangeTable;
  readonly #calls: ServiceCalls;
  /** Since the last look: a label costs more than a refusal may. */
  readonly #refused = new Map<string, number>();
  readonly #wouldRefuse = new Map<string, number>();
  readonly #reloads = new Counter({
    name: "gateway_plan_reloads_total",
    help: "Times that the plan was read anew, by outcome.",
    labelNames: ["outcome"],
    registers: this.#registers,
  });
  readonly #keyFetches = new Counter({
    name: "gateway_key_fetches_total",
    help: "Fetches of an issuer's keys, by outcome.",
    labelNames: ["issuer", "outcome"],
    registers: this.#registers,
  });
  readonly #keyAge = new Gauge({
    name: "gateway_keys_age_seconds",
    help: "Time since an issuer's keys were last had.",
    labelNames: ["issuer"],
    registers: this.#registers,
  });
  readonly #storeUp = new Gauge({
    name: "gateway_store_up",
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
    "cache-hit": new Counter({
      name: "gateway_cache_hits_total",
      help: "Answers from the cache.",
      registers: this.#registers,
    }),
    "cache-miss": new Counter({
      name: "gateway_cache_misses_total",
      help: "Cacheable requests that the cache had no answer to.",
      registers: this.#registers,
    }),
  };

  readonly #build = new Gauge({
    name: "gateway_build_info",
    help: "1, with the version that runs, the proxy that it stands behind, and the beginning of its plan's digest.",
    labelNames: ["version", "proxy", "plan"],
    registers: this.#registers,
  });
  readonly #certificates = new Gauge({
    name: "gateway_certificate_expiry_timestamp_seconds",
    help: "When a certificate ends that clients are shown; that of all hosts without their own has no name.",
    labelNames: ["host"],
    registers: this.#registers,
  });
  readonly #inFlight = new Gauge({
    name: "gateway_requests_in_flight",
    help: "Requests that are being worked on.",
    registers: this.#registers,
  });

  constructor({
    issuers,
    reports,
    services,
    latencyBounds = [],
  }: Pick<FilterPlan, "issuers" | "reports" | "latencyBounds" | "services">) {
    this.#exchanges = new ExchangeTable(latencyBounds);
    this.#calls = new ServiceCalls(Object.keys(services), latencyBounds);
    collectDefaultMetrics({ register: this.registry });
    // Gauges by the names of counters, which promtool calls wrong; their like by type stay.
    for (const what of ["handles", "requests", "resources"])
      this.registry.removeSingleMetric(`nodejs_active_${what}_total`);
    // What is counted for the first time has grown from nothing: who asks by how much must have seen the nothing.
    for (const outcome of ["ok", "failed"] as const) {
      this.#reloads.inc({ outcome }, 0);
      for (const issuer of Object.keys(issuers)) this.#keyFetches.inc({ issuer, outcome }, 0);
    }
    if (reports) for (const outcome of REPORTED) this.#reports.inc({ outcome }, 0);
    for (const reason of WATCHED_REASONS) this.#refused.set(reason, 0);
    const refused = this.#refused;
    const wouldRefuse = this.#wouldRefuse;
    new Counter({
      name: "gateway_refusals_total",
      help: "Refusals, by reason.",
      labelNames: ["reason"],
      registers: this.#registers,
      collect() {
        for (const [reason, count] of refused) this.inc({ reason }, count);
        refused.clear();
      },
    });
    new Counter({
      name: "gateway_would_refuse_total",
      help: "What policies in shadow would have refused, by reason.",
      labelNames: ["reason"],
      registers: this.#registers,
      collect() {
        for (const [reason, count] of wouldRefuse) this.inc({ reason }, count);
        wouldRefuse.clear();
      },
    });
  }

  /** A policy in shadow would have refused. */
  noteShadow(reasons: readonly string[]): void {
    for (const reason of reasons) this.#wouldRefuse.set(reason, (this.#wouldRefuse.get(reason) ?? 0) + 1);
  }

  note(ended: Ended & Partial<ExchangeRecord>): void {
    this.#exchanges.note(ended);
    const { decision, reason = "", wouldRefuse } = ended;
    if (wouldRefuse) this.noteShadow(wouldRefuse);
    if (decision === "refuse") this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  called(...[service, status, ms]: Parameters<NonNullable<State["called"]>>): void {
    this.#calls.note(service, status, ms);
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

  readonly #reports = new Counter({
    name: "gateway_reports_total",
    help: "Ends of exchanges that a proxy has told, by what they are.",
    labelNames: ["outcome"],
    registers: this.#registers,
  });

  reported(outcome: (typeof REPORTED)[number]): void {
    this.#reports.inc({ outcome });
  }

  dropped(lines: number): void {
    this.#dropped.inc(lines);
  }

  shed(): void {
    this.#shed.inc();
  }

  reloaded(outcome: "ok" | "failed"): void {
    this.#reloads.inc({ outcome });
  }

  keysFetched(issuer: string, outcome: "ok" | "failed"): void {
    this.#keyFetches.inc({ issuer, outcome });
  }

  async text({ state, storeUp, ages, inFlight, proxy, plan, certificates }: Now): Promise<string> {
    // What a reload has taken away is no longer told.
    this.#keyAge.reset();
    this.#breakers.reset();
    this.#build.reset();
    this.#build.set({ version, proxy, plan: plan.slice(0, 12) }, 1);
    this.#inFlight.set(inFlight);
    this.#certificates.reset();
    for (const { host, seconds } of certificates) this.#certificates.set({ host }, seconds);
    for (const { issuer, ageMs } of ages) this.#keyAge.set({ issuer }, ageMs / 1000);
    this.#storeUp.set(storeUp ? 1 : 0);
    for (const { service, state: breaker } of state.breakers.states(state.nowMs())) {
      this.#breakers.set({ service }, BREAKER[breaker]);
    }
    return (await this.registry.metrics()) + this.#exchanges.text() + this.#calls.text();
  }
}
