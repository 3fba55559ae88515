import path from "node:path";
import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { removeTemporaryDirectories, temporaryDirectory, writeIn } from "../support";
import { run } from "../commands/run";

afterAll(removeTemporaryDirectories);

interface Path {
  path?: string;
  pathType?: string;
  service?: string;
  port?: number | string;
}

interface Given {
  name?: string;
  annotations?: Record<string, string>;
  host?: string | null;
  tls?: string;
  paths?: Path[];
  spec?: object;
}

/** An Ingress of ingress-nginx, written short. */
function ingress({ name = "api", annotations = {}, host = "api.example.com", tls, paths = [{}], spec }: Given): string {
  const object = {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: {
      ...{ name, namespace: "shop" },
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value]),
      ),
    },
    spec: {
      ingressClassName: "nginx",
      ...(tls !== undefined && { tls: [{ hosts: [host], secretName: tls }] }),
      rules: [
        {
          ...(host !== null && { host }),
          http: {
            paths: paths.map(({ path: at = "/", pathType = "Prefix", service = "web", port = 80 }) => ({
              ...{ path: at, pathType },
              backend: {
                service: { name: service, port: typeof port === "number" ? { number: port } : { name: port } },
              },
            })),
          },
        },
      ],
      ...spec,
    },
  };
  return JSON.stringify(object);
}

interface Model {
  hosts: Record<string, { certificate?: object; policies?: Record<string, unknown> }>;
  services: Record<string, Record<string, unknown>>;
  routes: { name: string; match: object; service?: string; policies?: Record<string, unknown> }[];
}

/** What the command says of some objects, and the model that it writes. */
async function imported(
  objects: readonly string[],
  ...options: string[]
): Promise<{ code: number; err: string; model: Model | undefined }> {
  const folder = temporaryDirectory();
  const file = writeIn(folder, "ingress.yaml", objects.join("\n---\n"));
  const out = path.join(folder, "model.yaml");
  const { code, err } = await run("import", file, "--name", "own", "--out", out, ...options);
  return { code, err, model: existsSync(out) ? (parse(readFileSync(out, "utf8")) as Model) : undefined };
}

/** The policies of the one route, beside what stands at the top. */
const policiesOf = async (annotations: Record<string, string>): Promise<unknown> =>
  (await imported([ingress({ annotations })])).model?.routes[0]?.policies;

