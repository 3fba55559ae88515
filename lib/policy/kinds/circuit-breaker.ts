import { createHash } from "node:crypto";
import { z } from "zod";
import type { BreakerRules } from "../../state/breakers";
import { addressGroup } from "../client-address";
import { policyKind, userKey, type Answer, type Exchange, type Refusal, type Report } from "../kind";
import { retryAfter } from "../rate";
import { timer } from "../values";

const counted = z.union([z.int().min(500).max(599), z.enum(["5xx", "noAnswer"])]);
type Counted = z.output<typeof counted>;

function failed(answer: Answer, counts: readonly Counted[]): boolean {
  if (answer.by === "gateway")
    return counts.includes("noAnswer") && ["no-answer", "timeout"].includes(answer.cause ?? "");
  return counts.includes(answer.status) || (answer.status >= 500 && counts.includes("5xx"));
}

function failedByReport({ answeredBy, status }: Report, counts: readonly Counted[]): "ok" | "error" | "unknown" {
  if (answeredBy === "proxy") return "unknown";
  if (answeredBy === "nobody") return counts.includes("noAnswer") ? "error" : "ok";
  return counts.includes(status) || (status >= 500 && counts.includes("5xx")) ? "error" : "ok";
}

const open = (waitMs: number): Refusal => ({
  status: 503,
  reason: "breaker-open",
  message: "The service is not well and is left in peace for a while.",
  headers: { "retry-after": retryAfter(waitMs) },
});

/** Who is told from others: by the token, the key, or the address. */
function callerOf({ identity, apiKey, request }: Exchange): string {
  if (identity) return userKey(identity);
  return apiKey === undefined ? addressGroup(request.client) : `key:${apiKey}`;
}

interface Config {
  errorPercent: number;
  minimumCalls: number;
  minimumCallers: number;
  counts: Counted[];
  window: number;
  openFor: number;
}

const rulesOf = ({ errorPercent, minimumCalls, minimumCallers, window, openFor }: Config): BreakerRules => ({
  ...{ errorPercent, minimumCalls, minimumCallers },
  ...{ windowMs: window, openForMs: openFor },
});

/**
 * Stops calling a service that fails: what `counts` names are errors, and a call with all its tries counts once. Routes that
 * lead to one service share its breaker; replicas tell each other what they have seen by the store, twice a second, and each
 * judges by its own calls alone while that is away.
 */
export const circuitBreaker = policyKind({
  kind: "circuitBreaker",
  schema: z.strictObject({
    errorPercent: z.int().min(1).max(100).default(50),
    minimumCalls: z.int().min(1).max(10_000).default(20),
    /** Different callers whose calls must have failed before it opens. */
    minimumCallers: z.int().min(1).max(100).default(3),
    /**
     * Statuses that are errors, `5xx` for all of them; `noAnswer`: no connection, a reset, a time-out. A service's 500 is
     * often the fault of one request.
     */
    counts: z.array(counted).min(1).default([502, 503, 504, "noAnswer"]),
    window: timer.prefault("10s"),
    /** How long it stays open before one call may try again. */
    openFor: timer.prefault("30s"),
  }),
  phase: "upstream",
  sees: "response",
  perHost: false,
  requires: (config) => [
    "CircuitBreakerByErrorShare",
    ...((config as { amongBackends?: boolean }).amongBackends ? (["CircuitBreakerAmongBackends"] as const) : []),
  ],
  async around(config, exchange, state, call) {
    const { counts } = config;
    const breaker = state.breakers.of(exchange.service ?? "");
    const { waitMs, epoch } = breaker.admit(state.nowMs());
    if (waitMs > 0) return { by: "gateway", cause: "breaker-open", refusal: open(waitMs) };
    let outcome: "ok" | "error" | "unknown" = "unknown";
    try {
      const answer = await call();
      outcome = failed(answer, counts) ? "error" : "ok";
      return answer;
    } finally {
      breaker.record(outcome, callerOf(exchange), rulesOf(config), state.nowMs(), epoch);
    }
  },
  reported: {
    admit(config, exchange, state) {
      // A report may be lost: what was admitted to try the service is given up when it could have been open again.
      const { waitMs, epoch } = state.breakers.of(exchange.service ?? "").admit(state.nowMs(), config.openFor);
      if (waitMs > 0) return { refusal: open(waitMs) };
      const caller = createHash("sha256").update(callerOf(exchange)).digest("base64url").slice(0, 12);
      return { ticket: `${String(epoch)}.${caller}` };
    },
    ended(config, service, ticket, report, state) {
      const [epoch = "", caller = ""] = ticket.split(".");
      const outcome = failedByReport(report, config.counts);
      state.breakers.of(service).record(outcome, caller, rulesOf(config), state.nowMs(), Number(epoch));
    },
  },
});
