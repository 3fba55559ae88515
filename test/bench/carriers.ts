import path from "node:path";
import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { defineGateway, checkModel } from "../../lib/model";
import { NOBODY } from "../../lib/conformance/identity-file";
import { temporaryFolder } from "../../lib/conformance/parts/process";
import { RealStand } from "../../lib/conformance/stands/real-stand";
import { isApart, networkToBeHad, runApart, writeResults } from "../conformance/apart";
import { STANDS } from "../conformance/stands";
import { APART } from "../conformance/stands/cluster";
import { ISSUERS } from "./model";
import { goProgram } from "./parts/go-build";
import { load } from "./parts/load";
import { median } from "./parts/measure";
import { gatewayRequest, writeRequests } from "./parts/requests";
import { print, progress, table } from "./parts/table";
import { programsOf } from "./parts/usage";

/**
 * What each gateway takes for the same call with the same promises (a token, a role, a breaker): CPU of the proxy and of the
 * filter, all of them running, rounds side by side. In a network of its own, where the carriers' pods have addresses.
 * `bench:carriers [--quick]`.
 */
const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const ROUNDS = values.quick ? 2 : 7;
const TIMES = values.quick ? 1 : 2;

const COLUMNS = [
  "nginx",
  "istio",
  "node-gateway",
  "ingress-nginx",
  "gateway-api-traefik",
  "gateway-api-envoy-gateway",
  "gateway-api-istio",
];

const model = defineGateway({
  name: "bench",
  environments: ["production"],
  targets: ["nginx", "istio", "node-gateway", "ingress-nginx", "gateway-api"],
  hosts: { "api.bench.test": {} },
  issuers: ISSUERS,
  services: { orders: { address: "orders.bench.svc.cluster.local:8080" } },
  policies: {
    // The guard would be the first thing that a load test meets.
    floodGuard: null,
    httpsRedirect: null,
    securityHeaders: { hsts: null },
    jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
    authorization: { anyOf: [{ roles: ["clerk"] }] },
    circuitBreaker: {},
  },
  routes: [{ name: "plain", match: { prefix: ["/plain"] }, service: "orders" }],
});

const IDENTITIES = {
  ...NOBODY,
  issuer: { ...NOBODY.issuer, iss: ISSUERS.main.issuer, aud: "bench-api", lives: 3600 },
  identities: { clerk: { claims: { sub: "u-1", typ: "Bearer", realm_access: { roles: ["clerk"] } } } },
};

const PROXIES = new Set(["nginx", "envoy", "traefik"]);

/** Processes that this one has started itself. */
const children = (): number[] =>
  readdirSync(`/proc/${String(process.pid)}/task`).flatMap((task) =>
    readFileSync(`/proc/${String(process.pid)}/task/${task}/children`, "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );

interface Running {
  column: string;
  stand: RealStand;
  /** What was started for it alone. */
  parts: readonly number[];
}

/** CPU seconds of the proxy and of the filter. */
function spent({ parts }: Running): { proxy: number; filter: number } {
  const sum = { proxy: 0, filter: 0 };
  for (const part of parts)
    for (const [name, { cpu }] of programsOf(part, true)) {
      if (PROXIES.has(name)) sum.proxy += cpu;
      if (name === "node" || name === "MainThread") sum.filter += cpu;
    }
  return sum;
}

async function start(column: string): Promise<Running | undefined> {
  const { value } = checkModel({ file: "bench", value: model, locate: () => ({ file: "bench" }) });
  if (!value) throw new Error("The benchmark's model is not right.");
  const before = new Set(children());
  const system = { name: "bench", model: value, identities: IDENTITIES, trust: { serverNames: [], strangers: [] } };
  const stand = await STANDS[column]?.({ system, environment: "production", replicas: 1 });
  if (!(stand instanceof RealStand)) {
    progress(`${column}: ${stand && "unavailable" in stand ? stand.unavailable : "no stand"}`);
    return undefined;
  }
  return { column, stand, parts: children().filter((pid) => !before.has(pid)) };
}

interface Round {
  column: string;
  proxy: number;
  filter: number;
  answered: number;
  wrong: number;
}

async function measure(running: Running, directory: string): Promise<Round> {
  const { column, stand } = running;
  const file = path.join(directory, `${column}.requests`);
  const requests = writeRequests(file, [gatewayRequest("plain", stand.identities.token("clerk"))]);
  const options = { port: stand.instances[0]?.http ?? 0, requests, expect: 200, contains: '"service":"orders"' };
  await load({ ...options, seconds: 0.3 });
  const before = spent(running);
  const report = await load({ ...options, seconds: TIMES });
  const after = spent(running);
  stand.services.begin({});
  const of = (name: "proxy" | "filter"): number => (1e6 * (after[name] - before[name])) / report.answered;
  const wrong = report.unexpected + report.errors + report.unsent;
  return { column, proxy: of("proxy"), filter: of("filter"), answered: report.answered, wrong };
}

async function runAll(): Promise<Round[]> {
  const directory = temporaryFolder("gatewright-carriers-");
  const running: Running[] = [];
  try {
    for (const column of COLUMNS) {
      progress(`starting ${column}`);
      const one = await start(column);
      if (one) running.push(one);
    }
    const rounds: Round[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`round ${String(round)} of ${String(ROUNDS)}`);
      // Another one begins each time.
      const from = round % running.length;
      for (const one of [...running.slice(from), ...running.slice(0, from)]) rounds.push(await measure(one, directory));
    }
    return rounds;
  } finally {
    for (const { stand } of running) await stand.stop();
  }
}

async function main(): Promise<void> {
  if (isApart()) {
    writeResults(await runAll());
    process.exit(0);
  }
  if (!(await networkToBeHad())) throw new Error("no network of its own is to be had here");
  await goProgram("load");
  for (const column of COLUMNS) await APART.get(column)?.();
  const rounds = await runApart<Round>(process.argv.slice(2));
  const of = (column: string): Round[] => rounds.filter((r) => r.column === column);
  const cpu = ({ proxy, filter }: Round): number => proxy + filter;
  const base = of("nginx");
  const rows = [...new Set(rounds.map((r) => r.column))].map((column) => {
    const mine = of(column);
    const all = mine.map(cpu);
    return [
      ...[column, median(mine.map((r) => r.proxy)).toFixed(0), median(mine.map((r) => r.filter)).toFixed(0)],
      ...[median(all).toFixed(0), `${Math.min(...all).toFixed(0)}–${Math.max(...all).toFixed(0)}`],
      median(mine.map((r, i) => cpu(r) / cpu(base[i] ?? r))).toFixed(2),
      String(mine.reduce((sum, { answered }) => sum + answered, 0)),
      String(mine.reduce((sum, { wrong }) => sum + wrong, 0)),
    ];
  });
  const head = ["gateway", "proxy", "filter", "together", "range", "of nginx'", "answers", "unexpected"];
  print("CPU a request, µs:", table(head, rows));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 2;
});
