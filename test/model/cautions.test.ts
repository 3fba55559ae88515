import type { GatewayInput } from "../../lib/model";
import { check, small } from "../support";

/** What a model may say and seldom means, or cannot mean at all: each told once, and not told of the model beside it. */

type Policies = NonNullable<GatewayInput["routes"][number]["policies"]>;

const codesOf = (change: Partial<GatewayInput>): string[] => check(small(change)).diagnostics.map((d) => d.code);

/** One route with these policies. */
const route = (policies: Policies, more: Partial<GatewayInput> = {}): Partial<GatewayInput> => ({
  ...more,
  routes: [{ name: "orders", match: { prefix: ["/orders"] }, service: "orders", policies }],
});
const matching = (match: object): Partial<GatewayInput> => ({
  routes: [{ name: "orders", match: match, service: "orders" }],
});

const accounts = { issuer: "https://accounts.shop.test", jwks: { url: "https://accounts.shop.test/keys" } };
const jwt = { issuers: ["accounts"] };
const byAddress = { limits: [{ name: "sign-in", requests: 20, per: "1m", key: ["clientAddress" as const] }] };
const inside = { allow: ["203.0.113.0/24"] };
const cors = { origins: ["https://app.shop.test"] };
const onHost = (policies: object): Partial<GatewayInput> => ({ hosts: { "api.shop.test": { policies } } });

