import path from "node:path";
import { loadModels } from "../../lib/commands/models";
import { sortDiagnostics, type Diagnostic } from "../../lib/diagnostics";
import { loadModel, resolveGateway, type GatewayInput } from "../../lib/model";
import { configOf, type Gateway, type Route } from "../../lib/decision/gateway";
import { readModel } from "../../lib/model/read";
import {
  check,
  expectDiagnostics,
  goodModel,
  removeTemporaryDirectories,
  small,
  temporaryDirectory,
  writeIn,
} from "../support";

afterAll(removeTemporaryDirectories);

const rest = `
services: { orders: { address: "orders:3000" } }
routes:
  - { name: orders, match: { prefix: [/orders] }, service: orders }
`;

describe("one run over several files", () => {
  const files: Record<string, string> = {
    "a.yaml": `name: a\nhosts: { api.shop.test: {} }\npolices: {}${rest}`,
    "b.yaml": `name: b\nhosts: { api.shop.test: {} }${rest}  - { name: lost, match: { exact: [/lost] }, service: ordres }\n`,
    "c.yaml": `name: c\nhosts: { api.shop.test: {} }${rest}  - { name: again, match: { prefix: [/orders] }, service: orders }\n`,
    "d.yaml": `name: d\nhosts: { api.shop.test: {} }\npolicies:\n  timeouts: { firstByte: 10 seconds }${rest}`,
    "e.yaml": `name: e\nhosts: { api.shop.test: {} }\npolicies:\n  rateLimit:\n    limits:\n      - { name: calls, requests: -1, per: 1m }${rest}`,
    "f.yaml": `name: f\nhosts:\n  "": {}${rest}`,
    "g.yaml": `name: "g\n`,
    "h.yaml": `name: h\nhosts: { api.shop.test: {} }${rest}`,
  };
  let found: Diagnostic[] = [];
  let names: string[] = [];
  let shown: (name: string) => string = (name) => name;

  beforeAll(() => {
    const directory = temporaryDirectory();
    const written = Object.entries(files).map(([name, content]) => writeIn(directory, name, content));
    const { models, diagnostics } = loadModels([...written].reverse());
    found = sortDiagnostics(diagnostics);
    names = models.map((m) => m.model.name);
    shown = (name) => path.relative(process.cwd(), path.join(directory, name));
  });

  const of = (name: string): Diagnostic[] => found.filter((d) => d.source?.file === shown(name));

  test("finds every fault, each once", () => {
    expectDiagnostics(found, [
      { code: "model/unknown-key", at: "a/polices" },
      { code: "model/unknown-service", at: "b/routes/lost/service" },
      { code: "model/overlapping-routes", at: "c/routes/again" },
      { code: "model/invalid-value", at: "d/policies/timeouts/firstByte" },
      { code: "model/invalid-value", at: "e/policies/rateLimit/limits/calls/requests" },
      { code: "model/invalid-value", at: "f/hosts/" },
      { code: "model/unparsable-file", at: shown("g.yaml") },
    ]);
  });

  test("sorts them by file", () => {
    expect(found.map((d) => path.basename(d.source?.file ?? ""))).toEqual(
      ["a", "b", "c", "d", "e", "f", "g"].map((n) => `${n}.yaml`),
    );
  });

  test("still gives the model that is good", () => {
    expect(names).toEqual(["h"]);
  });

  test.each([
    ["a.yaml", 3, 1],
    ["b.yaml", 6, 55],
    ["c.yaml", 6, 5],
    ["d.yaml", 4, 26],
    ["e.yaml", 6, 34],
    ["f.yaml", 3, 7],
  ])("%s: line %i, column %i", (name, line, column) => {
    expect(of(name).map((d) => [d.source?.line, d.source?.column])).toEqual([[line, column]]);
  });

  test("suggests the key and the service that were meant", () => {
    expect(of("a.yaml")[0]?.fix).toBe('Write "policies".');
    expect(of("b.yaml")[0]?.fix).toContain('Write "orders"');
  });
});

