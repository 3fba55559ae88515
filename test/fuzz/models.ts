import { hasErrors } from "../../lib/diagnostics";
import { checkModel, type GatewayInput, type GatewayModel } from "../../lib/model";
import type { KindName } from "../../lib/policy";
import { compile } from "../../lib/targets";
import lab from "../conformance/lab";
import type { Random } from "./random";

/**
 * Small models over all kinds of policy. Only what depends on time or on chance is left out: the flood guard, short limits,
 * breakers that open, and shares of weights between 0 and 1.
 */

type Policies = NonNullable<GatewayInput["routes"][number]["policies"]>;
type HostPolicies = NonNullable<GatewayInput["policies"]>;

export const TARGETS = ["nginx", "istio", "node-gateway"];
export const SEGMENTS = ["a", "b", "users", "v1.0", "x~y", "A"];
export const ORIGINS = ["https://app.fuzz.test", "https://other.fuzz.test:8443"];
export const HEADERS = ["x-version", "x-own", "x-team", "x-user-id", "x-roles", "x-drop", "accept-language"];

const path = (r: Random): string => `/${Array.from({ length: 1 + r.below(3) }, () => r.pick(...SEGMENTS)).join("/")}`;

/** The same with a variable in the place of one segment or two. */
function templated(r: Random, own: string): string {
  const segments = own.split("/").slice(1);
  const at = r.below(segments.length);
  return `/${segments.map((s, i) => (i === at || r.chance(0.2) ? `{v${String(i)}}` : s)).join("/")}`;
}

const sizes = ["16B", "100B", "1KiB"];

function limits(r: Random, route: string): Policies["rateLimit"] {
  const keys = r.pick(["user" as const], ["clientAddress" as const], ["user" as const, "clientAddress" as const], []);
  return {
    limits: [{ name: `limit-${route}`, requests: 1 + r.below(4), per: "1h", ...(keys.length > 0 && { key: keys }) }],
    ...(r.chance(0.3) && { onFailure: r.pick("deny" as const, "allow" as const) }),
  };
}

const bodySchema = {
  type: "object",
  required: ["name"],
  properties: { name: { type: "string", maxLength: 8 }, amount: { type: "number", multipleOf: 0.01, minimum: 0 } },
  additionalProperties: false,
};

