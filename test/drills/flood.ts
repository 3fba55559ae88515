import { startKeyServer } from "../../lib/conformance/parts/key-server";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer, newKey } from "./issuer";
import { startLoad } from "./load";
import { METRICS } from "./metrics";
import { newClient, questionBytes } from "./question";
import { sleep } from "./wait";

async function start(run: Run, issuer: Issuer): Promise<FilterProcess> {
  const keys = await startKeyServer(issuer.keySet);
  run.after(() => keys.stop());
  const plan = planOf(compiledFiles({ keysUrl: `http://127.0.0.1:${String(keys.port)}/keys` }));
  const filter = await FilterProcess.start({ directory: run.directory, plan });
  run.after(() => filter.stop());
  return filter;
}

/** Tokens of about 2 kB: kept without bound they would be 200 MB and more at the end. */
const TOKENS = 90_000;
const PADDING = "p".repeat(1_100);

const uniqueTokens: Drill = {
  name: "29 flood of unique tokens: memory has a plateau",
  async run(run) {
    const issuer = new Issuer([newKey("ES256")]);
    const filter = await start(run, issuer);
    const key = issuer.published[0];
    const load = startLoad({
      connections: 16,
      port: () => filter.port,
      next: (n) => questionBytes({ token: issuer.token(key, { sub: `user-${String(n)}`, pad: PADDING }) }),
    });
    const samples: { at: number; rss: number }[] = [];
    while (load.requests < TOKENS) {
      await sleep(100);
      samples.push({ at: load.requests, rss: filter.rssMiB() });
    }
    const { statuses, failures, requests, seconds } = await load.stop();
    run.equal("answers", [statuses, failures], [{ "200": requests }, {}]);
    const third = (n: number): number =>
      Math.max(...samples.filter((s) => Math.floor((s.at / TOKENS) * 3) === n).map((s) => s.rss));
    const [first, second, last] = [third(0), third(1), third(2)];
    const sizes = [first, second, last].map((n) => n.toFixed(0)).join(", ");
    run.note(`${String(requests)} tokens in ${seconds.toFixed(0)} s; MiB at most in each third: ${sizes}`);
    run.atMost("MiB more in the last third", last - second, 60);
    run.atMost("MiB", last, 450);
    run.equal("requests counted", (await filter.metrics()).sum(METRICS.requests), requests);
    const after = await filter.askMany(20, () => ({ token: issuer.token() }));
    run.prompt("afterwards", after);
  },
};

/** Whatever clients send, the names in metrics are those of the model. */
const SERIES = 400;

const manyTenants: Drill = {
  name: "32 many tenants: a scrape stays small",
  async run(run) {
    const issuer = new Issuer([newKey("ES256")]);
    const filter = await start(run, issuer);
    const key = issuer.published[0];
    const methods = ["GET", "POST", "DELETE", "PURGE"];
    const wave = async (from: number): Promise<number> => {
      for (let i = from; i < from + 1_500; i++) {
        const claims = { sub: `user-${String(i)}`, tenant: `tenant-${String(i)}`, jti: `id-${String(i)}` };
        const token = issuer.token(key, claims);
        await filter.ask({
          route: "tenant",
          target: `/tenant/${String(i)}?q=${String(i)}`,
          client: newClient(),
          token,
        });
        const headers = { "X-Tenant": `other-${String(i)}`, "User-Agent": `agent-${String(i)}` };
        await filter.ask({ route: "tenant", token, headers });
        await filter.ask({ route: `route-${String(i)}`, target: `/nowhere/${String(i)}`, host: `h${String(i)}.test` });
        await filter.ask({
          route: "read",
          method: methods[i % 4] ?? `M${String(i)}`,
          token: `not-a-token-${String(i)}`,
        });
        await filter.ask({ route: "read", method: `M${String(i)}` });
      }
      return (await filter.metrics()).series;
    };
    const first = await wave(0);
    const before = performance.now();
    const second = await wave(1_500);
    run.note(
      `${String(first)} series, then ${String(second)}; 7500 calls in ${(performance.now() - before).toFixed(0)} ms`,
    );
    run.atMost("series", second, SERIES);
    run.equal("series after other tenants", second, first);
    const asked = performance.now();
    const metrics = await filter.metrics();
    run.atMost("ms of a scrape", performance.now() - asked, 250);
    run.equal("requests counted", metrics.sum(METRICS.requests), 15_000);
  },
};

export const floodDrills: readonly Drill[] = [uniqueTokens, manyTenants];