describe("files", () => {
  test("several faults of one file come together, in the order of their lines", () => {
    const directory = temporaryDirectory();
    const file = writeIn(
      directory,
      "m.yaml",
      `name: m
hosts: { api.shop.test: { basepath: /x } }
services: { orders: { address: "orders" } }
routes:
  - { name: one, match: { prefix: [orders/] }, service: nobody }
  - { name: one, match: {}, service: orders, respond: { status: 200 } }
`,
    );
    const diagnostics = sortDiagnostics(loadModel(file).diagnostics);
    expectDiagnostics(diagnostics, [
      { code: "model/unknown-key", at: "m/hosts/api.shop.test/basepath" },
      { code: "model/invalid-value", at: "m/services/orders/address" },
      { code: "model/invalid-value", at: "m/routes/one/match/prefix/0" },
      { code: "model/unknown-service", at: "m/routes/one/service" },
      { code: "model/duplicate-name", at: "m/routes/one" },
      { code: "model/invalid-value", at: "m/routes/one" },
      { code: "model/invalid-value", at: "m/routes/one/match" },
    ]);
    expect(diagnostics.map((d) => d.source?.line)).toEqual([2, 3, 5, 5, 6, 6, 6]);
    expect(diagnostics[0]?.fix).toBe('Write "basePath".');
  });

  test.each([
    ["a key twice", "name: a\nname: b\n"],
    ["two documents", "name: a\n---\nname: b\n"],
    ["a member that would be none", "name: a\nservices: { __proto__: { address: b } }\n"],
    ["tabs as indentation", "hosts:\n\tapi.shop.test: {}\n"],
    [
      "a bomb of aliases",
      `a: &a [x, x, x, x, x, x, x, x, x, x]\n${"bcdefgh".replace(/./g, (c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)}, `.repeat(10)}]\n`)}`,
    ],
  ])("%s: unparsable", (_, content) => {
    const file = writeIn(temporaryDirectory(), "m.yaml", content);
    const codes = loadModel(file).diagnostics.map((d) => d.code);
    expect(codes.length).toBeGreaterThan(0);
    expect(new Set(codes)).toEqual(new Set(["model/unparsable-file"]));
  });

  test.each(["", "[]", "null", "7", "text", "name: a", "{ name: &a [*a] }", "? [a, b]\n: c", "routes: [1, null, [x]]"])(
    "%j is a model with errors, and nothing is thrown",
    (content) => {
      const { value, diagnostics } = loadModel(writeIn(temporaryDirectory(), "m.yaml", content));
      expect(value).toBeUndefined();
      expect(diagnostics.some((d) => d.severity === "error")).toBe(true);
    },
  );

  test("a file that is not there and a name of no format are diagnostics", () => {
    const directory = temporaryDirectory();
    const at = (file: string): string => path.relative(process.cwd(), file);
    for (const file of ["no.yaml", "no.ts"].map((name) => path.join(directory, name))) {
      expectDiagnostics(readModel(file).diagnostics, [{ code: "model/no-model", at: at(file) }]);
    }
    const toml = writeIn(directory, "model.toml", "name = 'a'");
    expectDiagnostics(readModel(toml).diagnostics, [{ code: "model/unparsable-file", at: at(toml) }]);
  });

  test("JSON and TypeScript give the same model as YAML", () => {
    const directory = temporaryDirectory();
    const json = JSON.stringify(small());
    const values = [
      writeIn(directory, "m.json", json),
      writeIn(directory, "m.yaml", json),
      writeIn(directory, "m.js", `exports.default = ${json};`),
    ].map((file) => loadModel(file).value);
    expect(values[0]).toBeDefined();
    expect(values[1]).toEqual(values[0]);
    expect(values[2]).toEqual(values[0]);
  });

  test("no file at all is a diagnostic", () => {
    expectDiagnostics(loadModels([]).diagnostics, [{ code: "model/no-model", at: "policies" }]);
  });
});

