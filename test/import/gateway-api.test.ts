import path from "node:path";
import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { removeTemporaryDirectories, temporaryDirectory, writeIn } from "../support";
import { run } from "../commands/run";

/** Gateways and their routes, written short: what each becomes, or why it is not taken. */

afterAll(removeTemporaryDirectories);

interface Model {
  hosts: Record<string, object>;
  services: Record<string, object>;
  routes: { name: string; hosts: string[]; match: object; policies?: Record<string, unknown> }[];
}

const object = (kind: string, name: string, spec: object, namespace = "shop"): object => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  ...{ kind, metadata: { name, namespace }, spec },
});

const HTTP = { name: "http", port: 80, protocol: "HTTP" };
const HTTPS = { name: "https", port: 443, protocol: "HTTPS", tls: { certificateRefs: [{ name: "web-tls" }] } };
const gateway = (...listeners: object[]): object => object("Gateway", "web", { gatewayClassName: "any", listeners });
const BACKEND = [{ name: "web", port: 80 }];

const route = (rules: object[], more: object = {}, kind = "HTTPRoute", name = "api"): object =>
  object(kind, name, { parentRefs: [{ name: "web" }], hostnames: ["a.test"], rules, ...more });

async function imported(
  objects: readonly object[],
  ...options: string[]
): Promise<{ code: number; err: string; model: Model }> {
  const folder = temporaryDirectory();
  const file = writeIn(folder, "gateway.yaml", objects.map((one) => JSON.stringify(one)).join("\n---\n"));
  const out = path.join(folder, "model.yaml");
  const { code, err } = await run("import", file, "--out", out, ...options);
  const model = (existsSync(out) ? parse(readFileSync(out, "utf8")) : { hosts: {}, services: {}, routes: [] }) as Model;
  return { code, err, model };
}

/** The only route that comes of a rule. */
async function ruled(rule: object, ...options: string[]): Promise<Model["routes"][number] | undefined> {
  const { code, err, model } = await imported([gateway(HTTPS), route([{ backendRefs: BACKEND, ...rule }])], ...options);
  expect([code, err.includes(" error ")]).toEqual([0, false]);
  return model.routes[0];
}

describe("hosts", () => {
  test("are those that listener and route both mean, with the listener's certificate", async () => {
    const listener = { ...HTTPS, hostname: "*.test" };
    const { code, model } = await imported([
      gateway(listener),
      route([{ backendRefs: BACKEND }], { hostnames: ["a.test", "b.other"] }),
    ]);
    expect([code, model.hosts]).toEqual([0, { "a.test": { certificate: { secret: "web-tls" } } }]);
  });

  test("are the listener's where the route names none", async () => {
    const { model } = await imported([
      gateway({ ...HTTPS, hostname: "b.test" }),
      route([{ backendRefs: BACKEND }], { hostnames: [] }),
    ]);
    expect(Object.keys(model.hosts)).toEqual(["b.test"]);
  });

  test("stay without TLS where they are served so", async () => {
    const { model } = await imported([gateway(HTTP), route([{ backendRefs: BACKEND }])]);
    expect(model.hosts["a.test"]).toEqual({ policies: { httpsRedirect: null, securityHeaders: { hsts: null } } });
  });

  const TO_HTTPS = { type: "RequestRedirect", requestRedirect: { scheme: "https", statusCode: 301 } };

  test("redirect by themselves where a route did nothing else", async () => {
    const { code, model } = await imported([
      gateway(HTTP, HTTPS),
      route([{ filters: [TO_HTTPS] }], { parentRefs: [{ name: "web", sectionName: "http" }] }, "HTTPRoute", "plain"),
      route([{ backendRefs: BACKEND }], { parentRefs: [{ name: "web", sectionName: "https" }] }),
    ]);
    expect([code, model.hosts]).toEqual([0, { "a.test": { certificate: { secret: "web-tls" } } }]);
    expect(model.routes).toHaveLength(1);
  });

  test("cannot redirect some paths alone", async () => {
    const objects = [
      gateway(HTTP),
      route([
        { matches: [{ path: { type: "Exact", value: "/ping" } }], backendRefs: BACKEND },
        { filters: [TO_HTTPS] },
      ]),
    ];
    expect((await imported(objects)).err).toContain("serves some paths and redirects others");
    const { model } = await imported(objects, "--accept", "RequestRedirect");
    expect(model.hosts).toEqual({ "a.test": {} });
  });

  test("of two listeners must be served alike on both", async () => {
    const at = (sectionName: string): object => ({ parentRefs: [{ name: "web", sectionName }] });
    const objects = [
      gateway(HTTP, HTTPS),
      route([{ matches: [{ path: { value: "/acme" } }], backendRefs: BACKEND }], at("http"), "HTTPRoute", "acme"),
      route([{ backendRefs: BACKEND }], at("https")),
    ];
    const { code, err } = await imported(objects);
    expect([code, err]).toEqual([1, expect.stringContaining("Others of a.test are at other listeners")]);
  });

  test("are a Gateway's of another namespace where that takes routes of all", async () => {
    const other = (from: string): object =>
      object("Gateway", "web", { listeners: [{ ...HTTPS, allowedRoutes: { namespaces: { from } } }] }, "infra");
    const attached = route([{ backendRefs: BACKEND }], { parentRefs: [{ name: "web", namespace: "infra" }] });
    expect((await imported([other("All"), attached])).code).toBe(0);
    const { code, err } = await imported([other("Same"), attached]);
    expect([code, err]).toEqual([
      2,
      expect.stringContaining("has no listener for it that takes routes of its namespace"),
    ]);
  });

  test("have no certificate that is known where the Gateway is elsewhere", async () => {
    const { code, err, model } = await imported([route([{ backendRefs: BACKEND }])]);
    expect([code, model.hosts]).toEqual([0, { "a.test": {} }]);
    expect(err).toContain("The Gateway shop/web is not among the files");
  });
});