describe.each<[code: string, what: string, told: Partial<GatewayInput>, not: Partial<GatewayInput>]>([
  [
    "model/authorization-twice",
    "password and token in one header",
    route({ apiKey: { basic: true, secret: "keys" }, jwt }, { secrets: { keys: { env: "KEYS" } } }),
    route(
      { apiKey: { basic: true, secret: "keys" }, jwt: { ...jwt, header: "x-token" } },
      { secrets: { keys: { env: "KEYS" } } },
    ),
  ],
  ["model/pattern-as-text", "a star", matching({ prefix: ["/orders/*"] }), matching({ prefix: ["/orders"] })],
  ["model/pattern-as-text", "a variable", matching({ exact: ["/orders/:id"] }), matching({ exact: ["/orders/a:b"] })],
  [
    "model/pattern-as-text",
    "an expression",
    matching({ prefix: ["/orders/.*"] }),
    matching({ prefix: ["/orders/.well"] }),
  ],
  ["model/pattern-as-text", "a group", matching({ prefix: ["/orders(1)"] }), matching({ prefix: ["/orders"] })],
  [
    "model/pattern-as-text",
    "an expression in a header",
    matching({ prefix: ["/orders"], headers: { "x-version": "^2.*" } }),
    matching({ prefix: ["/orders"], headers: { "x-version": "2.0" } }),
  ],
  [
    "model/pattern-as-text",
    "a group's number in a replacement",
    route({ rewrite: { prefix: "/orders", replacement: "/$1" } }),
    route({ rewrite: { prefix: "/orders", replacement: "/new" } }),
  ],
  [
    "model/variable-as-text",
    "a variable in a header",
    route({ requestHeaders: { set: { "x-own": "${region}" } } }),
    route({ requestHeaders: { set: { "x-own": "$5" } } }),
  ],
  [
    "model/variable-as-text",
    "a word in braces in a header",
    route({ requestHeaders: { set: { "x-own": "{region}" } } }),
    route({ requestHeaders: { set: { "x-own": '{"region":"eu"}' } } }),
  ],
  [
    "model/variable-as-text",
    "an unknown word in errors",
    onHost({ errorBody: { members: { error: "{code}" } } }),
    onHost({ errorBody: { members: { error: "{status}" } } }),
  ],
  [
    "model/secret-in-the-open",
    "a token",
    route({ requestHeaders: { set: { authorization: "Bearer abcdefgh12345" } } }),
    route({ requestHeaders: { set: { "x-own": "orders" } } }),
  ],
  [
    "model/secret-in-the-open",
    "a key in the key server's URL",
    { issuers: { accounts: { ...accounts, jwks: { url: "https://accounts.shop.test/keys?api_key=abcdefgh12345" } } } },
    { issuers: { accounts: { ...accounts, jwks: { url: "https://accounts.shop.test/keys?version=20261128" } } } },
  ],
  [
    "model/secret-in-the-open",
    "a password of an issuer",
    { issuers: { accounts: { ...accounts, issuer: "https://reader:hunter22@accounts.shop.test" } } },
    { issuers: { accounts } },
  ],
  [
    "model/secret-in-the-open",
    "the store's password",
    { filter: { redis: "redis://default:hunter22@store:6379" } },
    { filter: { redis: "rediss://store:6379/1" } },
  ],
  [
    "model/secret-in-the-open",
    "a key that chooses a route",
    matching({ prefix: ["/orders"], headers: { "x-api-key": "abcdefgh12345" } }),
    matching({ prefix: ["/orders"], headers: { "x-version": "2" } }),
  ],
  [
    "model/public-answer",
    "an answer to who has signed in",
    route({ jwt, responseHeaders: { set: { "cache-control": "public, max-age=60" } } }),
    route({ responseHeaders: { set: { "cache-control": "public, max-age=60" } } }),
  ],
  [
    "model/lockout-alone",
    "a name that anybody may lock out",
    route({ lockout: { field: "email" } }),
    route({ lockout: { field: "email", by: "fieldAndClientAddress" } }),
  ],
  [
    "model/lockout-of-others",
    "a name that others may lock out",
    route({ lockout: { field: "email" }, rateLimit: byAddress }),
    route({ lockout: { field: "email", by: "fieldAndClientAddress" }, rateLimit: byAddress }),
  ],
  [
    "model/cache-by-tenant",
    "a user's claims beside a tenant's answers",
    route({
      jwt: { ...jwt, claimHeaders: { "x-user": "sub" } },
      tenant: { headers: { "x-team": "team" } },
      cache: { group: "g" },
    }),
    route({ jwt, tenant: { headers: { "x-team": "team" } }, cache: { group: "g" } }),
  ],
  [
    "model/wider-than-host",
    "addresses that the host keeps out",
    route({ addresses: { allow: ["198.51.100.0/24"] } }, onHost({ addresses: inside })),
    route({ addresses: inside }, onHost({ addresses: inside })),
  ],
  [
    "model/wider-than-host",
    "an open route on a host that asks, which it does not name",
    {
      ...onHost({ jwt }),
      routes: [
        {
          name: "orders",
          match: { prefix: ["/orders"] },
          service: "orders",
          policies: { jwt: { ...jwt, mode: "open" } },
        },
      ],
    },
    {
      ...onHost({ jwt }),
      routes: [
        {
          name: "orders",
          hosts: ["api.shop.test"],
          match: { prefix: ["/orders"] },
          service: "orders",
          policies: { jwt: { ...jwt, mode: "open" } },
        },
      ],
    },
  ],
  [
    "model/wider-than-host",
    "a route without the host's key, on a host that it does not name",
    route({ apiKey: null }, { secrets: { keys: { env: "KEYS" } }, ...onHost({ apiKey: { secret: "keys" } }) }),
    route({}, { secrets: { keys: { env: "KEYS" } }, ...onHost({ apiKey: { secret: "keys" } }) }),
  ],
  [
    "model/exempt-prefix-divided",
    "two routes below one exempt prefix",
    { ...onHost({ pathHygiene: { except: ["/files"] } }), ...matching({ prefix: ["/files", "/files/private"] }) },
    { ...onHost({ pathHygiene: { except: ["/files"] } }), ...matching({ prefix: ["/files", "/filesystem"] }) },
  ],
  [
    "model/dotted-claim",
    "a Keycloak client with dots",
    { issuers: { accounts: { ...accounts, roles: "resource_access.field.api.roles" } } },
    { issuers: { accounts: { ...accounts, roles: ["resource_access", "field.api", "roles"] } } },
  ],
  [
    "model/dotted-claim",
    "a domain's name",
    route({ jwt: { ...jwt, claimHeaders: { "x-own": "shop.test/own" } } }),
    route({ jwt: { ...jwt, claimHeaders: { "x-own": "https://shop.test/own", "x-two": "realm_access.roles" } } }),
  ],
  [
    "model/web-socket-any-origin",
    "a handshake whose cookie any page sends",
    route({ jwt: { ...jwt, cookie: "session" }, webSocket: { allowed: true } }),
    route({ jwt: { ...jwt, cookie: "session" }, webSocket: { allowed: true } }, onHost({ cors })),
  ],
  [
    "model/header-set-twice",
    "a header of the host's",
    route(
      { responseHeaders: { set: { "x-frame-options": "DENY" } } },
      onHost({ securityHeaders: { frameOptions: "DENY" } }),
    ),
    route(
      { responseHeaders: { set: { "x-frame-options": "DENY" } } },
      onHost({ securityHeaders: { frameOptions: null } }),
    ),
  ],
  [
    "model/untrusted-front",
    "a balancer that could be anybody",
    { front: { kind: "alb" } },
    { front: { kind: "alb", networks: ["10.0.0.0/16"] } },
  ],
])("%s: %s", (code, _, told, not) => {
  test("is told", () => {
    expect(codesOf(told).filter((c) => c === code)).toHaveLength(1);
  });

  test("is not told of what is plain", () => {
    expect(codesOf(not)).not.toContain(code);
  });
});