describe("names that lead nowhere", () => {
  const route = { name: "orders", match: { prefix: ["/orders"] }, service: "orders" };
  const cases: [string, Partial<GatewayInput>, Parameters<typeof expectDiagnostics>[1]][] = [
    [
      "issuers on every level",
      {
        hosts: { "api.shop.test": { policies: { jwt: { issuers: ["nobody"] } } } },
        services: { orders: { address: "orders:1", policies: { jwt: { issuers: ["nobody"] } } } },
        policies: { jwt: { issuers: ["acounts"] } },
        routes: [{ ...route, policies: { jwt: { issuers: ["accounts", "nobody"] } } }],
      },
      [
        { code: "model/unknown-issuer", at: "shop/policies/jwt" },
        { code: "model/unknown-issuer", at: "shop/hosts/api.shop.test/policies/jwt" },
        { code: "model/unknown-issuer", at: "shop/services/orders/policies/jwt" },
        { code: "model/unknown-issuer", at: "shop/routes/orders/policies/jwt" },
      ],
    ],
    [
      "a host",
      { routes: [{ ...route, hosts: ["api.shop.test", "www.shop.test"] }] },
      [{ code: "model/unknown-host", at: "shop/routes/orders/hosts" }],
    ],
    [
      "a host by the name of a member that every object has",
      { routes: [{ ...route, hosts: ["constructor"] }] },
      [{ code: "model/unknown-host", at: "shop/routes/orders/hosts" }],
    ],
    [
      "environments",
      {
        hosts: { "api.shop.test": { environments: ["staging"] } },
        services: { orders: { address: "orders:1", environments: ["production", "prodution"] } },
        routes: [{ ...route, environments: ["development"] }],
      },
      [
        { code: "model/unknown-environment", at: "shop/hosts/api.shop.test/environments" },
        { code: "model/unknown-environment", at: "shop/services/orders/environments" },
        { code: "model/unknown-environment", at: "shop/routes/orders/environments" },
      ],
    ],
    [
      "a name twice",
      { routes: [route, { ...route, match: { exact: ["/x"] } }] },
      [{ code: "model/duplicate-name", at: "shop/routes/orders" }],
    ],
    [
      "a key server by plain http",
      { issuers: { a: { jwks: { url: "http://keys/" } }, b: { jwks: { url: "http://keys/", allowHttp: true } } } },
      [{ code: "model/key-server-not-https", at: "shop/issuers/a/jwks/url" }],
    ],
    [
      "a service that only one backend names",
      {
        routes: [
          {
            name: "r",
            match: { prefix: ["/"] },
            backends: [
              { service: "orders", weight: 1 },
              { service: "x", weight: 1 },
            ],
          },
        ],
      },
      [{ code: "model/unknown-service", at: "shop/routes/r/service" }],
    ],
    [
      "service and respond at once, and neither",
      {
        routes: [
          { ...route, respond: { status: 200 } },
          { name: "none", match: { exact: ["/none"] } },
        ],
      },
      [
        { code: "model/invalid-value", at: "shop/routes/orders" },
        { code: "model/invalid-value", at: "shop/routes/none" },
      ],
    ],
    [
      "roles where no token is asked, or only an optional one, or whose claim no issuer names",
      {
        routes: [
          { ...route, policies: { authorization: { anyOf: [{ roles: ["A"] }] } } },
          {
            name: "open",
            match: { exact: ["/open"] },
            service: "orders",
            policies: { jwt: { mode: "open", issuers: ["accounts"] }, authorization: { anyOf: [{ scopes: ["a"] }] } },
          },
          {
            name: "optional",
            match: { exact: ["/optional"] },
            service: "orders",
            policies: {
              jwt: { mode: "optional", issuers: ["accounts"] },
              authorization: { anyOf: [{ roles: ["A"] }] },
            },
          },
          {
            name: "unnamed",
            match: { exact: ["/unnamed"] },
            service: "orders",
            policies: { jwt: { issuers: ["accounts"] }, authorization: { anyOf: [{ roles: ["A"] }] } },
          },
        ],
      },
      ["orders", "open", "optional", "unnamed"].map((name) => ({
        code: "model/authorization-needs-identity" as const,
        at: `shop/routes/${name}/policies/authorization`,
      })),
    ],
  ];
  test.each(cases)("%s", (_, change, expected) => {
    expectDiagnostics(sortDiagnostics(check(small(change)).diagnostics), expected);
  });

  test("an issuer for the whole gateway has an address without a gap", () => {
    const [found] = check(small({ policies: { jwt: { issuers: ["acounts"] } } })).diagnostics;
    expect(found?.at).toBe("shop/policies/jwt");
    expect(found?.fix).toContain('Write "accounts"');
  });
});

