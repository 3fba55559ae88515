import { writeFileSync } from "node:fs";
import path from "node:path";
import { generate } from "selfsigned";
import { FaultProxy } from "../parts/fault-proxy";
import { FaultyKeyServer, type Certificate, type KeyServerMode } from "../parts/key-server-faults";
import { DOOR_MS, RECOVERY_MS } from "./bounds";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer } from "./issuer";
import { METRICS } from "./metrics";
import { sleep, timeUntil } from "./wait";

const REFRESH_MS = 300;
const MAX_STALE_MS = 2_500;

/** A key server that can be made bad and good again. */
interface Failing {
  url: string;
  /** Attempts that it has seen; nothing where it cannot see any. */
  attempts(): number | undefined;
  bad(): Promise<void>;
  good(): Promise<void>;
  env?: Record<string, string>;
}

async function askedBefore(run: Run, filter: FilterProcess, issuer: Issuer, server: Failing): Promise<void> {
  run.equal("not ready before the first keys", await filter.ready(), false);
  run.equal("live before the first keys", await filter.live(), true);
  const before = server.attempts();
  const start = performance.now();
  const asked = await filter.askMany(10, { token: issuer.token() });
  run.equal("a token that cannot be checked", asked.verdicts, { "503": 10 });
  run.atMost("ms to refuse before the first keys", asked.maxMs, DOOR_MS);
  run.equal("no token before the first keys", (await filter.ask({})).verdict, 401);
  run.equal("an open route before the first keys", (await filter.ask({ route: "open" })).verdict, 200);
  const seconds = (performance.now() - start) / 1000;
  const attempts = server.attempts();
  if (attempts !== undefined && before !== undefined)
    run.atMost("requests to the key server by 10 refused calls", attempts - before, 3 + seconds * 4);
  const refused = (await filter.metrics()).sum(METRICS.refusals, { reason: "keys-away" });
  run.equal("refusals counted as keys-away", refused, 10);
}

async function askedFresh(run: Run, filter: FilterProcess, issuer: Issuer): Promise<void> {
  const asked = await filter.askMany(20, () => ({ token: issuer.token() }));
  run.equal("good tokens with fresh keys", asked.verdicts, { "200": 20 });
  run.prompt("with fresh keys", asked);
}

async function askedStale(run: Run, filter: FilterProcess, issuer: Issuer): Promise<void> {
  const asked = await filter.askMany(20, () => ({ token: issuer.token() }));
  run.equal("good tokens with stale keys", asked.verdicts, { "200": 20 });
  run.prompt("with stale keys", asked);
  run.equal("ready with stale keys", await filter.ready(), true);
  const metrics = await filter.metrics();
  run.atLeast("failed fetches counted", metrics.sum(METRICS.keyFetches, { outcome: "failed" }) ?? 0, 1);
  run.atLeast("age of the keys told, in s", metrics.sum(METRICS.keyAge) ?? 0, REFRESH_MS / 1000);
  const unknown = await filter.ask({ token: issuer.unknownToken() });
  run.equal("a token of an unknown key", unknown.verdict, 401);
  run.atMost("ms for a token of an unknown key", unknown.ms, DOOR_MS);
}

