import { FaultyKeyServer } from "../parts/key-server-faults";
import { DOOR_MS, RECOVERY_MS } from "./bounds";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer, newKey } from "./issuer";
import { startLoad } from "./load";
import { METRICS } from "./metrics";
import { questionBytes } from "./question";
import { sleep, timeUntil } from "./wait";

interface Rotating {
  issuer: Issuer;
  server: FaultyKeyServer;
  filter: FilterProcess;
}

async function start(run: Run, refreshMs: number): Promise<Rotating> {
  const issuer = new Issuer();
  const server = await FaultyKeyServer.start(issuer.keySet);
  run.after(() => server.stop());
  const filter = await FilterProcess.start({
    directory: run.directory,
    plan: planOf(compiledFiles({ keysUrl: server.url })),
    env: { KEYS_REFRESH_MS: String(refreshMs), KEYS_MAX_STALE_MS: String(refreshMs * 10) },
  });
  run.after(() => filter.stop());
  return { issuer, server, filter };
}

const overlap: Drill = {
  name: "10 rotation with an overlap",
  async run(run) {
    const { issuer, server, filter } = await start(run, 60_000);
    const [oldKey] = issuer.published;
    const fresh = newKey();
    const oldToken = issuer.token();
    const load = startLoad({ connections: 4, port: () => filter.port, next: () => questionBytes({ token: oldToken }) });
    await sleep(300);
    if (oldKey) issuer.published = [oldKey, fresh];
    const before = server.requests;
    const first = await filter.ask({ token: issuer.token(fresh) });
    run.equal("the first token of the new key", first.verdict, 200);
    run.atMost("ms for it", first.ms, DOOR_MS);
    const more = await filter.askMany(20, () => ({ token: issuer.token(fresh) }));
    run.equal("tokens of the new key", more.verdicts, { "200": 20 });
    run.atMost("fetches for it", server.requests - before, 1);
    await sleep(300);
    const { statuses, failures, requests } = await load.stop();
    run.equal("tokens of the old key meanwhile", [statuses, failures], [{ "200": requests }, {}]);
    run.atLeast("fetches counted", (await filter.metrics()).sum(METRICS.keyFetches, { outcome: "ok" }) ?? 0, 2);
  },
};

const emergency: Drill = {
  name: "11 emergency rotation: a removed key is dead within one refresh",
  async run(run) {
    const refreshMs = 500;
    const { issuer, filter } = await start(run, refreshMs);
    const leaked = issuer.token();
    const known = await filter.askMany(50, { token: leaked });
    run.equal("the token before", known.verdicts, { "200": 50 });
    const fresh = newKey();
    issuer.published = [fresh];
    const dead = await timeUntil(async () => (await filter.ask({ token: leaked })).verdict === 401, RECOVERY_MS);
    run.atMost("ms until its tokens are refused", dead, refreshMs + 100);
    const after = await filter.ask({ token: leaked });
    run.equal("the reason", [after.verdict, after.reason], [401, "jwt-unknown-key"]);
    run.equal("a token of the new key", (await filter.ask({ token: issuer.token(fresh) })).verdict, 200);
    run.atLeast(
      "refusals counted",
      (await filter.metrics()).sum(METRICS.refusals, { reason: "jwt-unknown-key" }) ?? 0,
      1,
    );
  },
};

const unknownFlood: Drill = {
  name: "12 flood of unknown kids: few fetches",
  async run(run) {
    const { issuer, server, filter } = await start(run, 60_000);
    const tokens = Array.from({ length: 20 }, () => issuer.token());
    await filter.askMany(20, (i) => ({ token: tokens[i] ?? "" }));
    const [rss, before] = [filter.rssMiB(), server.requests];
    const load = startLoad({
      connections: 16,
      port: () => filter.port,
      next: () => questionBytes({ token: issuer.unknownToken() }),
    });
    await sleep(1_500);
    const good = await filter.askMany(20, (i) => ({ token: tokens[i] ?? "" }));
    await sleep(1_500);
    const { statuses, failures, requests } = await load.stop();
    run.note(`${String(requests)} tokens of unknown keys, ${String(server.requests - before)} fetches`);
    run.equal("unknown keys", [statuses, failures], [{ "401": requests }, {}]);
    run.equal("good tokens meanwhile", good.verdicts, { "200": 20 });
    run.prompt("for good tokens meanwhile", good);
    run.atMost("fetches by the flood", server.requests - before, 3);
    run.atMost("MiB more", filter.rssMiB() - rss, 100);
    const counted = (await filter.metrics()).sum(METRICS.refusals, { reason: "jwt-unknown-key" });
    run.equal("refusals counted", counted, requests);
    const prompt = await filter.askMany(20, (i) => ({ token: tokens[i] ?? "" }));
    run.prompt("for good tokens afterwards", prompt);
  },
};

export const rotationDrills: readonly Drill[] = [overlap, emergency, unknownFlood];
