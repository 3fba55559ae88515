import { z } from "zod";
import type { Feature } from "../feature";
import { pathOf, policyKind } from "../kind";
import { headerName, headerValue, hostname, name, ownHeaderName, path, timer } from "../values";

/** What is done to a request on its way to the upstream. */

/** Replaces the prefix that a host or a route adds; the rest of the target stays byte for byte. */
export const rewrite = policyKind({
  kind: "rewrite",
  schema: z.strictObject({
    prefix: path.default("/"),
    replacement: path.default("/"),
    /** The Host that the upstream sees (Gateway API: `URLRewrite.hostname`); the client's by default. */
    host: hostname.optional(),
  }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: ({ host }) => (host === undefined ? ["RewritePrefix"] : ["RewritePrefix", "RewriteHost"]),
  decide(config, { request, upstream }) {
    upstream.target = rewriteTarget(config, request.target);
    if (config.host !== undefined) upstream.host = config.host;
    return undefined;
  },
});

function rewriteTarget(config: { prefix: string; replacement: string }, target: string): string {
  const raw = pathOf(target);
  // The root is before every path, its slash included.
  const prefix = config.prefix === "/" ? "" : config.prefix;
  if (raw !== prefix && !raw.startsWith(`${prefix}/`)) return target;
  const base = config.replacement === "/" ? "" : config.replacement;
  const rest = target.slice(prefix.length);
  return base + (rest.startsWith("/") || base !== "" ? rest : `/${rest}`);
}

const headerChange = z.strictObject({
  /** A text, or `{ secret: NAME }`: the value of a secret of the model, which stands in no output. */
  set: z.record(ownHeaderName, z.union([headerValue, z.strictObject({ secret: name })])).default({}),
  remove: z.array(ownHeaderName).default([]),
  /**
   * The client's headers that pass, and no others: beside them what frames the message or traces it (W3C, B3),
   * and what the gateway sets itself. All by default.
   */
  only: z.array(headerName).min(1).optional(),
});

/** What frames a message or a handshake, and traces: it passes whatever list there is. */
const FRAMING = ["content-length", "content-encoding"];
const TRACES = ["x-request-id", "traceparent", "tracestate", "baggage", "b3"];
const B3 = ["traceid", "spanid", "parentspanid", "sampled", "flags"].map((word) => `x-b3-${word}`);
const HANDSHAKE = ["key", "version", "extensions", "protocol"].map((word) => `sec-websocket-${word}`);

/** Request headers set or removed for the upstream, or all but some of the client's left out. */
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
    if (config.only) features.push("RequestHeaderOnly");
    return features;
  },
  decide(config, { upstream }) {
    for (const header of config.remove) upstream.remove.add(header);
    for (const [header, value] of Object.entries((config as HeaderChangeConfig).set)) upstream.set.set(header, value);
    if (config.only) upstream.only = new Set([...config.only, ...FRAMING, ...TRACES, ...B3, ...HANDSHAKE]);
    return undefined;
  },
});

/** How long an answer may pause where a model says nothing, in milliseconds. */
export const IDLE_MS = 60_000;

/** A proxy that counts pauses from the beginning on ends what has not begun by then. */
const MARGIN_MS = 1_000;

/** What the model adds, from what else a route has. */
interface Resolved {
  /** All tries that a request may have, in milliseconds. */
  ofTries?: number;
}

/**
 * Time to the first byte of the answer, for the one try that a method has that is not tried again; `total` is for all
 * tries together, to the end of the answer; `idle` is for a pause in it.
 */
export const timeouts = policyKind({
  kind: "timeouts",
  schema: z.strictObject({
    firstByte: timer.prefault("15s"),
    total: timer.optional(),
    /** `null`: an answer may pause for as long as its service wants. Where nothing is written: 60 s, on nginx the time of the first byte. */
    idle: timer.nullable().optional(),
  }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires({ firstByte, total, idle, ...own }) {
    const longest = Math.max(firstByte, (own as Resolved).ofTries ?? 0);
    return [
      "TimeoutFirstByte" as const,
      ...(total === undefined ? [] : (["TimeoutTotal"] as const)),
      ...(idle === undefined ? [] : (["TimeoutIdle"] as const)),
      ...(typeof idle === "number" && idle < IDLE_MS ? (["TimeoutIdleBelowMinute"] as const) : []),
      ...(typeof idle === "number" && idle < longest + MARGIN_MS ? (["TimeoutIdleBelowFirstByte"] as const) : []),
    ];
  },
  decide({ firstByte, total, idle = IDLE_MS }, { call }) {
    Object.assign(call, { perTryMs: firstByte, totalMs: total, idleMs: idle ?? Infinity });
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
/** Secrets are a kind of their own once the model is resolved (`secretHeaders`). */
export type HeaderChangeConfig = Omit<z.output<typeof headerChange>, "set"> & { set: Readonly<Record<string, string>> };
