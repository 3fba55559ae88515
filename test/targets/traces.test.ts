import type { GatewayInput } from "../../lib/model";
import { hasErrors } from "../../lib/diagnostics";
import { TARGETS, compile } from "../../lib/targets";
import { goodModel, small } from "../support";

/** What a model changes leaves a trace in every target's output, or is refused there: a claim that is written nowhere is none. */

type Policies = NonNullable<GatewayInput["routes"][number]["policies"]>;

const SECRETS = { keys: { env: "KEYS" }, rings: { env: "RINGS" } };
const asked: Policies = { jwt: { issuers: ["accounts"] } };

/** How routes come to the service, which may be other code in a target. */
const WAYS: Readonly<Record<string, Policies>> = {
  open: { jwt: null },
  door: asked,
  through: { ...asked, compression: { types: ["text/*"] } },
};

const ofRoute: Readonly<Record<string, [Policies, Policies]>> = {
  addresses: [{ addresses: { deny: ["203.0.113.1"] } }, { addresses: { deny: ["203.0.113.2"] } }],
  bodySize: [{ bodySize: { max: "1KiB" } }, { bodySize: { max: "2KiB" } }],
  requestHeaders: [{ requestHeaders: { set: { "x-a": "a" } } }, { requestHeaders: { set: { "x-a": "b" } } }],
  "requestHeaders, removed": [{ requestHeaders: { remove: ["x-a"] } }, { requestHeaders: { remove: ["x-b"] } }],
  responseHeaders: [{ responseHeaders: { set: { "x-a": "a" } } }, { responseHeaders: { set: { "x-a": "b" } } }],
  "responseHeaders, always": [
    { responseHeaders: { set: { "x-a": "a" }, on: "success" } },
    { responseHeaders: { set: { "x-a": "a" }, on: "always" } },
  ],
  "responseHeaders, removed": [{ responseHeaders: { remove: ["x-a"] } }, { responseHeaders: { remove: ["x-b"] } }],
  rewrite: [
    { rewrite: { prefix: "/orders", replacement: "/a" } },
    { rewrite: { prefix: "/orders", replacement: "/b" } },
  ],
  timeouts: [{ timeouts: { firstByte: "3s" } }, { timeouts: { firstByte: "4s" } }],
  "timeouts, total": [{ timeouts: { total: "23s" } }, { timeouts: { total: "24s" } }],
  retries: [{ retries: { tries: 2, perTry: "2s" } }, { retries: { tries: 3, perTry: "2s" } }],
  "retries, statuses": [{ retries: { tries: 2, statuses: ["502"] } }, { retries: { tries: 2, statuses: ["503"] } }],
  webSocket: [{ webSocket: { allowed: false } }, { webSocket: { allowed: true } }],
  "webSocket, idle": [{ webSocket: { allowed: true, idle: "2h" } }, { webSocket: { allowed: true, idle: "3h" } }],
  rateLimit: [
    { rateLimit: { limits: [{ name: "a", requests: 5, per: "1m" }] } },
    { rateLimit: { limits: [{ name: "a", requests: 6, per: "1m" }] } },
  ],
  apiKey: [{ apiKey: { secret: "keys" } }, { apiKey: { secret: "rings" } }],
  signature: [{ signature: { secret: "keys" } }, { signature: { secret: "rings" } }],
  bodySchema: [
    { bodySchema: { schema: { type: "object" } } },
    { bodySchema: { schema: { type: "object", maxProperties: 3 } } },
  ],
  graphql: [{ graphql: { maxDepth: 3 } }, { graphql: { maxDepth: 4 } }],
  circuitBreaker: [{ circuitBreaker: { openFor: "3s" } }, { circuitBreaker: { openFor: "4s" } }],
  fallback: [{ fallback: { status: 503, body: "a" } }, { fallback: { status: 503, body: "b" } }],
  compression: [{ compression: { above: "2KiB" } }, { compression: { above: "3KiB" } }],
  lockout: [{ lockout: { attempts: 3 } }, { lockout: { attempts: 4 } }],
  connections: [
    { webSocket: { allowed: true }, connections: { max: 3, key: ["clientAddress"] } },
    { webSocket: { allowed: true }, connections: { max: 4, key: ["clientAddress"] } },
  ],
};