describe("overlaps", () => {
  const pair = (a: object, b: object): GatewayInput =>
    small({
      routes: [
        { name: "a", match: { prefix: ["/x"], ...a }, service: "orders" },
        { name: "b", match: { prefix: ["/x"], ...b }, service: "orders" },
      ],
    });
  test.each<[string, object, object, boolean]>([
    ["the same path", {}, {}, true],
    ["a method and all methods", { methods: ["GET"] }, {}, false],
    ["a shared method", { methods: ["GET", "POST"] }, { methods: ["POST"] }, true],
    ["other methods", { methods: ["GET"] }, { methods: ["POST"] }, false],
    [
      "the same headers in another order",
      { headers: { "x-a": "1", "x-b": "2" } },
      { headers: { "X-B": "2", "X-A": "1" } },
      true,
    ],
    ["other values of a header", { headers: { "x-a": "1" } }, { headers: { "x-a": "2" } }, false],
    ["exact and prefix", { prefix: [], exact: ["/x"] }, {}, false],
  ])("%s", (_, a, b, overlap) => {
    const diagnostics = sortDiagnostics(check(pair(a, b)).diagnostics);
    expectDiagnostics(diagnostics, overlap ? [{ code: "model/overlapping-routes", at: "shop/routes/b" }] : []);
  });

  test("routes of different hosts or environments do not overlap", () => {
    const input = small({
      environments: ["production", "development"],
      hosts: { "a.test": {}, "b.test": {} },
      routes: [
        { name: "a", hosts: ["a.test"], match: { prefix: ["/x"] }, service: "orders" },
        { name: "b", hosts: ["b.test"], environments: ["production"], match: { prefix: ["/x"] }, service: "orders" },
        { name: "c", hosts: ["b.test"], environments: ["development"], match: { prefix: ["/x"] }, service: "orders" },
      ],
    });
    expectDiagnostics(check(input).diagnostics, []);
  });
});

