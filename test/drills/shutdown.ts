import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { FaultProxy } from "../parts/fault-proxy";
import type { Answer } from "./connection";
import { Skip, type Drill, type Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer } from "./issuer";
import { startLoad, type Load } from "./load";
import { startNginx, startUpstream } from "./gateways";
import { HOST, questionBytes } from "./question";
import { sleep, timeUntil } from "./wait";

/** How long a cluster goes on sending new connections to a pod that is ending. */
const STILL_SENT_MS = 1_000;
/** How long a filter is told to take requests after it has said that it is not ready. */
const DRAIN_MS = 2_000;
const GRACE_MS = 25_000;

interface Replicas {
  issuer: Issuer;
  keysUrl: string;
  one: FilterProcess;
  two: FilterProcess;
}

async function replicas(run: Run): Promise<Replicas> {
  const issuer = new Issuer();
  const keys = await startKeyServer(issuer.keySet);
  run.after(() => keys.stop());
  const keysUrl = `http://127.0.0.1:${String(keys.port)}/keys`;
  const plan = planOf(compiledFiles({ keysUrl }));
  const env = { DRAIN_MS: String(DRAIN_MS) };
  const [one, two] = await Promise.all([
    FilterProcess.start({ directory: run.directory, plan, env }),
    FilterProcess.start({ directory: run.directory, plan, env }),
  ]);
  run.after(() => one.stop());
  run.after(() => two.stop());
  return { issuer, keysUrl, one, two };
}

const audited = (filter: FilterProcess): number => filter.log().split('"audit":true').length - 1;

/** Ends one of two filters under load, as a rollout does. */
async function endOne(run: Run, { one, two }: Replicas, load: Load, moveTo: () => void, counted = true): Promise<void> {
  await sleep(1_000);
  one.part.signal("SIGTERM");
  const start = performance.now();
  const unready = await timeUntil(async () => !(await one.ready()), STILL_SENT_MS);
  run.atMost("ms until it says that it is not ready", unready, STILL_SENT_MS / 2);
  await sleep(Math.max(0, STILL_SENT_MS - (performance.now() - start)));
  moveTo();
  const gone = await timeUntil(() => !one.part.running(), GRACE_MS);
  run.atMost("ms until it is gone", gone, GRACE_MS);
  await sleep(500);
  const { statuses, failures, requests, bad } = await load.stop();
  run.note(`${String(requests)} requests, gone after ${(performance.now() - start).toFixed(0)} ms`);
  if (bad.length > 0) run.note(`bad ones, in ms after SIGTERM: ${bad.map((at) => (at - start).toFixed(0)).join(", ")}`);
  run.equal("requests that failed", failures, {});
  run.equal("answers", statuses, { "200": requests });
  // Lines are written in batches.
  await sleep(500);
  if (counted) run.equal("audit lines", audited(one) + audited(two), requests);
}

const keepAlive: Drill = {
  name: "27 SIGTERM under load, keep-alive clients",
  async run(run) {
    const all = await replicas(run);
    const token = all.issuer.token();
    let ports = [all.one.port, all.two.port];
    let turn = 0;
    const port = (): number => ports[turn++ % ports.length] as number;
    const load = startLoad({ connections: 16, port, next: () => questionBytes({ token }) });
    await endOne(run, all, load, () => (ports = [all.two.port]));
  },
};

const throughNginx: Drill = {
  name: "27 SIGTERM under load, through nginx",
  async run(run) {
    const all = await replicas(run);
    const upstream = await startUpstream();
    run.after(() => upstream.stop());
    // In a cluster a Service stands between nginx and the filters.
    const service = await FaultProxy.start(all.one.port);
    run.after(() => service.stop());
    const nginx = await startNginx(run, {
      keysUrl: all.keysUrl,
      filterAddress: `127.0.0.1:${String(service.port)}`,
      serviceAddress: `127.0.0.1:${String(upstream.port)}`,
    });
    const token = all.issuer.token();
    const request = `GET /read HTTP/1.1\r\nHost: ${HOST}\r\nX-Forwarded-For: 198.51.100.7\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const bytes = Buffer.from(request);
    const statusOf = (answer: Answer): number => answer.status;
    const load = startLoad({ connections: 16, port: () => nginx.port, next: () => bytes, statusOf });
    await endOne(run, all, load, () => (service.target = all.two.port), false);
  },
};

const worker: Drill = {
  name: "28 kill -9 of one worker",
  async run(run) {
    const issuer = new Issuer();
    const keys = await startKeyServer(issuer.keySet);
    run.after(() => keys.stop());
    const plan = planOf(compiledFiles({ keysUrl: `http://127.0.0.1:${String(keys.port)}/keys` }));
    const filter = await FilterProcess.start({ directory: run.directory, plan, env: { FILTER_WORKERS: "2" } });
    run.after(() => filter.stop());
    const workers = filter.workers();
    if (workers.length === 0) throw new Skip("FILTER_WORKERS has started no processes");
    run.equal("workers", workers.length, 2);
    const token = issuer.token();
    const load = startLoad({ connections: 16, port: () => filter.port, next: () => questionBytes({ token }) });
    await sleep(1_000);
    process.kill(workers[0] as number, "SIGKILL");
    const back = await timeUntil(() => {
      const now = filter.workers();
      return now.length === 2 && !now.includes(workers[0] as number);
    }, 5_000);
    run.atMost("ms until there are two again", back, 5_000);
    run.atMost("ms until they are ready", await timeUntil(() => filter.ready(), 5_000), 5_000);
    await sleep(1_500);
    const { statuses, failures, requests } = await load.stop();
    const failed = Object.values(failures).reduce((sum, n) => sum + n, 0);
    run.atMost("requests that failed: those that it had", failed, 16);
    run.equal("answers", statuses, { "200": requests - failed });
    const after = await filter.askMany(50, { token });
    run.equal("afterwards", after.verdicts, { "200": 50 });
  },
};

export const shutdownDrills: readonly Drill[] = [keepAlive, throughNginx, worker];
