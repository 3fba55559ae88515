import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { FaultyKeyServer } from "../parts/key-server-faults";
import { DOOR_MS, RECOVERY_MS } from "./bounds";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer, newKey } from "./issuer";
import { METRICS } from "./metrics";
import { sleep, timeUntil } from "./wait";

const TIMES = { KEYS_REFRESH_MS: "300", KEYS_MAX_STALE_MS: "60000" };

async function startCold(run: Run, url: string, env: Record<string, string> = {}): Promise<FilterProcess> {
  const plan = planOf(compiledFiles({ keysUrl: url }));
  const filter = await FilterProcess.start({ directory: run.directory, plan, env: { ...TIMES, ...env }, wait: "live" });
  run.after(() => filter.stop());
  return filter;
}

async function keyServer(run: Run, issuer: Issuer): Promise<FaultyKeyServer> {
  const server = await FaultyKeyServer.start(issuer.keySet);
  run.after(() => server.stop());
  return server;
}

async function staysClosed(run: Run, filter: FilterProcess, issuer: Issuer): Promise<void> {
  await sleep(1_000);
  run.equal("ready", await filter.ready(), false);
  run.equal("live", await filter.live(), true);
  const said = await filter.ask({ token: issuer.token() });
  run.equal("a good token", [said.verdict, said.reason], [503, "keys-away"]);
  run.atMost("ms for it", said.ms, DOOR_MS);
}

async function recovers(run: Run, filter: FilterProcess, issuer: Issuer): Promise<void> {
  run.atMost("ms to be ready", await timeUntil(() => filter.ready(), RECOVERY_MS), RECOVERY_MS);
  run.equal("a good token afterwards", (await filter.ask({ token: issuer.token() })).verdict, 200);
}

const withoutCopy: Drill = {
  name: "13 cold start without the key server",
  async run(run) {
    const issuer = new Issuer();
    const server = await keyServer(run, issuer);
    await server.set("refused");
    const filter = await startCold(run, server.url);
    await staysClosed(run, filter, issuer);
    await server.set("good");
    await recovers(run, filter, issuer);
  },
};

/** Runs a filter with a copy folder once, with a key server that is well. */
async function makeCopy(run: Run, server: FaultyKeyServer): Promise<string> {
  const folder = path.join(run.directory, "copies");
  mkdirSync(folder);
  const filter = await startCold(run, server.url, { KEYS_CACHE_DIR: folder });
  await timeUntil(() => filter.ready(), RECOVERY_MS);
  await timeUntil(() => readdirSync(folder).length > 0, 1_000);
  await filter.stop();
  run.atLeast("copies on disk", readdirSync(folder).length, 1);
  return folder;
}

const withCopy: Drill = {
  name: "13 cold start without the key server, with a copy on disk",
  async run(run) {
    const issuer = new Issuer();
    const server = await keyServer(run, issuer);
    const folder = await makeCopy(run, server);
    await server.set("refused");
    const filter = await startCold(run, server.url, { KEYS_CACHE_DIR: folder });
    run.atMost("ms to be ready", await timeUntil(() => filter.ready(), 2_000), 1_000);
    const asked = await filter.askMany(20, () => ({ token: issuer.token() }));
    run.equal("good tokens", asked.verdicts, { "200": 20 });
    run.prompt("for them", asked);
    run.equal("a token of an unknown key", (await filter.ask({ token: issuer.unknownToken() })).verdict, 401);
    const metrics = await filter.metrics();
    run.atLeast("failed fetches counted", metrics.sum(METRICS.keyFetches, { outcome: "failed" }) ?? 0, 1);
    issuer.published = [newKey()];
    await server.set("good");
    const token = issuer.token();
    const seen = await timeUntil(async () => (await filter.ask({ token })).verdict === 200, RECOVERY_MS);
    run.atMost("ms until the key server's own keys hold", seen, RECOVERY_MS);
  },
};

const damagedCopy = (name: string, damage: (file: string) => void): Drill => ({
  name: `13 cold start without the key server, with ${name}`,
  async run(run) {
    const issuer = new Issuer();
    const server = await keyServer(run, issuer);
    const folder = await makeCopy(run, server);
    await server.set("refused");
    for (const file of readdirSync(folder)) damage(path.join(folder, file));
    const filter = await startCold(run, server.url, { KEYS_CACHE_DIR: folder });
    await staysClosed(run, filter, issuer);
    await server.set("good");
    await recovers(run, filter, issuer);
  },
});

/** A resolver that a file commands: `ok`, `fail` or `hang`. */
const NAME = "keys.drill.test";
const RESOLVER = path.join(__dirname, "resolver.cjs");

const dns: Drill = {
  name: "33 the key server's name cannot be resolved",
  async run(run) {
    const issuer = new Issuer();
    const server = await keyServer(run, issuer);
    const command = path.join(run.directory, "resolver");
    const set = (word: "ok" | "fail" | "hang"): void => {
      writeFileSync(command, word);
    };
    set("fail");
    const filter = await FilterProcess.start({
      directory: run.directory,
      plan: planOf(compiledFiles({ keysUrl: `http://${NAME}:${String(server.port)}/keys` })),
      env: { ...TIMES, KEYS_MAX_STALE_MS: "2500", DRILL_NAME: NAME, DRILL_RESOLVER: command },
      nodeArgs: ["--require", RESOLVER],
      wait: "live",
    });
    run.after(() => filter.stop());
    await staysClosed(run, filter, issuer);
    set("ok");
    await recovers(run, filter, issuer);
    for (const word of ["fail", "hang"] as const) {
      set(word);
      // Connections that are kept need no name.
      await server.set("refused");
      await server.set("good");
      await sleep(1_000);
      const stale = await filter.askMany(10, () => ({ token: issuer.token() }));
      run.equal(`good tokens while names ${word}`, stale.verdicts, { "200": 10 });
      run.prompt(`while names ${word}`, stale);
      const unknown = await filter.ask({ token: issuer.unknownToken() });
      run.equal(`an unknown key while names ${word}`, unknown.verdict, 401);
      run.atMost(`ms for an unknown key while names ${word}`, unknown.ms, DOOR_MS);
      await sleep(2_500);
      const late = await filter.ask({ token: issuer.token() });
      run.equal(`past the longest staleness, names ${word}`, late.verdict, 503);
      run.atMost(`ms past the longest staleness, names ${word}`, late.ms, DOOR_MS);
      set("ok");
      const again = await timeUntil(
        async () => (await filter.ask({ token: issuer.token() })).verdict === 200,
        RECOVERY_MS,
      );
      run.atMost(`ms to recover from names that ${word}`, again, RECOVERY_MS);
    }
    const failed = (await filter.metrics()).sum(METRICS.keyFetches, { outcome: "failed" });
    run.atLeast("failed fetches counted", failed ?? 0, 2);
  },
};

export const coldStartDrills: readonly Drill[] = [
  withoutCopy,
  withCopy,
  damagedCopy("half a copy", (file) => {
    truncateSync(file, statSync(file).size >> 1);
  }),
  damagedCopy("an empty copy", (file) => {
    truncateSync(file, 0);
  }),
  damagedCopy("a copy that is something else", (file) => {
    writeFileSync(file, '{"keys":[],"url":1}');
  }),
  dns,
];