/** Bad before the first load, good, bad for long, good: at each stage the decision, its time, and what is told. */
async function allStages(run: Run, issuer: Issuer, server: Failing): Promise<void> {
  await server.bad();
  const filter = await FilterProcess.start({
    directory: run.directory,
    plan: planOf(compiledFiles({ keysUrl: server.url })),
    env: { KEYS_REFRESH_MS: String(REFRESH_MS), KEYS_MAX_STALE_MS: String(MAX_STALE_MS), ...server.env },
    wait: "live",
  });
  run.after(() => filter.stop());
  await sleep(500);
  await askedBefore(run, filter, issuer, server);

  await server.good();
  run.atMost("ms to be ready", await timeUntil(() => filter.ready(), RECOVERY_MS), RECOVERY_MS);
  run.equal("a good token", (await filter.ask({ token: issuer.token() })).verdict, 200);

  // A fetch that hangs from the first moment on is the only one for a while.
  const before = server.attempts();
  await server.bad();
  const since = performance.now();
  await askedFresh(run, filter, issuer);
  await sleep(4 * REFRESH_MS);
  const attempts = server.attempts();
  if (attempts !== undefined && before !== undefined)
    run.atLeast("refreshes tried in 4 intervals", attempts - before, 1);
  await askedStale(run, filter, issuer);

  await sleep(Math.max(0, MAX_STALE_MS + 2 * REFRESH_MS - (performance.now() - since)));
  const late = await filter.askMany(5, { token: issuer.token() });
  run.equal("a token past the longest staleness", late.verdicts, { "503": 5 });
  run.atMost("ms past the longest staleness", late.maxMs, DOOR_MS);

  await server.good();
  const again = await timeUntil(async () => (await filter.ask({ token: issuer.token() })).verdict === 200, RECOVERY_MS);
  run.atMost("ms to recover", again, RECOVERY_MS);
}

const failing = (name: string, mode: KeyServerMode): Drill => ({
  name,
  async run(run) {
    const issuer = new Issuer();
    const server = await FaultyKeyServer.start(issuer.keySet);
    run.after(() => server.stop());
    await allStages(run, issuer, {
      url: server.url,
      attempts: () => server.requests,
      bad: () => server.set(mode),
      good: () => server.set("good"),
    });
    run.equal("redirects followed", server.followed, 0);
  },
});

const unreachable = (name: string, bad: (proxy: FaultProxy) => Promise<void>): Drill => ({
  name,
  async run(run) {
    const issuer = new Issuer();
    const server = await FaultyKeyServer.start(issuer.keySet);
    run.after(() => server.stop());
    const proxy = await FaultProxy.start(server.port);
    run.after(() => proxy.stop());
    await allStages(run, issuer, {
      url: `http://127.0.0.1:${String(proxy.port)}/keys`,
      attempts: () => (proxy.mode === "refuse" ? undefined : proxy.chunksUp),
      bad: () => bad(proxy),
      async good() {
        await proxy.set("pass");
        proxy.cut();
      },
    });
  },
});

/** Two of one name would be taken for each other where both are trusted. */
async function certificate(name: string, days: { from: number; to: number }): Promise<Certificate> {
  const at = (n: number): Date => new Date(Date.now() + n * 86_400_000);
  const pems = await generate([{ name: "commonName", value: name }], {
    ...{ keyType: "ec", curve: "P-256", notBeforeDate: at(days.from), notAfterDate: at(days.to) },
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
  });
  return { cert: pems.cert, key: pems.private };
}

const expired: Drill = {
  name: "9 key server's certificate has expired",
  async run(run) {
    const issuer = new Issuer();
    const good = await certificate("good.drill.test", { from: -1, to: 1 });
    const old = await certificate("old.drill.test", { from: -3, to: -1 });
    const trusted = path.join(run.directory, "trusted.pem");
    writeFileSync(trusted, [good.cert, old.cert].join("\n"));
    const server = await FaultyKeyServer.start(issuer.keySet, { certificate: good });
    run.after(() => server.stop());
    await allStages(run, issuer, {
      url: server.url,
      attempts: () => server.connections,
      bad: () => server.useCertificate(old),
      good: () => server.useCertificate(good),
      env: { NODE_EXTRA_CA_CERTS: trusted },
    });
  },
};

export const keyServerDrills: readonly Drill[] = [
  unreachable("1 key server refused", async (proxy) => {
    await proxy.set("refuse");
    proxy.cut();
  }),
  unreachable("2 key server blackholed", (proxy) => proxy.set("blackhole")),
  failing("3 key server answers 500", "error"),
  failing("4 key server is slow", "slow"),
  failing("4 key server sends a byte now and then", "trickle"),
  failing("5 key server answers HTML", "html"),
  failing("6 key server has no keys", "empty"),
  failing("6 key server answers something else", "wrong"),
  failing("7 key server sends 10 MB", "large"),
  failing("8 key server redirects", "redirect"),
  expired,
];