describe("what a model becomes", () => {
  const routeOf = (gateway: Gateway, name: string, host = 0): Route => {
    const route = gateway.hosts[host]?.routes.find((r) => r.name === name);
    if (!route) throw new Error(`no route ${name}`);
    return route;
  };

  test("defaults", () => {
    const model = goodModel({ ...small(), environments: undefined, targets: undefined });
    expect(model.environments).toEqual(["production", "development"]);
    expect(model.listeners).toEqual({
      http: { port: 80, containerPort: 8080 },
      https: { port: 443, containerPort: 8443 },
    });
    const gateway = resolveGateway(model, "production");
    expect(gateway.hosts[0]?.policies.map((p) => p.kind)).toEqual(
      expect.arrayContaining([
        "httpsRedirect",
        "requestLine",
        "pathHygiene",
        "headerHygiene",
        "floodGuard",
        "requestId",
        "securityHeaders",
        "errorBody",
        "audit",
      ]),
    );
    const { policies } = routeOf(gateway, "orders");
    expect(policies.map((p) => p.kind).sort()).toEqual(["bodyCount", "bodySize", "timeouts", "webSocket"]);
    expect(configOf(policies, "bodySize")).toEqual({ max: 1024 ** 2 });
    // A body that declares nothing has the same limit.
    expect(configOf(policies, "bodyCount")).toEqual({ max: 1024 ** 2 });
    expect(configOf(policies, "timeouts")).toEqual({ firstByte: 15_000 });
    expect(configOf(policies, "webSocket")).toEqual({ allowed: false, idle: 3_600_000, closeAtExpiry: false });
  });

  test("the nearest policy wins: gateway, host, service, route; null takes away; lists are replaced", () => {
    const at = (max: string): { bodySize: { max: string } } => ({ bodySize: { max } });
    const model = goodModel(
      small({
        hosts: { "a.test": { policies: { ...at("2KiB"), cors: null } }, "b.test": {} },
        services: {
          plain: { address: "plain:1" },
          orders: { address: "orders:1", policies: { ...at("3KiB"), rateLimit: null } },
        },
        policies: {
          ...at("1KiB"),
          cors: { origins: ["https://one.test", "https://two.test"] },
          rateLimit: {
            limits: [
              { name: "calls", requests: 1, per: "1s" },
              { name: "day", requests: 9, per: "1d" },
            ],
          },
          timeouts: null,
        },
        routes: [
          { name: "host", match: { prefix: ["/host"] }, service: "plain" },
          { name: "service", match: { prefix: ["/service"] }, service: "orders" },
          {
            name: "route",
            match: { prefix: ["/route"] },
            service: "orders",
            policies: { ...at("4KiB"), rateLimit: { limits: [{ name: "own", requests: 2, per: "1s" }] } },
          },
          { name: "taken", match: { prefix: ["/taken"] }, service: "orders", policies: { bodySize: null } },
          {
            name: "shared",
            match: { prefix: ["/shared"] },
            backends: [
              { service: "orders", weight: 1 },
              { service: "plain", weight: 1 },
            ],
          },
        ],
      }),
    );
    const gateway = resolveGateway(model, "production");
    const max = (name: string, host = 0): unknown =>
      (configOf(routeOf(gateway, name, host).policies, "bodySize") as { max: number } | undefined)?.max;
    expect([max("host", 1), max("host"), max("service"), max("route"), max("taken"), max("shared")]).toEqual([
      1024,
      2048,
      3072,
      4096,
      undefined,
      2048,
    ]);
    const limits = (name: string): unknown =>
      (
        configOf(routeOf(gateway, name).policies, "rateLimit") as { limits: { name: string }[] } | undefined
      )?.limits.map((l) => l.name);
    expect([limits("host"), limits("service"), limits("route")]).toEqual([["calls", "day"], undefined, ["own"]]);
    expect(configOf(routeOf(gateway, "host").policies, "timeouts")).toBeUndefined();
    expect(configOf(gateway.hosts[0]?.policies ?? [], "cors")).toBeUndefined();
    expect(configOf(gateway.hosts[1]?.policies ?? [], "cors")).toMatchObject({
      origins: ["https://one.test", "https://two.test"],
    });
  });

  test("headers from identities join those that clients may not send", () => {
    const model = goodModel(
      small({
        policies: {
          headerHygiene: { drop: ["X-Own"] },
          jwt: { issuers: ["accounts"], claimHeaders: { "X-User": "sub" } },
        },
      }),
    );
    const [host] = resolveGateway(model, "production").hosts;
    expect(configOf(host?.policies ?? [], "headerHygiene")).toEqual({
      drop: ["x-own", "x-user"],
      single: [],
      pass: [],
    });
  });

  test("what an environment lacks is not there: hosts, services with their routes, routes", () => {
    const model = goodModel(
      small({
        environments: ["production", "development"],
        hosts: { "api.shop.test": {}, "dev.shop.test": { environments: ["development"] } },
        services: { orders: { address: "orders:1" }, mock: { address: "mock:1", environments: ["development"] } },
        routes: [
          { name: "orders", match: { prefix: ["/orders"] }, service: "orders" },
          { name: "mock", match: { prefix: ["/mock"] }, service: "mock" },
          { name: "old", environments: ["production"], match: { prefix: ["/old"] }, service: "orders" },
        ],
      }),
    );
    const names = (environment: string): Record<string, string[]> =>
      Object.fromEntries(resolveGateway(model, environment).hosts.map((h) => [h.name, h.routes.map((r) => r.name)]));
    expect(names("production")).toEqual({ "api.shop.test": ["orders", "old"] });
    expect(names("development")).toEqual({
      "api.shop.test": ["orders", "mock"],
      "dev.shop.test": ["orders", "mock"],
    });
  });

  test("serhafen has its mock in development only", () => {
    const { value } = loadModel(path.join(__dirname, "../../policies/serhafen.ts"));
    if (!value) throw new Error("serhafen has errors");
    const has = (environment: string): boolean[] =>
      resolveGateway(value, environment).hosts.map((h) => h.routes.some((r) => r.name === "mock"));
    expect(has("production")).toEqual([false, false]);
    expect(has("development")).toEqual([true, true]);
  });

  test("a base path stands before every path and is taken off again; a route's own rewrite wins", () => {
    const model = goodModel(
      small({
        hosts: { "api.shop.test": {}, "www.shop.test": { basePath: "/api" } },
        routes: [
          { name: "root", match: { prefix: ["/"], exact: ["/version"] }, service: "orders" },
          {
            name: "moved",
            match: { prefix: ["/old"] },
            service: "orders",
            policies: { rewrite: { prefix: "/old", replacement: "/new" } },
          },
        ],
      }),
    );
    const gateway = resolveGateway(model, "production");
    const values = (name: string, host: number): string[] =>
      routeOf(gateway, name, host).match.paths.map((p) => `${p.type} ${p.value}`);
    expect(values("root", 0)).toEqual(["Exact /version", "PathPrefix /"]);
    expect(values("root", 1)).toEqual(["Exact /api/version", "PathPrefix /api"]);
    expect(values("moved", 1)).toEqual(["PathPrefix /api/old"]);
    const rewrite = (name: string, host: number): unknown => configOf(routeOf(gateway, name, host).policies, "rewrite");
    expect(rewrite("root", 0)).toBeUndefined();
    expect(rewrite("root", 1)).toEqual({ prefix: "/api", replacement: "/" });
    expect(rewrite("moved", 1)).toEqual({ prefix: "/api/old", replacement: "/new" });
  });
});

