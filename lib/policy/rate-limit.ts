import { z } from "zod";
import type { Feature } from "./feature";
import { notNow, policyKind, userKey, type Counter, type Decision, type Exchange } from "./kind";
import { burstOf, rateShape, retryAfter } from "./rate";
import { name } from "./values";

const limit = z.strictObject({
  /** Routes that name the same limit share its counters. */
  name,
  ...rateShape,
  /** The first of these that the request has; a request without any counts by its address. */
  key: z
    .array(z.enum(["apiKey", "user", "clientAddress"]))
    .min(1)
    .default(["user", "clientAddress"]),
  scope: z.enum(["cluster", "replica"]).default("cluster"),
});

type Limit = z.output<typeof limit>;

function counterOf(limit: Limit, { system, environment, identity, apiKey, request }: Exchange): Counter {
  const owners = {
    apiKey: apiKey === undefined ? undefined : `key:${encodeURIComponent(apiKey)}`,
    user: identity && userKey(identity),
    clientAddress: `address:${request.client}`,
  };
  const key = limit.key.map((kind) => owners[kind]).find((owner) => owner !== undefined) ?? owners.clientAddress;
  return {
    key: `limit:{${system}:${environment}:${key}}:${limit.name}`,
    requests: limit.requests,
    perMs: limit.per,
    burst: burstOf(limit),
  };
}

const countersOf = (config: { limits: Limit[] }, scope: Limit["scope"], exchange: Exchange): Counter[] =>
  config.limits.filter((l) => l.scope === scope).map((l) => counterOf(l, exchange));

function judged(waitMs: number): Decision {
  if (waitMs === 0) return undefined;
  const headers = { "retry-after": retryAfter(waitMs) };
  return { status: 429, reason: "rate-limited", message: "The limit is used up.", headers };
}

const AWAY = notNow("limits-away", "Limits cannot be checked now.");

type Later = Decision | Promise<Decision>;

/** What follows from an answer of a store, which may be at hand. */
function later(waitMs: number | Promise<number>, then: (waitMs: number) => Later, away?: () => Later): Later {
  return waitMs instanceof Promise ? waitMs.then(then, away) : then(waitMs);
}

/**
 * Exact limits (GCRA). A request counts in all limits of one scope or, when one refuses, in none. `onFailure` says what holds
 * while the shared counters are away: `local` lets each replica count for itself.
 */
export const rateLimit = policyKind({
  kind: "rateLimit",
  schema: z.strictObject({
    limits: z.array(limit).min(1),
    onFailure: z.enum(["local", "deny", "allow"]).default("local"),
  }),
  phase: "limits",
  sees: "head",
  perHost: false,
  requires(config) {
    const features = new Set<Feature>();
    for (const { key, scope } of config.limits) {
      if (key.includes("user")) features.add("RateLimitByUser");
      if (key.includes("apiKey")) features.add("RateLimitByApiKey");
      features.add("RateLimitByClientAddress");
      features.add(scope === "cluster" ? "RateLimitCluster" : "RateLimitReplica");
    }
    return [...features];
  },
  decide(config, exchange, state) {
    const now = state.nowMs();
    const cluster = countersOf(config, "cluster", exchange);
    const replica = countersOf(config, "replica", exchange);
    // Another store, so not in the same step: a call that a replica refuses has counted in the cluster.
    const next = (waitMs: number): Decision | Promise<Decision> =>
      waitMs > 0 ? judged(waitMs) : later(state.local.take(replica, now), judged);
    const away = (): Decision | Promise<Decision> => {
      if (config.onFailure === "deny") return AWAY;
      return config.onFailure === "local" ? later(state.local.take(cluster, now), next) : next(0);
    };
    return cluster.length === 0 ? next(0) : later(state.shared.take(cluster, now), next, away);
  },
});
