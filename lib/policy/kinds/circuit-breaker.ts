import { createHash } from "node:crypto";
import { z } from "zod";
import type { BreakerRules } from "../../state/breakers";
import { addressGroup } from "../client-address";
import { policyKind, userKey, type Answer, type Exchange, type Refusal, type Report } from "../kind";
import { retryAfter } from "../rate";
import { timer } from "../values";

const counted = z.union([z.int().min(500).max(599), z.enum(["5xx", "noAnswer"])]);
type Counted = z.output<typeof counted>;

/** The same of an answer that the filter has carried. Where nobody was asked (a client stalls in its body) nothing is known. */
function reportOf(answer: Answer): Report {
  if (answer.by === "service") return { answeredBy: "service", status: answer.status };
  const { cause, refusal } = answer;
  return { answeredBy: cause === "no-answer" || cause === "timeout" ? "nobody" : "proxy", status: refusal.status };
}

type Outcome = "ok" | "error" | "unknown";

function outcomeOf({ answeredBy, status }: Report, counts: readonly Counted[]): Outcome {
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

/** Who is told from others: by the token, the key, or the address; no name, since replicas tell each other. */
function callerOf({ identity, apiKey, request }: Exchange): string {
  const name = identity ? userKey(identity) : apiKey === undefined ? addressGroup(request.client) : `key:${apiKey}`;
  return createHash("sha256").update(name).digest("base64url").slice(0, 12);
}

const schema = z.strictObject({
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
});
type Config = z.output<typeof schema>;

const rulesOf = ({ errorPercent, minimumCalls, minimumCallers, window, openFor }: Config): BreakerRules => ({
  ...{ errorPercent, minimumCalls, minimumCallers },
  ...{ windowMs: window, openForMs: openFor },
});

/** What the model adds, from what else a route has. */
interface Resolved {
  amongBackends?: boolean;
  /** WebSockets and streams: their answers say that a service is well long before they end. */
  longExchanges?: boolean;
}

/**
 * Stops calling a service that fails: what `counts` names are errors, and a call with all its tries counts once. Routes that
 * lead to one service share its breaker; replicas tell each other what they have seen by the store, twice a second, and each
 * judges by its own calls alone while that is away.
 */
export const circuitBreaker = policyKind({
  kind: "circuitBreaker",
  schema,
  phase: "upstream",
  sees: "response",
  perHost: false,
  requires: (config) => [
    "CircuitBreakerByErrorShare",
    ...((config as Resolved).amongBackends ? (["CircuitBreakerAmongBackends"] as const) : []),
    ...((config as Resolved).longExchanges ? (["CircuitBreakerOfLongExchanges"] as const) : []),
  ],
  async around(config, exchange, state, call) {
    const breaker = state.breakers.of(exchange.service ?? "");
    // An answer may take its time: see below.
    const { waitMs, call: admitted } = breaker.admit(state.nowMs(), config.openFor);
    if (waitMs > 0) return { by: "gateway", cause: "breaker-open", refusal: open(waitMs) };
    const record = (outcome: Outcome): void => {
      breaker.record(outcome, outcome === "error" ? callerOf(exchange) : "", rulesOf(config), state.nowMs(), admitted);
    };
    let answer: Answer;
    try {
      answer = await call();
    } catch (error) {
      record("unknown");
      throw error;
    }
    const outcome = outcomeOf(reportOf(answer), config.counts);
    const body = answer.by === "service" && !Buffer.isBuffer(answer.body) ? answer.body : undefined;
    // With its last byte, as a proxy tells it that carries an exchange itself.
    if (body && !body.closed && !(config as Resolved).longExchanges)
      body.once("close", () => {
        record(outcome);
      });
    else record(outcome);
    return answer;
  },
  reported: {
    admit(config, exchange, state) {
      // A report may be lost: what was admitted to try the service is given up when it could have been open again.
      const { waitMs, call } = state.breakers.of(exchange.service ?? "").admit(state.nowMs(), config.openFor);
      if (waitMs > 0) return { refusal: open(waitMs) };
      return { ticket: [call.atMs, call.tries ? "tries" : "", callerOf(exchange)].join("~") };
    },
    ended(config, service, ticket, report, state) {
      const [atMs = "", tries = "", caller = ""] = ticket.split("~");
      const outcome = outcomeOf(report, config.counts);
      const call = { atMs: Number(atMs), tries: tries !== "" };
      state.breakers.of(service).record(outcome, caller, rulesOf(config), state.nowMs(), call);
    },
  },
});