describe("matches", () => {
  test.each([
    ["nothing", {}, { prefix: ["/"] }],
    ["an exact path", { path: { type: "Exact", value: "/a/" } }, { exact: ["/a/"] }],
    ["a prefix", { path: { type: "PathPrefix", value: "/a/" } }, { prefix: ["/a"] }],
    ["a method", { method: "POST" }, { prefix: ["/"], methods: ["POST"] }],
    [
      "headers, of which the first of a name counts",
      {
        headers: [
          { name: "X-A", value: "1" },
          { name: "x-a", value: "2" },
        ],
      },
      { prefix: ["/"], headers: { "x-a": "1" } },
    ],
  ])("%s", async (_, match, expected) => {
    expect((await ruled({ matches: [match] }))?.match).toEqual(expected);
  });

  test.each([
    ["calls of a service", { service: "shop.Orders" }, { prefix: ["/shop.Orders"] }],
    ["one call", { service: "shop.Orders", method: "Get" }, { exact: ["/shop.Orders/Get"] }],
  ])("%s by gRPC", async (_, method, expected) => {
    const { code, model } = await imported([
      gateway(HTTPS),
      route([{ matches: [{ method }], backendRefs: BACKEND }], {}, "GRPCRoute"),
    ]);
    expect([code, model.routes[0]?.match]).toEqual([0, expected]);
    expect(model.services["shop-web-80"]).toEqual({ address: "web.shop.svc.cluster.local:80", protocol: "grpc" });
  });

  test("several are a route each", async () => {
    const matches = [{ path: { type: "PathPrefix", value: "/a" } }, { path: { type: "PathPrefix", value: "/b" } }];
    const { model } = await imported([gateway(HTTPS), route([{ name: "both", matches, backendRefs: BACKEND }])]);
    expect(model.routes.map(({ name }) => name)).toEqual(["shop-api-both", "shop-api-both-2"]);
  });
});