describe("what is taken", () => {
  const lists = { "whitelist-source-range": "10.1.2.3/8, 192.0.2.7", "denylist-source-range": "10.9.0.0/16" };
  test.each<[string, Record<string, string>, unknown]>([
    ["nothing", {}, undefined],
    ["a size", { "proxy-body-size": "8m" }, { bodySize: { max: "8MiB" } }],
    ["a size without a unit", { "proxy-body-size": "1000" }, { bodySize: { max: "1000B" } }],
    ["no bound of sizes", { "proxy-body-size": "0" }, { bodySize: null }],
    ["lists of addresses, masked", lists, { addresses: { allow: ["10.0.0.0/8", "192.0.2.7"], deny: ["10.9.0.0/16"] } }],
    ["a shorter time", { "proxy-read-timeout": "30" }, { timeouts: { firstByte: "30s" } }],
    [
      "a long time, which is for WebSockets",
      { "proxy-read-timeout": "3600" },
      {
        timeouts: { firstByte: "3600s" },
        webSocket: { allowed: true, idle: "3600s", closeAtExpiry: false },
      },
    ],
    [
      "tries",
      { "proxy-next-upstream": "error timeout http_502", "proxy-next-upstream-tries": "2" },
      { retries: { tries: 2, perTry: "60s", statuses: ["502"] } },
    ],
    ["no tries", { "proxy-next-upstream": "off" }, { retries: { tries: 1 } }],
    ["answers that are gathered", { "proxy-buffering": "on" }, { streaming: false }],
    [
      "another host for the service",
      { "upstream-vhost": "inner.example.com" },
      { rewrite: { host: "inner.example.com" } },
    ],
  ])("%s", async (_, annotations, policies) => {
    expect(await policiesOf(annotations)).toEqual(policies);
  });

  test("a limit of the only Ingress of a host is its flood guard, with five times the rate at once", async () => {
    const { model } = await imported([ingress({ annotations: { "limit-rps": "10" } })]);
    expect(model?.hosts["api.example.com"]?.policies?.["floodGuard"]).toEqual({ requests: 10, per: "1s", burst: 50 });
  });

  test("of one among several it is counted by its routes", async () => {
    const other = ingress({ name: "upload", paths: [{ path: "/files" }] });
    const { model } = await imported([
      ingress({ annotations: { "limit-rpm": "300", "limit-burst-multiplier": "2" } }),
      other,
    ]);
    expect(model?.hosts["api.example.com"]?.policies).not.toHaveProperty("floodGuard");
    expect(model?.routes.map(({ policies }) => policies)).toEqual([
      {
        rateLimit: {
          limits: [
            {
              ...{ name: "shop-api-minute", requests: 300, per: "1m", burst: 600 },
              ...{ key: [{ clientAddress: { ipv6Prefix: 128 } }], scope: "replica" },
            },
          ],
        },
      },
      undefined,
    ]);
  });

  test("without a certificate nobody is redirected to https, with one everybody", async () => {
    const plain = await imported([ingress({})]);
    expect(plain.model?.hosts["api.example.com"]?.policies).toMatchObject({ httpsRedirect: null });
    const secure = await imported([ingress({ tls: "api-tls" })]);
    expect(secure.model?.hosts["api.example.com"]).toEqual({
      certificate: { secret: "api-tls" },
      policies: { httpsRedirect: { status: 308 } },
    });
  });

  test.each<[string, string, string | undefined, object, object | undefined]>([
    [
      "a prefix that is cut off",
      "/orders(/|$)(.*)",
      "/$2",
      { prefix: ["/orders"] },
      { prefix: "/orders", replacement: "/" },
    ],
    [
      "another in its place",
      "/orders(/|$)(.*)",
      "/v2/$2",
      { prefix: ["/orders"] },
      { prefix: "/orders", replacement: "/v2" },
    ],
    ["the same in its place", "/orders/(.*)", "/orders/$1", { prefix: ["/orders"] }, undefined],
    ["everything", "/(.*)", "/$1", { prefix: ["/"] }, undefined],
    ["a star", "/static/.*", undefined, { prefix: ["/static"] }, undefined],
  ])("%s: %s to %s", async (_, at, target, match, rewrite) => {
    const annotations = { "use-regex": "true", ...(target !== undefined && { "rewrite-target": target }) };
    const { model } = await imported([
      ingress({ annotations, paths: [{ path: at, pathType: "ImplementationSpecific" }] }),
    ]);
    expect(model?.routes.map((r) => r.match)).toEqual([match]);
    expect(model?.routes[0]?.policies?.["rewrite"]).toEqual(rewrite);
  });

  test("either of two words is two routes", async () => {
    const annotations = { "use-regex": "true", "rewrite-target": "/$3" };
    const { model } = await imported([ingress({ annotations, paths: [{ path: "/(a|b)(/|$)(.*)" }] })]);
    expect(model?.routes.map((r) => [r.match, r.policies?.["rewrite"]])).toEqual([
      [{ prefix: ["/a"] }, { prefix: "/a", replacement: "/" }],
      [{ prefix: ["/b"] }, { prefix: "/b", replacement: "/" }],
    ]);
  });

  test("CORS, with the controller's own defaults", async () => {
    const annotations = { "enable-cors": "true", "cors-allow-origin": "https://www.example.com" };
    const { model } = await imported([ingress({ annotations })]);
    expect(model?.hosts["api.example.com"]?.policies?.["cors"]).toMatchObject({
      ...{ origins: ["https://www.example.com"], credentials: true, maxAge: "1728000s", exposeHeaders: [] },
      methods: ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"],
    });
  });

  const canary = { canary: "true", "canary-weight": "10" };
  const notesOf = async (...objects: string[]): Promise<number> =>
    (await imported(objects)).err.split("\n").filter((line) => line.includes("controller gives it requests")).length;

  test("a canary takes from whoever leads to the same port, which is told", async () => {
    const main = ingress({ paths: [{ path: "/a" }] });
    const next = ingress({ name: "next", annotations: canary, paths: [{ path: "/a", service: "next" }] });
    expect(await notesOf(main, next)).toBe(0);
    expect(await notesOf(main, next, ingress({ name: "other", host: "other.example.com" }))).toBe(1);
    // Of the same Ingress, another path.
    expect(await notesOf(ingress({ paths: [{ path: "/a" }, { path: "/b" }] }), next)).toBe(1);
    expect(await notesOf(main, next, ingress({ name: "other", paths: [{ path: "/b", service: "else" }] }))).toBe(0);
  });

  test("a canary of a regular expression hangs on its main Ingress", async () => {
    const annotations = { "use-regex": "true", "rewrite-target": "/$2" };
    const paths = [{ path: "/api(/|$)(.*)", pathType: "ImplementationSpecific" }];
    const next = ingress({ name: "next", annotations: canary, paths: [{ ...paths[0], service: "next" }] });
    const { code, model } = await imported([ingress({ annotations, paths }), next]);
    expect([code, model?.routes[0]]).toMatchObject([
      0,
      { backends: [{ service: "shop-web-80" }, { service: "shop-next-80" }] },
    ]);
  });

  test("a canary, by header and by weight", async () => {
    const annotations = { canary: "true", "canary-by-header": "X-Canary", "canary-weight": "10" };
    const { model } = await imported([
      ingress({}),
      ingress({ name: "next", annotations, paths: [{ service: "next" }] }),
    ]);
    expect(model?.routes).toMatchObject([
      {
        backends: [
          { service: "shop-web-80", weight: 90 },
          { service: "shop-next-80", weight: 10 },
        ],
      },
      { match: { headers: { "x-canary": "always" } }, service: "shop-next-80" },
      { match: { headers: { "x-canary": "never" } }, service: "shop-web-80" },
    ]);
  });

  test("a port's name, by its Service", async () => {
    const service = JSON.stringify({
      ...{ apiVersion: "v1", kind: "Service", metadata: { name: "hub", namespace: "shop" } },
      spec: { ports: [{ name: "ws", port: 8080 }] },
    });
    const { model } = await imported([ingress({ paths: [{ service: "hub", port: "ws" }] }), service]);
    expect(model?.services).toEqual({ "shop-hub-8080": { address: "hub.shop.svc.cluster.local:8080" } });
  });

  test("TLS and gRPC to services", async () => {
    const annotations = {
      "backend-protocol": "GRPCS",
      "proxy-ssl-secret": "shop/ca",
      "proxy-ssl-verify": "on",
      "proxy-ssl-name": "inner.example.com",
    };
    const { model } = await imported([ingress({ annotations })]);
    expect(Object.values(model?.services ?? {})).toEqual([
      {
        ...{ address: "web.shop.svc.cluster.local:80", protocol: "grpc" },
        tls: { serverName: "inner.example.com", ca: "ca", clientCertificate: "ca" },
      },
    ]);
  });

  test("a redirect, a start page, and the other name of a host", async () => {
    const old = ingress({
      name: "old",
      host: "old.example.com",
      annotations: { "permanent-redirect": "https://example.com/archive" },
    });
    const site = ingress({
      name: "site",
      host: "example.com",
      annotations: { "app-root": "/home", "from-to-www-redirect": "true" },
    });
    const { model } = await imported([old, site]);
    expect(model?.routes.map(({ policies: _, name: __, ...rest }) => rest)).toEqual([
      {
        hosts: ["old.example.com"],
        match: { prefix: ["/"] },
        redirect: { status: 301, scheme: "https", host: "example.com", path: "/archive" },
      },
      { hosts: ["example.com"], match: { exact: ["/"] }, redirect: { status: 302, scheme: "http", path: "/home" } },
      {
        hosts: ["www.example.com"],
        match: { prefix: ["/"] },
        redirect: { status: 308, scheme: "http", host: "example.com" },
      },
      { hosts: ["example.com"], match: { prefix: ["/"] }, service: "shop-web-80" },
    ]);
  });
});