const ofHost: Readonly<Record<string, [object, object]>> = {
  headerHygiene: [{ headerHygiene: { drop: ["x-a"] } }, { headerHygiene: { drop: ["x-b"] } }],
  "headerHygiene, single": [{ headerHygiene: { single: ["x-a"] } }, { headerHygiene: { single: ["x-b"] } }],
  "headerHygiene, passed": [{ headerHygiene: {} }, { headerHygiene: { pass: ["x-real-ip"] } }],
  pathHygiene: [{ pathHygiene: { except: ["/a"] } }, { pathHygiene: { except: ["/b"] } }],
  requestLine: [{ requestLine: { maxUri: "1KiB" } }, { requestLine: { maxUri: "2KiB" } }],
  "requestLine, head": [{ requestLine: { maxHead: "9KiB" } }, { requestLine: { maxHead: "10KiB" } }],
  "requestLine, methods": [{ requestLine: { methods: ["GET"] } }, { requestLine: { methods: ["GET", "POST"] } }],
  cors: [{ cors: { origins: ["https://a.test"] } }, { cors: { origins: ["https://b.test"] } }],
  "cors, credentials": [
    { cors: { origins: ["https://a.test"], credentials: false } },
    { cors: { origins: ["https://a.test"], credentials: true } },
  ],
  floodGuard: [{ floodGuard: { requests: 50, per: "1s" } }, { floodGuard: { requests: 60, per: "1s" } }],
  securityHeaders: [{ securityHeaders: { frameOptions: "DENY" } }, { securityHeaders: { frameOptions: "SAMEORIGIN" } }],
  httpsRedirect: [{ httpsRedirect: {} }, { httpsRedirect: null }],
  errorBody: [{ errorBody: { members: { a: "{status}" } } }, { errorBody: { members: { b: "{status}" } } }],
};

/** All of the output, the proxy's own part of it, and which kinds are kept there. */
interface Output {
  all: string;
  ofProxy: string;
  native: ReadonlySet<string>;
}

function outputOf(target: string, way: Policies, route: Policies, host: object): Output | undefined {
  const model = goodModel(
    small({
      targets: [target],
      hosts: { "api.shop.test": { policies: host } },
      secrets: SECRETS,
      routes: [{ name: "orders", match: { prefix: ["/orders"] }, service: "orders", policies: { ...way, ...route } }],
    }),
  );
  const { value, diagnostics } = compile(model, "production");
  if (!value || hasErrors(diagnostics)) return undefined;
  const native = value.plans.flatMap((p) =>
    p.placements.filter(({ place }) => place === "native").map(({ kind }) => kind),
  );
  return {
    all: JSON.stringify(value.files),
    ofProxy: JSON.stringify(value.files.filter(({ path }) => !/(^|\/)filter[^/]*$/.test(path))),
    native: new Set<string>(native),
  };
}

const PAIRS: [what: string, of: "route" | "host", a: object, b: object][] = [
  ...Object.entries(ofRoute).map(([what, [a, b]]): [string, "route", object, object] => [what, "route", a, b]),
  ...Object.entries(ofHost).map(([what, [a, b]]): [string, "host", object, object] => [what, "host", a, b]),
];

describe.each(TARGETS.map(({ name }) => name))("%s", (target) => {
  test.each(Object.keys(WAYS))("%s: each promise", (name) => {
    const way = WAYS[name] ?? {};
    const without: string[] = [];
    let refused = 0;
    for (const [what, of, ...both] of PAIRS) {
      const [a, b] = both.map((own) =>
        of === "route" ? outputOf(target, way, own, {}) : outputOf(target, way, {}, own),
      );
      if (!a || !b) {
        refused += 1;
        continue;
      }
      const [kind = ""] = what.split(",");
      const isProxys = a.native.has(kind) || b.native.has(kind);
      if (isProxys ? a.ofProxy === b.ofProxy : a.all === b.all) without.push(what);
    }
    expect(without).toEqual([]);
    expect(refused).toBeLessThan(0.4 * PAIRS.length);
  });
});