describe("filters", () => {
  const replace = (type: string, value: string): object => ({
    type: "URLRewrite",
    urlRewrite: { path: { type, [type === "ReplaceFullPath" ? "replaceFullPath" : "replacePrefixMatch"]: value } },
  });

  test.each<[string, object, object | undefined]>([
    [
      "headers of requests",
      {
        filters: [
          {
            type: "RequestHeaderModifier",
            requestHeaderModifier: { set: [{ name: "X-A", value: "1" }], remove: ["X-B"] },
          },
        ],
      },
      { requestHeaders: { set: { "x-a": "1" }, remove: ["x-b"] } },
    ],
    [
      "headers of answers",
      { filters: [{ type: "ResponseHeaderModifier", responseHeaderModifier: { add: [{ name: "X-A", value: "1" }] } }] },
      { responseHeaders: { set: { "x-a": "1" }, on: "always" } },
    ],
    [
      "a prefix in place of another",
      { matches: [{ path: { type: "PathPrefix", value: "/a" } }], filters: [replace("ReplacePrefixMatch", "/")] },
      { rewrite: { prefix: "/a", replacement: "/" } },
    ],
    [
      "a path in place of another",
      { matches: [{ path: { type: "Exact", value: "/a" } }], filters: [replace("ReplaceFullPath", "/b")] },
      { rewrite: { prefix: "/a", replacement: "/b" } },
    ],
    [
      "another name",
      { filters: [{ type: "URLRewrite", urlRewrite: { hostname: "b.test" } }] },
      { rewrite: { host: "b.test" } },
    ],
    ["a time for all of it", { timeouts: { request: "1m30s" } }, { timeouts: { total: "90s", firstByte: "90s" } }],
    ["no time", { timeouts: { request: "0s" } }, undefined],
    [
      "tries",
      { retry: { codes: [503], attempts: 2 }, timeouts: { backendRequest: "500ms" } },
      { retries: { tries: 3, statuses: ["503"], perTry: "500ms" } },
    ],
  ])("%s", async (_, rule, policies) => {
    expect((await ruled(rule))?.policies).toEqual(policies);
  });

  test("a redirect to somewhere else", async () => {
    const requestRedirect = {
      scheme: "https",
      hostname: "b.test",
      path: { type: "ReplaceFullPath", replaceFullPath: "/c" },
      statusCode: 308,
    };
    expect(await ruled({ backendRefs: [], filters: [{ type: "RequestRedirect", requestRedirect }] })).toMatchObject({
      redirect: { status: 308, scheme: "https", host: "b.test", path: "/c" },
    });
  });

  test("one that nobody knows: its route answers nobody", async () => {
    const rule = { filters: [{ type: "ExtensionRef", extensionRef: { name: "auth" } }] };
    expect(await ruled(rule, "--accept", "ExtensionRef")).toMatchObject({ respond: { status: 503 } });
  });
});

describe("backends", () => {
  test("by their weights, in parts of a hundred", async () => {
    const refs = (...weights: number[]): object => ({
      backendRefs: weights.map((weight, i) => ({ name: `s${String(i)}`, port: 80, weight })),
    });
    expect(await ruled(refs(90, 10))).toMatchObject({ backends: [{ weight: 90 }, { weight: 10 }] });
    expect(await ruled(refs(900, 100))).toMatchObject({ backends: [{ weight: 90 }, { weight: 10 }] });
    expect(await ruled(refs(0))).toMatchObject({ respond: { status: 500 } });
  });

  test("of another namespace are asked where that lets them", async () => {
    const asked = [gateway(HTTPS), route([{ backendRefs: [{ name: "vault", namespace: "vault", port: 80 }] }])];
    const { code, err } = await imported(asked);
    expect([code, err]).toEqual([1, expect.stringContaining("no ReferenceGrant among the files")]);
    const grant = object(
      "ReferenceGrant",
      "routes",
      {
        from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "shop" }],
        to: [{ group: "", kind: "Service" }],
      },
      "vault",
    );
    expect((await imported([...asked, grant])).code).toBe(0);
  });

  test("have a name each, however like they are", async () => {
    const { model } = await imported([
      gateway(HTTPS),
      route(
        [{ matches: [{ path: { value: "/a" } }], backendRefs: [{ name: "web-api", port: 80 }] }],
        {},
        "HTTPRoute",
        "one",
      ),
      route([{ backendRefs: [{ name: "web-api", port: 80 }] }], {}, "GRPCRoute", "two"),
    ]);
    expect(model.services).toEqual({
      "shop-web-api-80": { address: "web-api.shop.svc.cluster.local:80" },
      "shop-web-api-80-2": { address: "web-api.shop.svc.cluster.local:80", protocol: "grpc" },
    });
  });

  test("called by TLS", async () => {
    const validation = { hostname: "web.internal", caCertificateRefs: [{ kind: "ConfigMap", name: "web-ca" }] };
    const { code, model } = await imported([
      gateway(HTTPS),
      route([{ backendRefs: BACKEND }]),
      object("BackendTLSPolicy", "web", { targetRefs: [{ kind: "Service", name: "web" }], validation }),
    ]);
    expect(code).toBe(0);
    expect(model.services).toEqual({
      "shop-web-80": { address: "web.shop.svc.cluster.local:80", tls: { serverName: "web.internal", ca: "web-ca" } },
    });
  });
});

