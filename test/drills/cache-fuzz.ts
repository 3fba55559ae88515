import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import http, { type Server } from "node:http";
import type { AddressInfo } from "node:net";
import pino from "pino";
import { startFilter } from "../../lib/filter/server";
import type { FilterPlan } from "../../lib/decision/filter-plan";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { until } from "../../lib/conformance/parts/process";
import { Valkey } from "../../lib/conformance/parts/valkey";
import { wheels } from "../../lib/conformance/parts/wheels";
import { Skip, type Drill, type Run } from "./drill";

/** The response cache under mixed tenants: whose body is it, and how often was the service spared. */

const REQUESTS = 100_000;
const AT_ONCE = 64;
const TENANTS = 50;
const URLS = 10_000;
const WRITES = 0.05;
/** Where a portal writes: two of these are cached, and a write drops all that its tenant has below one of them. */
const FAMILIES = ["users", "roles", "customs", "mawbs", "hawbs"] as const;
const CACHED: readonly string[] = ["users", "roles"];

/** Ranks by Zipf's law with exponent 1, from a seed, so that a failure can be seen again. */
function zipf(count: number, seed: number): () => number {
  const sums: number[] = [];
  for (let rank = 1; rank <= count; rank++) sums.push((sums.at(-1) ?? 0) + 1 / rank);
  const random = mulberry(seed);
  const total = sums.at(-1) ?? 1;
  return () => {
    const at = random() * total;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const claim = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function planOf(service: number, keys: number): FilterPlan {
  const jwt = {
    mode: "required",
    issuers: ["main"],
    claimHeaders: {},
    webSocketProtocol: false,
    rules: [
      {
        name: "main",
        issuer: "https://issuer.test",
        audiences: [],
        algorithms: ["RS256"],
        user: "sub",
        numericUser: false,
        clockSkewMs: 30_000,
      },
    ],
  };
  const tenant = { headers: { "x-tenant": "tenant" }, required: true };
  const routes = FAMILIES.map((family) => ({
    name: family,
    match: { paths: [{ type: "PathPrefix" as const, value: `/${family}` }] },
    backends: [{ service: "one", weight: 100 }],
    through: true,
    policies: [
      { kind: "jwt" as const, config: jwt },
      { kind: "tenant" as const, config: tenant },
      { kind: "timeouts" as const, config: { firstByte: 10_000 } },
      ...(CACHED.includes(family)
        ? [{ kind: "cache" as const, config: { ttl: 300_000, by: "tenant", group: family, maxBody: 1_048_576 } }]
        : []),
    ],
  }));
  return {
    formatVersion: 7,
    system: "fuzz",
    environment: "test",
    proxy: "nginx",
    issuers: { main: { jwksUrl: `http://127.0.0.1:${String(keys)}/`, algorithms: ["RS256"] } },
    secrets: {},
    redis: "",
    front: { kind: "none", hops: 0, networks: [], healthPath: "/healthz", tls: "gateway", idleMs: 75_000 },
    services: { one: `127.0.0.1:${String(service)}` },
    hosts: [{ name: "fuzz.test", identityHeaders: ["x-tenant"], passedHeaders: [], policies: [], routes }],
  };
}

/** Tells each tenant its own, and how often it was written. */
function startService(hits: { reads: number; writes: Map<string, number>; written: Map<string, number> }): Server {
  return http.createServer((message, response) => {
    const tenant = String(message.headers["x-tenant"]);
    const target = message.url ?? "";
    message.resume();
    if (message.method === "POST") {
      const id = String(message.headers["x-write"]);
      hits.writes.set(id, (hits.writes.get(id) ?? 0) + 1);
      hits.written.set(
        `${tenant} ${target.split("/")[1] ?? ""}`,
        (hits.written.get(`${tenant} ${target.split("/")[1] ?? ""}`) ?? 0) + 1,
      );
      response.end("{}");
      return;
    }
    hits.reads += 1;
    const version = hits.written.get(`${tenant} ${target.split("/")[1] ?? ""}`) ?? 0;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ tenant, target, version }));
  });
}

interface Asked {
  status: number;
  body: string;
  id: string;
}

