import { z } from "zod";
import { claimAt, claimHeader } from "../../identity/claims";
import { addressGroup } from "../client-address";
import type { Feature } from "../feature";
import { notNow, policyKind, userKey, type Counter, type Decision, type Exchange, type Taken } from "../kind";
import { burstOf, rateShape, retryAfter } from "../rate";
import { claimPath, name } from "../values";

const ipv6Network = z.strictObject({ ipv6Prefix: z.int().min(32).max(128).default(64) });

const claimKey = z.strictObject({ claim: claimPath });

/** Of users whose claim has a value: another rate, in place of the limit's own. */
const byClaim = z.strictObject({
  claim: claimPath,
  rates: z.record(z.string().min(1).max(128), z.strictObject(rateShape)),
});

const limit = z
  .strictObject({
    /** Routes that name the same limit share its counters. */
    name,
    ...rateShape,
    /** The first of these that the request has; a request that has none is not counted. IPv6 addresses count by network. */
    key: z
      .array(
        z.union([
          z.enum(["apiKey", "user", "tenant", "clientAddress"]),
          z.strictObject({ clientAddress: ipv6Network }),
          claimKey,
        ]),
      )
      .min(1)
      .default(["user", "clientAddress"]),
    /** Plans: `{ claim: plan, rates: { free: …, pro: … } }`. Who has none of these values has the limit's own rate. */
    byClaim: byClaim.optional(),
    scope: z.enum(["cluster", "replica"]).default("cluster"),
    /** Key in the store, `{owner}` being who is counted, escaped as in a URL; one of the gateway's own by default. */
    storeKey: z
      .string()
      .regex(
        /^[\x21-\x7a|~]{0,128}\{owner\}[\x21-\x7a|~]{0,64}$/,
        "write a key with {owner} in it, and no other braces",
      )
      .optional(),
  })
  .refine(
    ({ storeKey, key, scope }) => storeKey === undefined || (key.length === 1 && scope === "cluster"),
    "name one kind of key beside storeKey, for a limit of the cluster",
  );

type Limit = z.output<typeof limit>;

/** Who is counted; nothing where the request has no owner of that kind. */
function ownerOf(kind: Limit["key"][number], { identity, apiKey, request, tenant }: Exchange): string | undefined {
  if (kind === "tenant") return tenant && `tenant:${tenant.map(encodeURIComponent).join(":")}`;
  if (kind === "apiKey") return apiKey === undefined ? undefined : `key:${encodeURIComponent(apiKey)}`;
  if (kind === "user") return identity && userKey(identity);
  if (typeof kind === "object" && "claim" in kind) {
    const value = identity && claimHeader(claimAt(identity.claims, kind.claim));
    return value === undefined ? undefined : `claim:${encodeURIComponent(value)}`;
  }
  const prefix = kind === "clientAddress" ? undefined : kind.clientAddress.ipv6Prefix;
  return `address:${addressGroup(request.client, prefix)}`;
}

function countersOf({ limits }: { limits: Limit[] }, scope: Limit["scope"], exchange: Exchange): Counter[] {
  const { system, environment } = exchange;
  return limits.flatMap((limit): Counter[] => {
    if (limit.scope !== scope) return [];
    let owner: string | undefined;
    for (const kind of limit.key) owner ??= ownerOf(kind, exchange);
    if (owner === undefined) return [];
    const { claim, rates = {} } = limit.byClaim ?? {};
    const plan = claim && exchange.identity ? claimHeader(claimAt(exchange.identity.claims, claim)) : undefined;
    const named = plan !== undefined && Object.hasOwn(rates, plan) ? rates[plan] : undefined;
    const rate = named ?? limit;
    // Another plan is another counter: what is left of one says nothing of the other.
    const ofPlan = named ? `:${plan ?? ""}` : "";
    const bare = owner.slice(owner.indexOf(":") + 1);
    const own = `limit:{${system}:${environment}:${owner}}:${limit.name}`;
    const key = (limit.storeKey?.replace("{owner}", () => bare) ?? own) + ofPlan;
    return [{ key, requests: rate.requests, perMs: rate.per, burst: burstOf(rate) }];
  });
}