const rule = (more: object): object[] => [
  gateway(HTTPS),
  route([
    { backendRefs: BACKEND, ...more },
    { matches: [{ path: { value: "/rest" } }], backendRefs: BACKEND },
  ]),
];

test.each<[string, object[], string]>([
  [
    "a regular expression of a path",
    rule({ matches: [{ path: { type: "RegularExpression", value: "/a.*" } }] }),
    "matches",
  ],
  [
    "a regular expression of a header",
    rule({ matches: [{ headers: [{ type: "RegularExpression", name: "a", value: "b" }] }] }),
    "matches",
  ],
  [
    "a regular expression of a parameter",
    rule({ matches: [{ queryParams: [{ type: "RegularExpression", name: "a", value: "b" }] }] }),
    "queryParams",
  ],
  ["a parameter that is escaped", rule({ matches: [{ queryParams: [{ name: "a", value: "b c" }] }] }), "queryParams"],
  ["a path that proxies read differently", rule({ matches: [{ path: { value: "/a//b" } }] }), "path"],
  [
    "a prefix to one path",
    rule({
      filters: [{ type: "URLRewrite", urlRewrite: { path: { type: "ReplaceFullPath", replaceFullPath: "/b" } } }],
    }),
    "URLRewrite",
  ],
  [
    "a redirect that keeps the rest",
    rule({
      filters: [
        {
          type: "RequestRedirect",
          requestRedirect: { hostname: "b.test", path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/b" } },
        },
      ],
    }),
    "RequestRedirect",
  ],
  [
    "a redirect to a port",
    rule({
      filters: [{ type: "RequestRedirect", requestRedirect: { scheme: "https", hostname: "b.test", port: 8443 } }],
    }),
    "RequestRedirect",
  ],
  ["a mirror", rule({ filters: [{ type: "RequestMirror", requestMirror: {} }] }), "RequestMirror"],
  ["CORS", rule({ filters: [{ type: "CORS", cors: {} }] }), "CORS"],
  ["a question to somebody", rule({ filters: [{ type: "ExternalAuth" }] }), "ExternalAuth"],
  ["clients that stay at a pod", rule({ sessionPersistence: {} }), "sessionPersistence"],
  ["tries of other statuses", rule({ retry: { codes: [500, 503] } }), "retry"],
  [
    "a backend that is no Service",
    rule({ backendRefs: [{ kind: "ServiceImport", group: "multicluster.x-k8s.io", name: "web", port: 80 }] }),
    "backendRefs",
  ],
  ["filters of one backend", rule({ backendRefs: [{ name: "web", port: 80, filters: [{}] }] }), "backendRefs"],
  ["any name", [gateway(HTTPS), route([{ backendRefs: BACKEND }], { hostnames: [] })], "hostnames"],
  ["a name with a star", [gateway(HTTPS), route([{ backendRefs: BACKEND }], { hostnames: ["*.a.test"] })], "hostnames"],
  [
    "a listener that passes TLS on",
    [
      gateway({ ...HTTPS, tls: { mode: "Passthrough" } }, { ...HTTPS, name: "other" }),
      route([{ backendRefs: BACKEND }]),
    ],
    "listeners",
  ],
  [
    "certificates of clients",
    [gateway({ ...HTTPS, tls: { frontendValidation: {} } }), route([{ backendRefs: BACKEND }])],
    "frontendValidation",
  ],
  [
    "a mesh's route",
    [route([{ backendRefs: BACKEND }], { parentRefs: [{ kind: "Service", name: "web" }] })],
    "parentRefs",
  ],
  ["a route of TCP", [...rule({}), object("TCPRoute", "tcp", {})], "TCPRoute"],
  [
    "another routing object",
    [...rule({}), { ...object("VirtualService", "v", {}), apiVersion: "networking.istio.io/v1" }],
    "VirtualService",
  ],
])("%s: not taken, unless it is accepted by name", async (_, objects, name) => {
  const refused = await imported(objects);
  expect([refused.code, refused.model.routes]).toEqual([1, []]);
  expect(refused.err).toContain(`--accept ${name} leaves it out`);
  const accepted = await imported(
    [
      ...objects,
      route([{ backendRefs: BACKEND }], { hostnames: ["other.test"] }, "HTTPRoute", "other"),
      ...(objects.some((o) => (o as { kind: string }).kind === "Gateway") ? [] : [gateway(HTTPS)]),
    ],
    "--accept",
    name,
  );
  expect([accepted.code, accepted.err.includes(" error ")]).toEqual([0, false]);
});

describe("what says who may, and is not read, closes its routes", () => {
  const guarded = async (objects: readonly object[], accepted: string): Promise<Model["routes"]> => {
    const refused = await imported(objects);
    expect([refused.code, refused.model.routes]).toEqual([1, []]);
    const { code, model } = await imported(objects, "--accept", accepted);
    expect(code).toBe(0);
    return model.routes;
  };
  const CLOSED = { respond: { status: 503 } };
  const REF = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "api" };
  const base = [gateway(HTTPS), route([{ backendRefs: BACKEND }])];

  test.each([
    ["a policy that is attached to the route", { targetRefs: [REF] }, "SecurityPolicy"],
    ["one that is attached to the Gateway", { targetRef: { ...REF, kind: "Gateway", name: "web" } }, "SecurityPolicy"],
    ["Istio's, for all", {}, "AuthorizationPolicy"],
  ])("%s", async (_, spec, kind) => {
    const policy = { ...object(kind, "tokens", spec), apiVersion: "example.io/v1" };
    expect(await guarded([...base, policy], kind)).toMatchObject([CLOSED]);
  });

  test("an annotation of an implementation", async () => {
    const [web, api] = base as [object, { metadata: object }];
    const annotated = {
      ...api,
      metadata: {
        ...api.metadata,
        annotations: { "konghq.com/plugins": "key-auth", "argocd.argoproj.io/sync-wave": "1" },
      },
    };
    expect(await guarded([web, annotated], "konghq.com/plugins")).toMatchObject([CLOSED]);
  });

  test("certificates of clients, of a listener and of the whole Gateway", async () => {
    const validation = { caCertificateRefs: [{ name: "ca" }] };
    const listeners = [HTTPS];
    for (const web of [
      gateway({ ...HTTPS, tls: { frontendValidation: {} } }),
      object("Gateway", "web", { listeners, tls: { frontend: { default: { validation } } } }),
    ])
      expect(await guarded([web, route([{ backendRefs: BACKEND }])], "frontendValidation")).toMatchObject([CLOSED]);
  });

  test("a match that cannot be said, before others that are open", async () => {
    const rules = [
      {
        matches: [{ path: { type: "RegularExpression", value: "/admin/.*" } }],
        filters: [{ type: "ExternalAuth" }],
        backendRefs: BACKEND,
      },
      { matches: [{ path: { type: "RegularExpression", value: "/internal/.*" } }] },
      { backendRefs: BACKEND },
    ];
    const routes = await guarded([gateway(HTTPS), route(rules)], "ExternalAuth,matches");
    expect(routes).toMatchObject([
      { match: { prefix: ["/admin"] }, ...CLOSED },
      { match: { prefix: ["/internal"] }, respond: { status: 500 } },
      { match: { prefix: ["/"] }, service: "shop-web-80" },
    ]);
  });
});

test("what is nothing, or of no form, is no fault of ours", async () => {
  const odd = [
    { ...object("HTTPRoute", "none", {}), spec: null },
    { apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", metadata: { name: "bare", namespace: "shop" } },
    route([{ matches: null, backendRefs: BACKEND }], { hostnames: null }),
    gateway({ ...HTTPS, hostname: "a.test" }),
  ] as object[];
  const { code, model } = await imported(odd);
  expect([code, model.routes.length]).toEqual([0, 1]);
});

test("Ingresses and routes are read apart", async () => {
  const ingress = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", metadata: { name: "a" }, spec: {} };
  const { code, err } = await imported([ingress, route([])]);
  expect([code, err]).toEqual([2, expect.stringContaining("are read apart")]);
});