/** One configuration of each kind that a route may have. */
const ROUTE_POLICIES: { [K in KindName]?: (r: Random, route: string, prefix: string | undefined) => unknown } = {
  jwt: (r) => {
    const issuers = r.pick(["main"], ["main", "partner"], ["numbers"], ["main", "dotted"]);
    const mode = r.pick("required", "required", "optional", "open");
    return {
      issuers,
      mode,
      ...(r.chance(0.4) && { claimHeaders: { "x-user-id": "sub", ...(r.chance(0.5) && { "x-roles": "roles" }) } }),
      ...(r.chance(0.15) && { cookie: "session" }),
      ...(r.chance(0.15) && { revocation: {} }),
    };
  },
  authorization: (r) => ({
    anyOf: r.pick([{ roles: ["admin"] }], [{ roles: ["admin", "user"] }], [{ scopes: ["orders:read"] }], [
      { roles: ["user"], scopes: ["orders:write"] },
      { roles: ["admin"] },
    ] as { roles?: string[]; scopes?: string[] }[]),
  }),
  tenant: (r) => ({ headers: { "x-team": "team.name" }, ...(r.chance(0.5) && { required: false }) }),
  apiKey: () => ({ header: "x-api-key", secret: "api-keys" }),
  signature: () => ({ secret: "hmac-keys", clockSkew: "60s" }),
  csrf: () => ({}),
  addresses: (r) =>
    r.pick<unknown>(
      { allow: ["203.0.113.0/24"] },
      { deny: ["203.0.113.66", "2001:db8:66::/48"] },
      { allow: ["203.0.113.0/24", "2001:db8::/32"], deny: ["203.0.113.66"] },
    ),
  bodySize: (r) => ({ max: r.pick(...sizes) }),
  rateLimit: (r, route) => limits(r, route),
  lockout: (r) => ({
    attempts: 2,
    per: "1h",
    blockFor: "1h",
    ...(r.chance(0.5) && { field: "name" }),
    ...(r.chance(0.3) && { by: "fieldAndClientAddress" }),
  }),
  bodySchema: () => ({ schema: bodySchema }),
  graphql: (r) => ({ maxDepth: 2 + r.below(3), introspection: r.chance(0.5) }),
  rewrite: (r, _, prefix) => prefix && { prefix, replacement: r.pick("/", "/new", "/new/base") },
  requestHeaders: (r) => ({
    set: r.pick<Record<string, string>>(
      { "x-own": "set by the gateway" },
      {},
      { "x-version": "3", "accept-language": "en" },
    ),
    remove: r.some(0.4, "x-drop", "cookie", "accept-language"),
  }),
  responseHeaders: (r) => ({
    set: r.pick<Record<string, string>>({ "x-answer": "set" }, { "cache-control": "no-store" }, {}),
    remove: r.some(0.4, "x-powered-by", "x-answer-2"),
    on: r.pick("success", "always"),
  }),
  timeouts: (r) => ({ firstByte: "5s", ...(r.chance(0.4) && { total: "8s" }) }),
  retries: (r) => ({ tries: 2 + r.below(2), perTry: "4s", ...(r.chance(0.5) && { statuses: ["503"] }) }),
  fallback: (r) => ({
    status: r.pick(200, 503),
    body: '{"fallback":true}',
    ...(r.chance(0.5) && { retryAfter: "30s" }),
  }),
  cache: (r, route) => ({
    ttl: "1h",
    by: r.pick("tenant", "user", "everyone"),
    group: r.pick("shared", `group-${route}`),
  }),
  circuitBreaker: () => ({ minimumCalls: 1000, openFor: "1s" }),
  // By the proxy where it can, and by the filter.
  compression: (r) => ({
    above: r.pick("1B", "100B", "1KiB"),
    types: r.pick(["text/*", "application/json"], ["text/plain", "application/json"]),
  }),
  webSocket: (r) => ({ allowed: r.chance(0.8) }),
  connections: (r) => ({ max: 50, key: r.pick(["user"], ["clientAddress"]) }),
};

function policies(r: Random, route: string, prefix: string | undefined): Policies {
  const entries = Object.entries(ROUTE_POLICIES).flatMap(([kind, make]) => {
    const share = kind === "jwt" ? 0.5 : 0.14;
    return r.chance(share) ? [[kind, r.chance(0.05) ? null : make(r, route, prefix)] as const] : [];
  });
  const made = Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Record<string, unknown>;
  const cache = made["cache"] as { by: string } | undefined;
  // What asks for an identity has one, so that not all of it is refused by `check`.
  const asks = made["authorization"] ?? made["tenant"] ?? (cache && cache.by !== "everyone");
  if (asks) made["jwt"] = { issuers: ["main"], ...(made["jwt"] as object), mode: "required" };
  else if (cache) made["jwt"] = { issuers: ["main"], mode: "open" };
  if (cache?.by === "tenant") made["tenant"] = { headers: { "x-team": "team.name" } };
  const shadowed = ["addresses", "apiKey", "csrf", "authorization", "rateLimit"].filter(
    (kind) => made[kind] !== undefined && made[kind] !== null && r.chance(0.2),
  );
  if (shadowed.length > 0) made["shadow"] = shadowed;
  return made;
}

/** What holds where the route answers by itself. */
const OF_RESPOND = ["addresses", "bodySize", "webSocket", "responseHeaders", "compression"];

function hostPolicies(r: Random): HostPolicies {
  return {
    ...(r.chance(0.5) && {
      cors: {
        origins: r.pick(ORIGINS, ORIGINS.slice(0, 1), ORIGINS.slice(1), ["https://*.fuzz.test"]),
        ...(r.chance(0.5) && { credentials: true }),
        ...(r.chance(0.5) && { requestHeaders: ["x-own"] }),
        ...(r.chance(0.3) && { methods: ["GET", "POST"] as const }),
      },
    }),
    ...(r.chance(0.3) && {
      headerHygiene: {
        drop: r.some(0.4, "x-drop", "x-own"),
        pass: r.some(0.3, "x-forwarded-prefix", "x-real-ip"),
        single: r.some(0.3, "x-version"),
      },
    }),
    ...(r.chance(0.2) && {
      requestLine: {
        methods: ["GET", "POST", ...r.some(0.5, "PUT" as const, "OPTIONS" as const, "HEAD" as const)],
        maxUri: r.pick("64B", "1KiB"),
      },
    }),
    ...(r.chance(0.2) && { pathHygiene: { except: ["/users"] } }),
    ...(r.chance(0.3) && { securityHeaders: { frameOptions: r.pick("DENY" as const, null), hsts: r.pick({}, null) } }),
    ...(r.chance(0.3) && { errorBody: { members: { success: false, code: "{status}", error: "{reason}" } } }),
    ...(r.chance(0.2) && { httpsRedirect: null }),
  };
}