describe("what is not taken ends with 1 and writes nothing", () => {
  test.each<[string, Given]>([
    ["auth-url", { annotations: { "auth-url": "https://auth.example.com" } }],
    ["configuration-snippet", { annotations: { "configuration-snippet": "deny all;" } }],
    ["cors-allow-origin", { annotations: { "enable-cors": "true" } }],
    ["affinity", { annotations: { affinity: "cookie" } }],
    ["rewrite-target", { annotations: { "rewrite-target": "/" }, paths: [{ path: "/foo" }] }],
    ["use-regex", { annotations: { "use-regex": "true" }, paths: [{ path: "/v[0-9]+/x" }] }],
    ["host", { host: null }],
    ["host", { host: "*.example.com" }],
    ["port", { paths: [{ port: "http" }] }],
    ["whitelist-source-range", { annotations: { "whitelist-source-range": "office" } }],
    ["limit-connections", { annotations: { "limit-connections": "5" } }],
  ])("%s", async (name, given) => {
    const { code, err, model } = await imported([ingress(given)]);
    expect([code, model]).toEqual([1, undefined]);
    expect(err).toContain("error import/not-taken");
    expect(err).toMatch(new RegExp(`^ {2}at {4}shop/api/${name}$`, "m"));
  });

  test.each([
    ["whitelist-source-range", "office"],
    ["denylist-source-range", "0.0.0.0/0"],
  ])("nobody gets past a list of addresses that is left out: %s %s", async (name, value) => {
    const { code, model } = await imported([ingress({ annotations: { [name]: value } })], "--accept", name);
    expect([code, model?.routes]).toMatchObject([0, [{ respond: { status: 503 } }]]);
    expect(model?.services).toEqual({});
  });

  test("who might get in does not, where it is left out: the route answers 503", async () => {
    const { code, err, model } = await imported(
      [ingress({ annotations: { "auth-url": "https://a" } })],
      "--accept",
      "auth-url",
    );
    expect([code, model?.routes]).toMatchObject([0, [{ respond: { status: 503 } }]]);
    expect(err).toContain("warning import/left-out");
  });
});

test("what never did anything is told, with what was meant", async () => {
  const { code, err } = await imported([ingress({ annotations: { "limit-rsp": "1", "proxy-read-timeout": "60s" } })]);
  expect(code).toBe(0);
  expect(err).toContain("it knows limit-rps");
  expect(err).toContain('"60s" is no whole number');
});

test("another controller's class is left out, a template is refused, and a model is not written over", async () => {
  const other = await imported([ingress({ spec: { ingressClassName: "traefik" } }), ingress({ name: "own" })]);
  expect(other.model?.routes.map((r) => r.name)).toEqual(["shop-own"]);
  expect((await imported(["metadata: { name: {{ .Release.Name }} }"])).err).toContain("helm template");
  const file = writeIn(temporaryDirectory(), "ingress.yaml", ingress({}));
  expect(await run("import", file, "--out", file)).toMatchObject({ code: 2 });
});
