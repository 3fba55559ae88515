import { z } from "zod";
import type { Feature } from "../feature";
import { pathOf, policyKind } from "../kind";
import { timer, headerValue, path, ownHeaderName } from "../values";

/** What is done to a request on its way to the upstream. */

/** Replaces the prefix that a host or a route adds; the rest of the target stays byte for byte. */
export const rewrite = policyKind({
  kind: "rewrite",
  schema: z.strictObject({ prefix: path, replacement: path.default("/") }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: () => ["RewritePrefix"],
  decide(config, { request, upstream }) {
    upstream.target = rewriteTarget(config, request.target);
    return undefined;
  },
});

function rewriteTarget(config: { prefix: string; replacement: string }, target: string): string {
  const raw = pathOf(target);
  if (raw !== config.prefix && !raw.startsWith(`${config.prefix}/`)) return target;
  const base = config.replacement === "/" ? "" : config.replacement;
  const rest = target.slice(config.prefix.length);
  return base + (rest.startsWith("/") || base !== "" ? rest : `/${rest}`);
}

const headerChange = z.strictObject({
  set: z.record(ownHeaderName, headerValue).default({}),
  remove: z.array(ownHeaderName).default([]),
});

/** Request headers set or removed for the upstream. */
export const requestHeaders = policyKind({
  kind: "requestHeaders",
  schema: headerChange,
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires(config) {
    const features: Feature[] = [];
    if (Object.keys(config.set).length > 0) features.push("RequestHeaderSet");
    if (config.remove.length > 0) features.push("RequestHeaderRemove");
    return features;
  },
  decide(config, { upstream }) {
    for (const header of config.remove) upstream.remove.add(header);
    for (const [header, value] of Object.entries(config.set)) upstream.set.set(header, value);
    return undefined;
  },
});

/**
 * Time to the first byte of the answer, for the one try that a method has that is not tried again; `total` is for all
 * tries together, to the end of the answer.
 */
export const timeouts = policyKind({
  kind: "timeouts",
  schema: z.strictObject({ firstByte: timer.prefault("15s"), total: timer.optional() }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: (config): Feature[] =>
    config.total === undefined ? ["TimeoutFirstByte"] : ["TimeoutFirstByte", "TimeoutTotal"],
  decide(config, { call }) {
    call.perTryMs = config.firstByte;
    call.totalMs = config.total;
    return undefined;
  },
});

/** Methods that may be sent twice (RFC 9110 section 9.2.2). */
export const IDEMPOTENT = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] as const;

/** Tries of idempotent requests, the first one included; a POST or PATCH is never sent twice. */
export const retries = policyKind({
  kind: "retries",
  schema: z.strictObject({
    tries: z.int().min(1).max(10).default(1),
    perTry: timer.prefault("5s"),
    /** Answers that are tried again; connections that fail or break and tries that run out always are. */
    statuses: z.array(z.enum(["502", "503", "504"])).default(["502", "503", "504"]),
  }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: (config) => (config.tries > 1 ? ["RetryIdempotent"] : []),
  decide(config, { request, call }) {
    if (config.tries === 1 || !(IDEMPOTENT as readonly string[]).includes(request.method)) return undefined;
    call.tries = config.tries;
    call.perTryMs = config.perTry;
    call.retryOn = new Set(["connect-failure", "reset", "timeout", ...config.statuses]);
    return undefined;
  },
});

export type RetriesConfig = z.output<(typeof retries)["schema"]>;
export type TimeoutsConfig = z.output<(typeof timeouts)["schema"]>;
export type RewriteConfig = z.output<(typeof rewrite)["schema"]>;
export type HeaderChangeConfig = z.output<(typeof requestHeaders)["schema"]>;