describe("what belongs to one connection chooses no route", () => {
  test.each(["upgrade", "connection", "host", "content-length", "te", "proxy-authorization", "x-envoy-internal"])(
    "%s",
    (name) => {
      expect(codesOf(matching({ prefix: ["/orders"], headers: { [name]: "a" } }))).toContain("model/invalid-value");
    },
  );
});

test.each<[string, object]>([
  ["a format that is slow on hostile text", { type: "string", format: "email" }],
  ["a pattern without a bound", { type: "string", pattern: "^a+$" }],
  ["items that must differ, without a bound", { type: "array", uniqueItems: true }],
])("a schema that could lock the process is refused: %s", (_, schema) => {
  expect(codesOf(route({ bodySchema: { schema } } as Policies))).toContain("model/invalid-value");
});

test.each<[string, Partial<GatewayInput>]>([
  ["the first byte", route({ timeouts: { firstByte: "25d" } })],
  ["the whole", route({ timeouts: { total: "25d" } })],
  ["a try", route({ retries: { tries: 2, perTry: "25d" } })],
  ["a silent WebSocket", route({ webSocket: { allowed: true, idle: "25d" } })],
  ["a browser's memory", onHost({ cors: { ...cors, maxAge: "3651d" } })],
])("a time that no timer counts is refused: %s", (_, change) => {
  expect(codesOf(change)).toContain("model/invalid-value");
});

test.each<[string, Partial<GatewayInput>]>([
  ["a key where its name belongs", route({ apiKey: { secret: "sk_live_hunter22" } })],
  ["a secret where its place belongs", { secrets: { keys: "sk_live_hunter22" as never } }],
  ["an issuer's", { issuers: { own: { algorithms: ["HS256"], secret: "sk_live_hunter22" } } }],
])("a secret is told of, and never repeated: %s", (_, change) => {
  const said = JSON.stringify(check(small(change)).diagnostics);
  expect(said).toContain("model/invalid-value");
  expect(said).not.toContain("hunter22");
});

test("one word on a time that is too long", () => {
  expect(check(small(route({ timeouts: { firstByte: "9999d" } }))).diagnostics).toHaveLength(1);
});

test("clocks that are hours apart would take the end of every token away", () => {
  expect(codesOf({ issuers: { accounts: { ...accounts, clockSkew: "1h" } } })).toContain("model/invalid-value");
});
