import { z } from "zod";
import type { BreakerRules } from "./breakers";
import { policyKind, type Answer } from "./kind";
import { retryAfter } from "./rate";
import { duration } from "./values";

const failed = (answer: Answer): boolean =>
  answer.by === "service" ? answer.status >= 500 : answer.cause === "no-answer" || answer.cause === "timeout";

/**
 * Stops calling a service that fails: 5xx answers, time-outs and missing answers are errors, and a call with all its tries
 * counts once. Each replica judges by what it has seen itself; routes that lead to one service share its breaker.
 */
export const circuitBreaker = policyKind({
  kind: "circuitBreaker",
  schema: z.strictObject({
    errorPercent: z.int().min(1).max(100).default(50),
    minimumCalls: z.int().min(1).max(10_000).default(20),
    window: duration.prefault("10s"),
    /** How long it stays open before one call may try again. */
    openFor: duration.prefault("30s"),
  }),
  phase: "upstream",
  sees: "response",
  perHost: false,
  requires: () => ["CircuitBreakerByErrorShare"],
  async around({ errorPercent, minimumCalls, window, openFor }, exchange, state, call) {
    const rules: BreakerRules = { errorPercent, minimumCalls, windowMs: window, openForMs: openFor };
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
      outcome = failed(answer) ? "error" : "ok";
      return answer;
    } finally {
      breaker.record(outcome, rules, state.nowMs(), epoch);
    }
  },
});
