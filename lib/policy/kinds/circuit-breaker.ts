import { z } from "zod";
import type { BreakerRules } from "../../state/breakers";
import { addressGroup } from "../client-address";
import { policyKind, userKey, type Answer, type Exchange } from "../kind";
import { retryAfter } from "../rate";
import { timer } from "../values";

const counted = z.union([z.int().min(500).max(599), z.enum(["5xx", "noAnswer"])]);
type Counted = z.output<typeof counted>;

function failed(answer: Answer, counts: readonly Counted[]): boolean {
  if (answer.by === "gateway")
    return counts.includes("noAnswer") && ["no-answer", "timeout"].includes(answer.cause ?? "");
  return counts.includes(answer.status) || (answer.status >= 500 && counts.includes("5xx"));
}

/** Who is told from others: by the token, the key, or the address. */
function callerOf({ identity, apiKey, request }: Exchange): string {
  if (identity) return userKey(identity);
  return apiKey === undefined ? addressGroup(request.client) : `key:${apiKey}`;
}

/**
 * Stops calling a service that fails: what `counts` names are errors, and a call with all its tries counts once. Each replica judges by what it has seen itself; routes that lead to one service share its breaker.
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
  requires: () => ["CircuitBreakerByErrorShare"],
  async around({ errorPercent, minimumCalls, minimumCallers, counts, window, openFor }, exchange, state, call) {
    const rules: BreakerRules = { errorPercent, minimumCalls, minimumCallers, windowMs: window, openForMs: openFor };
    const breaker = state.breakers.of(exchange.service ?? "");
    const { waitMs, epoch } = breaker.admit(state.nowMs());
    if (waitMs > 0) {
      const headers = { "retry-after": retryAfter(waitMs) };
      const message = "The service is not well and is left in peace for a while.";
      return {
        by: "gateway",
        cause: "breaker-open",
        refusal: { status: 503, reason: "breaker-open", message, headers },
      };
    }
    let outcome: "ok" | "error" | "unknown" = "unknown";
    try {
      const answer = await call();
      outcome = failed(answer, counts) ? "error" : "ok";
      return answer;
    } finally {
      breaker.record(outcome, callerOf(exchange), rules, state.nowMs(), epoch);
    }
  },
});