function route(r: Random, i: number): GatewayInput["routes"][number] {
  // Some are words of nginx, Envoy or JavaScript, and some have another's in them.
  const name = r.chance(0.15)
    ? (["default", "if", "constructor", "missing", "server"][i] ?? "location")
    : r.pick(`r${String(i)}`, `r${"-x".repeat(i)}`);
  const exact = r.chance(0.25) ? [path(r) + (r.chance(0.2) ? "/" : "")] : [];
  const template = r.chance(0.2) ? [templated(r, path(r))] : [];
  const onlyPrefix = exact.length === 0 && template.length === 0;
  const prefix =
    onlyPrefix || r.chance(0.2) ? [r.chance(0.08) ? "/" : path(r), ...(r.chance(0.2) ? [path(r)] : [])] : [];
  const methods = r.maybe(0.25, () =>
    r.pick(["GET" as const], ["POST" as const, "PUT" as const], ["GET" as const, "HEAD" as const]),
  );
  const headers = r.maybe(0.1, () => ({ "x-version": r.pick("2", "2.0") }));
  const way = r.below(12);
  const own = policies(r, name, prefix.length === 1 && onlyPrefix ? prefix[0] : undefined);
  return {
    name,
    match: { exact, template, prefix, ...(methods && { methods }), ...(headers && { headers }) },
    ...(way === 0
      ? { respond: { status: r.pick(200, 202, 404), body: '{"own":true}' } }
      : way === 1
        ? {
            backends: [
              { service: "one", weight: 0 },
              { service: "two", weight: 1 },
            ],
          }
        : { service: r.pick("one", "two") }),
    ...(r.chance(0.1) && { hosts: ["fuzz.test"] }),
    policies: way === 0 ? Object.fromEntries(Object.entries(own).filter(([k]) => OF_RESPOND.includes(k))) : own,
  };
}

export function randomInput(r: Random): GatewayInput {
  return {
    name: "fuzz",
    targets: TARGETS,
    environments: ["production"],
    front: { kind: "alb", networks: ["10.0.0.0/16"] },
    // A busy machine is not what is looked for.
    filter: { timeout: "5s" },
    hosts: {
      "fuzz.test": { policies: hostPolicies(r) },
      "two.fuzz.test": { policies: hostPolicies(r), ...(r.chance(0.3) && { basePath: "/base" }) },
    },
    issuers: lab.issuers ?? {},
    secrets: lab.secrets ?? {},
    services: {
      one: {
        address: "one.fuzz.svc.cluster.local:8080",
        ...(r.chance(0.2) && { policies: policies(r, "one", undefined) }),
      },
      two: { address: "two.fuzz.svc.cluster.local:8080" },
    },
    policies: {
      floodGuard: null,
      jwt: { mode: r.pick("open" as const, "required" as const), issuers: ["main"] },
      ...(r.chance(0.3) && hostPolicies(r)),
    },
    routes: Array.from({ length: 2 + r.below(4) }, (_, i) => route(r, i)),
  };
}

/** The model, where `check` and all targets take it without a difference. */
export function accepted(input: GatewayInput): GatewayModel | undefined {
  const at = { file: "fuzz" };
  const { value, diagnostics } = checkModel({ ...at, value: input, locate: () => at });
  if (!value || hasErrors(diagnostics)) return undefined;
  return hasErrors(compile(value, "production").diagnostics) ? undefined : value;
}

/** The next model that is taken: most that chance makes are not, for a name used twice or a kind that asks for another. */
export function nextInput(r: Random): GatewayInput {
  for (;;) {
    const input = randomInput(r);
    if (accepted(input)) return input;
  }
}
