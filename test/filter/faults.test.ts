import http, { type Server } from "node:http";
import type { AddressInfo } from "node:net";
import pino from "pino";
import { startFilter, type RunningFilter } from "../../lib/filter/server";
import { kindNamed, type KindName } from "../../lib/policy";
import type { FilterPlan } from "../../lib/decision/filter-plan";

/** Whatever goes wrong at any stage of a decision, in whatever way: the request does not get through. */

const SETTINGS: Readonly<Partial<Record<KindName, unknown>>> = {
  requestLine: { methods: ["POST"], maxUri: 8192, maxHead: 16384 },
  addresses: { allow: [], deny: [] },
  jwt: { mode: "open", issuers: [], claimHeaders: {}, rules: [], webSocketProtocol: false },
  tenant: { headers: { "x-tenant": "tenant" }, required: true },
  authorization: { anyOf: [{ roles: [], scopes: [] }] },
  csrf: { cookie: "csrf-token", header: "x-csrf-token" },
  rateLimit: {
    limits: [{ name: "all", requests: 1000, per: 1000, key: ["clientAddress"], scope: "cluster" }],
    onFailure: "local",
  },
  connections: { max: 5, key: ["clientAddress"] },
  lockout: { field: "email", attempts: 5, per: 1000, blockFor: 1000, status: 401, by: "field", onFailure: "local" },
  bodyCount: { max: 1000 },
  bodySchema: { schema: { type: "object" } },
  rewrite: { prefix: "/x", replacement: "/" },
  requestHeaders: { set: {}, remove: [] },
  timeouts: { firstByte: 1000 },
  retries: { tries: 1, perTry: 1000, statuses: [] },
  fallback: { on: ["timeout"], status: 503, contentType: "text/plain", body: "x" },
  cache: { ttl: 1000, by: "everyone", group: "all", maxBody: 1000 },
  circuitBreaker: { errorPercent: 50, minimumCalls: 20, window: 1000, openFor: 1000 },
  compression: { encodings: ["gzip"], above: 10, types: ["text/*"] },
};

const LATE_MS = 400;
const PATIENCE_MS = 150;
const BODY = '{"email":"a@b.example"}';

const FAULTS: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error("injected");
  },
  rejects: () => Promise.reject(new Error("injected")),
  "never answers": () => new Promise(() => undefined),
  "answers late": () => new Promise((resolve) => setTimeout(resolve, LATE_MS)),
};

let hits = 0;
let service: Server;
let filter: RunningFilter;

function planOf(kinds: readonly KindName[]): FilterPlan {
  const policies = kinds.map((kind) => ({ kind, config: SETTINGS[kind] }));
  const route = {
    match: { paths: [{ type: "PathPrefix" as const, value: "/" }] },
    backends: [{ service: "one", weight: 100 }],
  };
  const host = { identityHeaders: [], passedHeaders: [], policies: [] };
  const { port } = service.address() as AddressInfo;
  return {
    formatVersion: 7,
    system: "faults",
    environment: "test",
    proxy: "nginx",
    issuers: {},
    secrets: {},
    redis: "",
    front: { kind: "none", hops: 0, networks: [], healthPath: "/healthz", tls: "gateway", idleMs: 75_000 },
    services: { one: `127.0.0.1:${String(port)}` },
    hosts: [{ ...host, name: "faults.test", routes: [{ ...route, name: "all", policies, through: true }] }],
  };
}

beforeAll(async () => {
  service = http.createServer((message, response) => {
    hits += 1;
    message.resume();
    response.end("{}");
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  filter = await startFilter({
    plan: planOf([]),
    host: "127.0.0.1",
    port: 0,
    throughPort: 0,
    log: pino({ level: "silent" }),
    patience: { doorMs: PATIENCE_MS, throughMs: PATIENCE_MS },
  });
});

afterAll(async () => {
  await filter.stop();
  await new Promise((resolve) => service.close(resolve));
});

function ask(port: number, path: string, method: string): Promise<number> {
  const headers = {
    host: "faults.test",
    "content-type": "application/json",
    "x-gateway-method": "POST",
    "x-gateway-target": "/x",
    "x-gateway-client": "198.51.100.7",
    "x-gateway-route": "all",
  };
  return new Promise((resolve, reject) => {
    const request = http.request({ port, host: "127.0.0.1", path, method, headers, agent: false }, (response) => {
      response.resume();
      response.once("end", () => {
        resolve(response.statusCode ?? 0);
      });
    });
    request.once("error", reject);
    request.end(method === "POST" ? BODY : undefined);
  });
}

const atDoor = (): Promise<number> => ask(filter.port, "/door/nginx", "GET");
const through = (): Promise<number> => ask(filter.throughPort ?? 0, "/x", "POST");

/** Puts a fault in the place of one word of a kind, while something is asked. */
async function broken<T>(
  kind: KindName,
  word: "decide" | "around",
  fault: () => unknown,
  asked: () => Promise<T>,
): Promise<T> {
  const real = kindNamed(kind) as unknown as Record<string, unknown>;
  const own = real[word];
  real[word] = fault;
  try {
    // Another plan, so that nothing is remembered of the words before.
    expect(await filter.reload(() => planOf([kind]))).toBe(true);
    return await asked();
  } finally {
    real[word] = own;
  }
}

const words = (Object.keys(SETTINGS) as KindName[]).flatMap((kind) =>
  (["decide", "around"] as const).filter((word) => word in kindNamed(kind)).map((word) => [kind, word] as const),
);

const cases = words.flatMap(([kind, word]) => Object.keys(FAULTS).map((fault) => [kind, word, fault] as const));

test.each(cases)("%s: %s %s", async (kind, word, fault) => {
  const before = hits;
  const inject = FAULTS[fault] as () => unknown;
  expect(await broken(kind, word, inject, through)).toBeGreaterThanOrEqual(400);
  if (word === "decide") expect(await broken(kind, word, inject, atDoor)).toBe(403);
  await new Promise((resolve) => setTimeout(resolve, fault === "answers late" ? LATE_MS : 0));
  expect(hits - before).toBe(0);
});

test("without a fault the same requests pass", async () => {
  expect(await filter.reload(() => planOf([]))).toBe(true);
  const before = hits;
  expect([await atDoor(), await through(), hits - before]).toEqual([200, 200, 1]);
});