function ask(
  port: number,
  agent: http.Agent,
  own: { method: string; path: string; token: string; id: string },
): Promise<Asked> {
  const headers = {
    host: "fuzz.test",
    authorization: `Bearer ${own.token}`,
    "x-request-id": own.id,
    "x-write": own.id,
    "x-gateway-client": "198.51.100.7",
    "x-gateway-route": own.path.split("/")[1] ?? "",
  };
  return new Promise((resolve, reject) => {
    const request = http.request(
      { port, host: "127.0.0.1", path: own.path, method: own.method, headers, agent },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const id = String(response.headers["x-request-id"] ?? "");
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), id });
        });
      },
    );
    request.once("error", reject);
    request.end();
  });
}

async function fuzz(run: Run): Promise<void> {
  const programs = await wheels();
  if (!programs) throw new Skip("Valkey cannot be installed");
  const valkey = await Valkey.start(programs.valkey, run.directory);
  run.after(() => valkey.stop());
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const keys = await startKeyServer(() =>
    JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "RS256", use: "sig" }] }),
  );
  run.after(() => keys.stop());
  const hits = { reads: 0, writes: new Map<string, number>(), written: new Map<string, number>() };
  const service = startService(hits);
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  run.after(() => new Promise((resolve) => service.close(resolve)));
  const plan = planOf((service.address() as AddressInfo).port, keys.port);
  const filter = await startFilter({
    plan,
    host: "127.0.0.1",
    port: 0,
    throughPort: 0,
    redis: valkey.url,
    log: pino({ level: "silent" }),
  });
  run.after(() => filter.stop());
  await until("the filter's keys", () => filter.ready());
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  run.after(() => {
    agent.destroy();
    return Promise.resolve();
  });

  const exp = Math.floor(Date.now() / 1000) + 3600;
  const tokens = Array.from({ length: TENANTS }, (_, i) => {
    const input = `${claim({ alg: "RS256", kid: "one" })}.${claim({ iss: "https://issuer.test", sub: `user-${String(i)}`, tenant: `tenant-${String(i)}`, exp })}`;
    return `${input}.${sign("sha256", Buffer.from(input), privateKey).toString("base64url")}`;
  });
  const seed = Number(process.env["FC_SEED"] ?? randomBytes(4).readUInt32BE());
  run.note(`seed ${String(seed)} (FC_SEED)`);
  const rank = zipf(URLS, seed);
  const random = mulberry(seed + 1);
  const wrong = { tenant: 0, target: 0, id: 0, stale: 0, statuses: new Set<number>() };
  const seen = new Map<string, number>();
  let cacheable = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < REQUESTS) {
      next += 1;
      const url = rank();
      const tenant = url % TENANTS;
      const writes = random() < WRITES;
      const family = writes
        ? (FAMILIES[Math.floor(random() * FAMILIES.length)] ?? "users")
        : (CACHED[Math.floor(url / TENANTS) % 2] ?? "users");
      const path = `/${family}/${String(url)}`;
      const id = `r${String(next)}`;
      const group = `tenant-${String(tenant)} ${family}`;
      // What this client has been told of must not be taken back.
      const known = seen.get(group) ?? 0;
      const answer = await ask(filter.throughPort ?? 0, agent, {
        method: writes ? "POST" : "GET",
        path,
        token: tokens[tenant] ?? "",
        id,
      });
      if (answer.status !== 200) {
        wrong.statuses.add(answer.status);
        continue;
      }
      if (writes) {
        if (CACHED.includes(family)) seen.set(group, Math.max(seen.get(group) ?? 0, known + 1));
        continue;
      }
      cacheable += 1;
      const body = JSON.parse(answer.body) as { tenant: string; target: string; version: number };
      if (body.tenant !== `tenant-${String(tenant)}`) wrong.tenant += 1;
      if (body.target !== path) wrong.target += 1;
      if (answer.id !== "" && answer.id !== id) wrong.id += 1;
      if (body.version < known) wrong.stale += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const rate = ((cacheable - hits.reads) / cacheable) * 100;
  run.equal("answers of another tenant", wrong.tenant, 0);
  run.equal("answers to another target", wrong.target, 0);
  run.equal("answers with another's request id", wrong.id, 0);
  run.equal("answers older than a write that was answered", wrong.stale, 0);
  run.equal("statuses beside 200", [...wrong.statuses], []);
  run.equal("writes sent twice", [...hits.writes.values()].filter((n) => n !== 1).length, 0);
  run.atLeast("hit rate in percent", rate, 60);
  run.note(`${String(REQUESTS)} requests, ${rate.toFixed(1)} % of the reads from the cache`);
}

export const cacheDrills: readonly Drill[] = [{ name: "cache: 100,000 requests of 50 tenants", run: fuzz }];