function refused(waitMs: number): Decision {
  const headers = { "retry-after": retryAfter(waitMs) };
  return { status: 429, reason: "rate-limited", message: "The limit is used up.", headers };
}

/** What a client is told of the limit that it has least left of (draft-ietf-httpapi-ratelimit-headers-06). */
export const RATE_LIMIT_HEADERS = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"] as const;

function tell({ response }: Exchange, counters: readonly Counter[], { waitMs, usedMs }: Taken): void {
  const known = (name: (typeof RATE_LIMIT_HEADERS)[number]): number => Number(response.set.get(name) ?? NaN);
  // Who refuses is told of, whatever is left elsewhere.
  let [least, latest] = waitMs > 0 ? [Infinity, 0] : [known("ratelimit-remaining"), known("ratelimit-reset")];
  for (const [i, { requests, perMs, burst }] of counters.entries()) {
    const usedS = Math.ceil((usedMs[i] ?? 0) / 1000);
    // A rounding of the store's clock costs nobody a request.
    const exact = burst + 1 - ((usedMs[i] ?? 0) * requests) / perMs;
    const left = Math.max(0, waitMs > 0 && exact < 1.001 ? 0 : Math.floor(exact + 0.001));
    if (left > least || (left === least && usedS <= latest)) continue;
    [least, latest] = [left, usedS];
    response.set.set("ratelimit-limit", String(burst + 1));
    response.set.set("ratelimit-remaining", String(left));
    response.set.set("ratelimit-reset", String(usedS));
  }
}

const AWAY = notNow("limits-away", "Limits cannot be checked now.");

type Later = Decision | Promise<Decision>;

/** What follows from an answer of a store, which may be at hand. */
function later(taken: Taken | Promise<Taken>, then: (taken: Taken) => Later, away?: () => Later): Later {
  return taken instanceof Promise ? taken.then(then, away) : then(taken);
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
    /** Says on every answer what is left, as `RateLimit-Limit`, `-Remaining` and `-Reset` (in seconds). */
    headers: z.boolean().default(false),
  }),
  phase: "limits",
  sees: "head",
  perHost: false,
  requires(config) {
    const features = new Set<Feature>(config.headers ? ["RateLimitHeaders"] : []);
    for (const { key, scope, byClaim } of config.limits) {
      if (key.includes("user")) features.add("RateLimitByUser");
      if (key.includes("apiKey")) features.add("RateLimitByApiKey");
      if (key.includes("tenant")) features.add("RateLimitByTenant");
      if (byClaim || key.some((kind) => typeof kind === "object" && "claim" in kind)) features.add("RateLimitByClaim");
      if (key.some((kind) => kind === "clientAddress" || (typeof kind === "object" && "clientAddress" in kind)))
        features.add("RateLimitByClientAddress");
      features.add(scope === "cluster" ? "RateLimitCluster" : "RateLimitReplica");
    }
    return [...features];
  },
  decide(config, exchange, state) {
    const now = state.nowMs();
    // A service speaks of no limits where the gateway does.
    if (config.headers) for (const name of RATE_LIMIT_HEADERS) exchange.response.remove.add(name);
    const cluster = countersOf(config, "cluster", exchange);
    const replica = countersOf(config, "replica", exchange);
    const judged = (counters: readonly Counter[], taken: Taken): Decision => {
      if (config.headers) tell(exchange, counters, taken);
      return taken.waitMs > 0 ? refused(taken.waitMs) : undefined;
    };
    // Another store, so not in the same step: a call that a replica refuses has counted in the cluster.
    const ofReplica = (): Later => later(state.local.take(replica, now), (taken) => judged(replica, taken));
    const next = (taken: Taken): Later => judged(cluster, taken) ?? ofReplica();
    const away = (): Later => {
      if (config.onFailure === "deny") return AWAY;
      return config.onFailure === "local" ? later(state.local.take(cluster, now), next) : ofReplica();
    };
    return cluster.length === 0 ? ofReplica() : later(state.shared.take(cluster, now), next, away);
  },
});
