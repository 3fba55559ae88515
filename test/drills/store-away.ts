import { DOOR_MS, RECOVERY_MS } from "./bounds";
import type { Drill, Run } from "./drill";
import type { FilterProcess } from "./filter-process";
import { METRICS } from "./metrics";
import { newClient } from "./question";
import { startStored, storeUp, type Stored } from "./store";
import { sleep, timeUntil } from "./wait";

/** Limits of the drills' model: ten at once, then one every six minutes. */
export const LIMIT = 10;

/** What each `onFailure` promises while the shared counters are away. */
export async function decidesAlone(run: Run, filter: FilterProcess): Promise<void> {
  const client = newClient();
  const local = await filter.askMany(LIMIT + 3, { route: "local", client });
  run.equal("local", local.list, [...Array<number>(LIMIT).fill(200), 429, 429, 429]);
  const lenient = await filter.askMany(LIMIT + 3, { route: "lenient", client });
  run.equal("lenient", lenient.verdicts, { "200": LIMIT + 3 });
  const strict = await filter.askMany(3, { route: "strict", client });
  run.equal("strict", strict.verdicts, { "503": 3 });
  const said = await filter.ask({ route: "strict", client });
  run.equal("strict: reason and Retry-After", [said.reason, said.headers.get("retry-after")], ["limits-away", "1"]);
  const open = await filter.ask({ route: "open", client });
  run.equal("a route without limits", open.verdict, 200);
  run.atMost("ms at most", Math.max(local.maxMs, lenient.maxMs, strict.maxMs, said.ms, open.ms), DOOR_MS);
  run.equal("ready", await filter.ready(), true);
}

/** Once the filter knows that the store is away, it does not wait for it any more, and says so. */
export async function knowsIt(run: Run, filter: FilterProcess): Promise<void> {
  const told = await timeUntil(async () => !(await storeUp(filter)), 2_000);
  run.atMost(`ms until ${METRICS.storeUp} is 0`, told, 2_000);
  const asked = await filter.askMany(30, () => ({ route: "local", client: newClient() }));
  run.equal("new clients after a while", asked.verdicts, { "200": 30 });
  run.prompt("after a while", asked);
}

/** The store counts again, and what it had counted before still holds: `left` of this client's calls. */
export async function recovered(run: Run, filter: FilterProcess, client: string, left: number): Promise<void> {
  const back = async (): Promise<boolean> =>
    (await filter.ask({ route: "strict", client: newClient() })).verdict === 200;
  run.atMost("ms until it counts again", await timeUntil(back, RECOVERY_MS), RECOVERY_MS);
  run.equal(METRICS.storeUp, await storeUp(filter), true);
  const asked = await filter.askMany(left + 2, { route: "strict", client });
  run.equal("calls left after it", asked.list, [...Array<number>(left).fill(200), 429, 429]);
  run.prompt("after it", asked);
}

interface Away {
  name: string;
  begin: (stored: Stored) => Promise<void> | void;
  end: (stored: Stored) => Promise<void> | void;
}

const away = ({ name, begin, end }: Away): Drill => ({
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
    await recovered(run, filter, client, LIMIT - 3);
  },
});

const refused = away({
  name: "14 store refused",
  async begin({ proxy }) {
    await proxy.set("refuse");
    proxy.cut();
  },
  end: ({ proxy }) => proxy.set("pass"),
});

const reset = away({
  name: "14 store resets every connection",
  async begin({ proxy }) {
    await proxy.set("reset");
    proxy.cut();
  },
  end: ({ proxy }) => proxy.set("pass"),
});

const killed = away({
  name: "14 store is blackholed",
  begin: ({ proxy }) => proxy.set("blackhole"),
  end: ({ proxy }) => proxy.set("pass"),
});

const stopped = away({
  name: "15 store hangs (SIGSTOP)",
  begin({ store }) {
    store.part.signal("SIGSTOP");
  },
  end({ store }) {
    store.part.signal("SIGCONT");
  },
});

const slow = away({
  name: "16 store is 200 ms further away",
  begin({ proxy }) {
    proxy.delay(200);
  },
  end({ proxy }) {
    proxy.delay(0);
  },
});

/** Counts that were on their way when the partition began are one burst of attempts at most, not one for each call. */
const IN_FLIGHT = 5;

const partition: Drill = {
  name: "20 partition and heal: nothing counts twice",
  async run(run) {
    const { filter, proxy } = await startStored(run);
    const client = newClient();
    run.equal("before", (await filter.askMany(4, { route: "local", client })).verdicts, { "200": 4 });
    await proxy.set("hold");
    const during = await filter.askMany(LIMIT, { route: "local", client });
    run.equal("during it", during.verdicts, { "200": LIMIT });
    run.atMost("ms during it", during.maxMs, DOOR_MS);
    const over = await filter.ask({ route: "local", client });
    run.equal("past the limit during it", over.verdict, 429);
    await sleep(1_000);
    await proxy.set("pass");
    const back = async (): Promise<boolean> =>
      (await filter.ask({ route: "strict", client: newClient() })).verdict === 200;
    run.atMost("ms until it counts again", await timeUntil(back, RECOVERY_MS), RECOVERY_MS);
    // What was held has arrived by now.
    await sleep(300);
    const after = await filter.askMany(LIMIT, { route: "local", client });
    const admitted = after.verdicts["200"] ?? 0;
    run.note(`${String(6 - admitted)} of ${String(LIMIT)} calls of the partition were counted late`);
    run.atMost("admitted after it", admitted, 6);
    run.atLeast("admitted after it", admitted, 6 - IN_FLIGHT);
    const other = newClient();
    const fresh = await filter.askMany(LIMIT + 1, { route: "strict", client: other });
    run.equal("a new client", fresh.list, [...Array<number>(LIMIT).fill(200), 429]);
  },
};

const flapping: Drill = {
  name: "20 partition that swallows: nothing counts twice",
  async run(run) {
    const { filter, proxy } = await startStored(run);
    const client = newClient();
    run.equal("before", (await filter.askMany(4, { route: "local", client })).verdicts, { "200": 4 });
    await proxy.set("blackhole");
    const during = await filter.askMany(LIMIT, { route: "local", client });
    run.equal("during it", during.verdicts, { "200": LIMIT });
    await sleep(500);
    await proxy.set("pass");
    await timeUntil(
      async () => (await filter.ask({ route: "strict", client: newClient() })).verdict === 200,
      RECOVERY_MS,
    );
    const after = await filter.askMany(LIMIT, { route: "local", client });
    run.equal("after it", after.verdicts, { "200": 6, "429": 4 });
  },
};

export const storeAwayDrills: readonly Drill[] = [refused, reset, killed, stopped, slow, partition, flapping];
