import { createSocket } from "node:dgram";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer } from "./issuer";
import { newClient } from "./question";
import { Store } from "./store";
import { sleep, timeUntil } from "./wait";

/** Breakers of three replicas: what one is told, all know within a second, and each alone where there is no store. */

const MINIMUM_CALLS = 6;
const OPEN_MS = 5_000;
const HEARD_MS = 1_000;

interface Replicas {
  filters: readonly FilterProcess[];
  store: Store;
}

async function start(run: Run): Promise<Replicas> {
  const store = await Store.start(run);
  const keys = await startKeyServer(new Issuer().keySet);
  run.after(() => keys.stop());
  const plan = planOf(compiledFiles({ keysUrl: `http://127.0.0.1:${String(keys.port)}/keys` }));
  const filters = await Promise.all(
    [1, 2, 3].map((n) =>
      FilterProcess.start({
        directory: `${run.directory}/replica-${String(n)}`,
        plan,
        redisUrl: `redis://127.0.0.1:${String(store.port)}`,
      }),
    ),
  );
  for (const filter of filters) run.after(() => filter.stop());
  return { filters, store };
}

const verdictOf = async (filter: FilterProcess): Promise<number> =>
  (await filter.ask({ route: "breaker", client: newClient() })).verdict;

/** One call that the proxy carries, and its end, unless the report is lost; what the door has said. */
async function call(filter: FilterProcess, fails: boolean, { lost = false, told = filter } = {}): Promise<number> {
  const { verdict, headers } = await filter.ask({ route: "breaker", client: newClient() });
  const ticket = headers.get("x-gateway-ticket");
  if (verdict !== 200 || ticket === undefined || lost) return verdict;
  const before = await reports(told);
  const tries = { headerTimes: fails ? "-" : "0.001", upstreamStatuses: fails ? "502" : "200" };
  const line = { ticket, method: "GET", status: fails ? 502 : 200, time: "0.001", ...tries };
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => {
    socket.send(`<190>gateway: ${JSON.stringify(line)}`, told.reportPort, "127.0.0.1", () => {
      socket.close(resolve);
    });
  });
  await timeUntil(async () => (await reports(told)) > before, 2_000);
  return verdict;
}

const reports = async (filter: FilterProcess): Promise<number> =>
  (await filter.metrics()).sum("gateway_reports_total") ?? 0;

const opened = (filter: FilterProcess): Promise<number> =>
  timeUntil(async () => (await verdictOf(filter)) === 503, 2 * HEARD_MS);

const closed = (filter: FilterProcess): Promise<number> =>
  timeUntil(async () => (await filter.metrics()).sum("circuit_breaker_state") === 0, 2 * HEARD_MS);

const all: Drill = {
  name: "49 three replicas share a breaker",
  async run(run) {
    const { filters } = await start(run);
    const [a, b, c] = filters as [FilterProcess, FilterProcess, FilterProcess];
    for (let i = 0; i < MINIMUM_CALLS - 2; i++) await call(a, true);
    run.equal("four calls of one", await verdictOf(a), 200);
    await sleep(HEARD_MS);
    for (let i = 0; i < 2; i++) await call(b, true);
    run.equal("two more of another", await verdictOf(b), 503);
    const since = performance.now();
    run.atMost("ms until the first knows", await opened(a), HEARD_MS);
    run.atMost("ms until the third knows, which has heard of no call", await opened(c), HEARD_MS);
    await sleep(OPEN_MS - (performance.now() - since) + 50);
    run.equal("the call that tries", await call(c, false), 200);
    run.atMost("ms until the first knows that it is well", await closed(a), HEARD_MS);
    run.atMost("ms until the second does", await closed(b), HEARD_MS);
  },
};

const alone: Drill = {
  name: "49 three replicas, and no store",
  async run(run) {
    const { filters, store } = await start(run);
    const [a, b] = filters as [FilterProcess, FilterProcess];
    await store.part.stop("SIGKILL");
    for (let i = 0; i < MINIMUM_CALLS; i++) await call(a, true);
    run.equal("by its own calls", await verdictOf(a), 503);
    await sleep(HEARD_MS);
    run.equal("another that has seen none", await verdictOf(b), 200);
    await store.restart([]);
    run.atMost("ms until it knows, with the store back", await opened(b), 2 * HEARD_MS);
  },
};

const lost: Drill = {
  name: "49 a report in ten is lost",
  async run(run) {
    const { filters } = await start(run);
    const [a] = filters as [FilterProcess];
    let admitted = 0;
    while (admitted < 100 && (await call(a, true, { lost: admitted % 10 === 4 })) === 200) admitted += 1;
    run.note(`it opens after ${String(admitted)} calls`);
    run.atMost("calls until it opens", admitted, Math.ceil(MINIMUM_CALLS / 0.9));
    const after = await Promise.all(Array.from({ length: 50 }, () => verdictOf(a)));
    run.equal("while it is open", [...new Set(after)], [503]);
    await sleep(OPEN_MS + 50);
    run.equal("a call that tries, and is never told of", await call(a, true, { lost: true }), 200);
    run.equal("while that is not known", await verdictOf(a), 503);
    await sleep(OPEN_MS + 50);
    run.equal("another, when it is given up", await verdictOf(a), 200);
  },
};

/** A Service without affinity: who was asked is not who is told. */
const crossed: Drill = {
  name: "49 one replica is asked, another is told",
  async run(run) {
    const { filters } = await start(run);
    const [a, b, c] = filters as [FilterProcess, FilterProcess, FilterProcess];
    for (let outage = 1; outage <= 2; outage++) {
      const when = `outage ${String(outage)}`;
      for (let i = 0; i < MINIMUM_CALLS; i++) await call(i % 2 === 0 ? a : c, true, { told: b });
      run.equal(`${when}: who was told`, await verdictOf(b), 503);
      run.atMost(`${when}: ms until the asked one knows`, await opened(a), HEARD_MS);
      await sleep(OPEN_MS + 100);
      run.equal(`${when}: the call that tries`, await call(a, false, { told: b }), 200);
      run.atMost(`${when}: ms until the asked one knows that it is well`, await closed(a), HEARD_MS);
      run.atMost(`${when}: ms until the third does`, await closed(c), HEARD_MS);
    }
  },
};

export const breakerDrills: readonly Drill[] = [all, alone, lost, crossed];