describe("values that no proxy can keep are refused by the model", () => {
  const route = { name: "r", match: { prefix: ["/r"] }, service: "orders" };
  test.each<[string, Partial<GatewayInput>]>([
    ["a port above 65535", { services: { orders: { address: "orders:99999" } } }],
    ["an empty label of a service's host", { services: { orders: { address: "orders..svc:80" } } }],
    [
      "weights of nothing",
      { routes: [{ name: "r", match: { prefix: ["/r"] }, backends: [{ service: "orders", weight: 0 }] }] },
    ],
    ["methods that no host takes", { routes: [{ ...route, match: { prefix: ["/r"], methods: ["PROPFIND"] } }] }],
    ["a parameter that ends another", { routes: [{ ...route, match: { prefix: ["/r"], query: { a: "b&c" } } }] }],
    ["a parameter's name with brackets", { routes: [{ ...route, match: { prefix: ["/r"], query: { "a[]": "b" } } }] }],
    [
      "a parameter that is a member of every object",
      { routes: [{ ...route, match: { prefix: ["/r"], query: { constructor: "a" } } }] },
    ],
    ["no parameter", { routes: [{ ...route, match: { prefix: ["/r"], query: {} } }] }],
    [
      "addresses by TLS without a name, in an overlay",
      {
        services: { orders: { address: "orders.test:443", tls: {} } },
        overlays: { production: { services: { orders: { addresses: ["a.test:443", "b.test:443"] } } } },
      },
    ],
    [
      "an address of numbers by TLS, in an overlay",
      {
        services: { orders: { address: "orders.test:443", tls: {} } },
        overlays: { production: { services: { orders: { address: "10.0.0.1:443" } } } },
      },
    ],
    [
      "pods in another namespace, in an overlay",
      {
        services: { orders: { address: "orders.one.svc.cluster.local:80", workload: { app: "orders" } } },
        overlays: { production: { services: { orders: { address: "orders.test:80" } } } },
      },
    ],
    ["a store's address without a port", { filter: { redis: "redis+cluster://a" } }],
    ["a store's password that is not escaped", { filter: { redis: "redis+cluster://u:p%ZZ@a:1" } }],
    ["an address with a zone", { routes: [{ ...route, policies: { addresses: { deny: ["fe80::1%eth0"] } } }] }],
    ["a part of a second as Max-Age of CORS", { policies: { cors: { origins: ["https://a.test"], maxAge: "500ms" } } }],
    ["a part of a second as max-age of HSTS", { policies: { securityHeaders: { hsts: { maxAge: "1500ms" } } } }],
  ])("%s", (_, change) => {
    const { diagnostics } = check(small(change));
    expect(diagnostics.map((d) => d.severity)).toContain("error");
  });
});
