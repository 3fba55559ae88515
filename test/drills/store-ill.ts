import type { Drill } from "./drill";
import { METRICS } from "./metrics";
import { newClient } from "./question";
import { startStored, storeUp, type Stored } from "./store";
import { decidesAlone, knowsIt, LIMIT, recovered } from "./store-away";

/** The store answers, but counts nothing: an error is an answer at once, so nothing may take long. */
const answersErrors = (
  name: string,
  begin: (stored: Stored) => Promise<unknown>,
  end: (stored: Stored) => Promise<unknown>,
  left = LIMIT - 3,
): Drill => ({
  name,
  async run(run) {
    const stored = await startStored(run);
    const { filter } = stored;
    const client = newClient();
    run.equal("before", (await filter.askMany(3, { route: "strict", client })).verdicts, { "200": 3 });
    await begin(stored);
    await decidesAlone(run, filter);
    await knowsIt(run, filter);
    await end(stored);
    await recovered(run, filter, client, left);
  },
});

const readOnly = answersErrors(
  "17 store is read only (a replica)",
  ({ store }) => store.command(["REPLICAOF", "127.0.0.1", "1"]),
  ({ store }) => store.command(["REPLICAOF", "NO", "ONE"]),
);

const masterDown = answersErrors(
  "17 store is a replica without its master",
  ({ store }) => store.command(["CONFIG", "SET", "replica-serve-stale-data", "no"], ["REPLICAOF", "127.0.0.1", "1"]),
  ({ store }) => store.command(["REPLICAOF", "NO", "ONE"]),
);

/** Keys enough for it to read them for a while, one every 5 ms. */
const KEYS = 1_500;

const loading = answersErrors(
  "17 store is loading its data",
  async ({ store }) => {
    const fill = `for i = 1, ${String(KEYS)} do redis.call('SET', 'filler:' .. i, i) end`;
    await store.command(["EVAL", fill, "0"], ["SAVE"]);
    await store.restart(["--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024"]);
  },
  ({ store }) => store.answering(),
);

const full = answersErrors(
  "19 store has no memory left",
  ({ store }) =>
    store.command(["CONFIG", "SET", "maxmemory-policy", "noeviction"], ["CONFIG", "SET", "maxmemory", "1"]),
  ({ store }) => store.command(["CONFIG", "SET", "maxmemory", "0"]),
);

const flushed: Drill = {
  name: "18 store forgets its scripts and its counters",
  async run(run) {
    const { filter, store } = await startStored(run);
    const [one, two] = [newClient(), newClient()];
    run.equal("before", (await filter.askMany(4, { route: "strict", client: one })).verdicts, { "200": 4 });
    await store.command(["SCRIPT", "FLUSH"]);
    const scripts = await filter.askMany(LIMIT - 3, { route: "strict", client: one });
    run.equal("after SCRIPT FLUSH", scripts.list, [...Array<number>(LIMIT - 4).fill(200), 429]);
    run.prompt("after SCRIPT FLUSH", scripts);
    run.equal("before", (await filter.askMany(5, { route: "strict", client: two })).verdicts, { "200": 5 });
    await store.command(["FLUSHALL"], ["SCRIPT", "FLUSH"]);
    const counters = await filter.askMany(LIMIT + 2, { route: "strict", client: two });
    run.equal("after FLUSHALL: one more burst", counters.list, [...Array<number>(LIMIT).fill(200), 429, 429]);
    run.prompt("after FLUSHALL", counters);
    run.equal(METRICS.storeUp, await storeUp(filter), true);
    const away = (await filter.metrics()).sum(METRICS.refusals, { reason: "limits-away" }) ?? 0;
    run.equal("refusals as limits-away", away, 0);
  },
};

const restarted = answersErrors(
  "18 store is killed and comes back empty",
  async ({ store, proxy }) => {
    await store.part.stop("SIGKILL");
    proxy.cut();
  },
  async ({ store }) => {
    await store.restart([]);
    await store.answering();
  },
  LIMIT,
);

export const storeIllDrills: readonly Drill[] = [readOnly, masterDown, loading, flushed, restarted, full];
