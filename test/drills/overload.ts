import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { Connection } from "./connection";
import type { Drill } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer } from "./issuer";
import { quantile, startLoad, type LoadResult } from "./load";
import { METRICS } from "./metrics";
import { questionBytes } from "./question";
import { sleep } from "./wait";

const PEAK = 32;

const rate = ({ statuses, seconds }: LoadResult): number => (statuses["200"] ?? 0) / seconds;

/** Ten times the clients that it takes to keep the filter busy, each asking as fast as it is answered. */
const tenfold: Drill = {
  name: "25 ten times the load",
  async run(run) {
    const issuer = new Issuer();
    const keys = await startKeyServer(issuer.keySet);
    run.after(() => keys.stop());
    const plan = planOf(compiledFiles({ keysUrl: `http://127.0.0.1:${String(keys.port)}/keys` }));
    const filter = await FilterProcess.start({ directory: run.directory, plan });
    run.after(() => filter.stop());
    const questions = Array.from({ length: 500 }, () => questionBytes({ token: issuer.token() }));
    const next = (n: number): Buffer => questions[n % questions.length] as Buffer;
    const during = async (connections: number, ms: number): Promise<LoadResult> => {
      const load = startLoad({ connections, port: () => filter.port, next });
      await sleep(ms);
      return load.stop();
    };
    await during(PEAK, 1_500);
    const peak = await during(PEAK, 3_000);
    const load = startLoad({ connections: 10 * PEAK, port: () => filter.port, next });
    const health: number[] = [];
    for (let i = 0; i < 12; i++) {
      await sleep(400);
      const start = performance.now();
      run.equal("live under it", await filter.live(), true);
      health.push(performance.now() - start);
    }
    const over = await load.stop();
    const [before, now] = [rate(peak), rate(over)];
    const p99 = quantile(over.ms, 0.99);
    run.note(
      `${before.toFixed(0)} decisions a second at the peak, ${now.toFixed(0)} under it, p99 ${p99.toFixed(0)} ms`,
    );
    run.atLeast("decisions a second, of the peak's", now / before, 0.8);
    run.equal("requests without an answer", over.failures, {});
    const others = Object.keys(over.statuses).filter((status) => status !== "200" && status !== "429");
    run.equal("statuses that are neither allowed nor shed", others, []);
    run.atMost("p99 ms of what was allowed", p99, 450);
    run.atMost("ms for health under it", Math.max(...health), 500);
    const shed = (await filter.metrics()).sum(METRICS.shed);
    run.equal("shed requests counted", shed, over.statuses["429"] ?? 0);
    await sleep(500);
    const after = await filter.askMany(50, { token: issuer.token() });
    run.equal("afterwards", after.verdicts, { "200": 50 });
    run.prompt("afterwards", after);
  },
};

/** Clients that connect and say nothing, or half a request, take no place of those who ask. */
const silent: Drill = {
  name: "25 a thousand connections that say nothing",
  async run(run) {
    const issuer = new Issuer();
    const keys = await startKeyServer(issuer.keySet);
    run.after(() => keys.stop());
    const plan = planOf(compiledFiles({ keysUrl: `http://127.0.0.1:${String(keys.port)}/keys` }));
    const filter = await FilterProcess.start({ directory: run.directory, plan });
    run.after(() => filter.stop());
    const idle = await Promise.all(Array.from({ length: 1_000 }, () => Connection.open(filter.port)));
    run.after(() => {
      for (const connection of idle) connection.close();
      return Promise.resolve();
    });
    for (const connection of idle.slice(0, 500))
      connection.ask(Buffer.from("GET /door/nginx HT"), 60_000).catch(() => 0);
    const asked = await filter.askMany(100, { token: issuer.token() });
    run.equal("good tokens", asked.verdicts, { "200": 100 });
    run.prompt("meanwhile", asked);
    run.equal("live", await filter.live(), true);
  },
};

export const overloadDrills: readonly Drill[] = [tenfold, silent];
