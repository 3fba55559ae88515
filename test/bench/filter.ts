import { parseArgs } from "node:util";
import { CORES } from "./parts/cores";
import { startFilterServer } from "./parts/filter-server";
import { load } from "./parts/load";
import { measure, median, Sample } from "./parts/measure";
import { makeBench, type Bench, type Entry } from "./parts/rows";
import { rssRun } from "./parts/rss";
import { withStage, type Stage } from "./parts/stage";
import { storeUse, type StoreUse } from "./parts/store-use";
import { atMost, print, progress, table, targetList, type Target } from "./parts/table";

/**
 * What a decision of the filter costs beside other ways to check a token: `bench:filter [--quick] [--rss]`. All in one
 * run, in turns, since the same machine is up to a fifth faster or slower an hour later.
 */
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rss: { type: "boolean", default: false },
    decisions: { type: "string", default: "3000000" },
    tokens: { type: "string", default: "300000" },
  },
});
const ROUNDS = values.quick ? 1 : 5;
const SECONDS = values.quick ? 1 : 2;
const WARM_UP = values.quick ? 0.5 : 1;

/** A row and a server. */
type Cell = readonly [row: string, server: string];

/** Samples by row and server. */
class Results {
  readonly #samples = new Map<string, Sample>();

  at(row: string, server: string): Sample {
    const key = `${row}: ${server}`;
    const sample = this.#samples.get(key) ?? new Sample();
    this.#samples.set(key, sample);
    return sample;
  }

  cpu(row: string, server: string): number {
    return this.at(row, server).of("cpuUs");
  }

  /** The middle of the rounds' ratios: windows that were measured one after the other had the same machine. */
  ratio([row, server]: Cell, [otherRow, other]: Cell): number {
    const others = this.at(otherRow, other).windows;
    return median(this.at(row, server).windows.map(({ cpuUs }, round) => cpuUs / (others[round]?.cpuUs ?? NaN)));
  }
}

const ms = (value: number): string => value.toFixed(2);

/** Fills the results; tells what the store has done for each limited decision. */
async function closedLoop({ rows }: Bench, results: Results, { valkey }: Stage): Promise<StoreUse> {
  const used = { scripts: 0, cpuUs: 0 };
  for (let round = 1; round <= ROUNDS; round++) {
    progress(`round ${String(round)} of ${String(ROUNDS)}`);
    for (const { name, entries } of rows) {
      const before = await storeUse(valkey.url);
      for (const { server, options } of entries) {
        const window = await measure(server, { ...options, seconds: SECONDS, warmUp: WARM_UP });
        results.at(name, server.name).add(window);
      }
      if (name !== "hit + limit") continue;
      const after = await storeUse(valkey.url);
      used.scripts += after.scripts - before.scripts;
      used.cpuUs += after.cpuUs - before.cpuUs;
    }
  }
  const decisions = results.at("hit + limit", "filter").sum("asked");
  return { scripts: used.scripts / decisions, cpuUs: used.cpuUs / decisions };
}

function resultTable({ rows }: Bench, results: Results): string {
  const lines = rows.flatMap(({ name, entries }) =>
    entries.map(({ server }) => {
      const sample = results.at(name, server.name);
      const [low, high] = sample.spread();
      const cpu = sample.of("cpuUs");
      const wrong = sample.sum("unexpected") + sample.sum("errors");
      return [
        name,
        server.name,
        `${cpu.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`,
        `${(1000 / cpu).toFixed(1)}k`,
        ms(sample.of("p50")),
        ms(sample.of("p99")),
        (cpu / results.cpu(name, "no-op")).toFixed(2),
        String(wrong),
        `${(sample.of("foreign") * 100).toFixed(0)} %`,
      ];
    }),
  );
  const head = ["row", "server", "CPU µs", "per core", "p50 ms", "p99 ms", "× no-op", "unexpected", "foreign CPU"];
  return table(head, lines);
}

/** Latency at half of what each can do, from when a request should have been sent. */
async function halfLoad(bench: Bench, results: Results): Promise<{ text: string; ratio: number }> {
  const hit = bench.rows.find((r) => r.name === "hit")?.entries ?? [];
  const found = ["no-op", "filter"].map((name) => {
    const entry = hit.find((e) => e.server.name === name) as Entry;
    return { name, entry, rate: Math.round(results.at("hit", name).of("rps") / 2), sample: new Sample() };
  });
  for (let round = 0; round < ROUNDS; round++) {
    for (const { entry, rate, sample } of found) {
      sample.add(await measure(entry.server, { ...entry.options, seconds: SECONDS, warmUp: WARM_UP, rate }));
    }
  }
  const lines = found.map(({ name, rate, sample }) => [
    name,
    String(rate),
    ms(sample.of("p50")),
    ms(sample.of("p99")),
    sample.of("cpuUs").toFixed(1),
    String(sample.sum("unexpected") + sample.sum("errors")),
  ]);
  const [noOp = NaN, filter = NaN] = found.map(({ sample }) => sample.of("p99"));
  const head = ["half load", "requests/s", "p50 ms", "p99 ms", "CPU µs", "unexpected"];
  return { text: table(head, lines), ratio: filter / noOp };
}

/** Key fetches that forged tokens cause, at a filter so young that it has no reason of its own to fetch. */
async function keyFetches(stage: Stage, bench: Bench): Promise<{ text: string; fetches: number }> {
  const { servers, valkey, keyServer } = stage;
  const name = "filter-young";
  const young = await startFilterServer(servers, { name, core: CORES.server, plan: bench.plan, valkey });
  const bad = bench.rows.find((r) => r.name === "bad signature")?.entries[0] as Entry;
  const before = keyServer.fetches;
  const count = values.quick ? 10_000 : 50_000;
  const report = await load({ port: young.port, requests: bad.options.requests, expect: 401, count });
  await young.part.stop();
  const fetches = keyServer.fetches - before;
  const wrong = report.unexpected + report.errors;
  return {
    text: `Key fetches: ${String(fetches)} in ${String(count)} decisions on forged tokens (${String(wrong)} unexpected).`,
    fetches,
  };
}

async function memory(stage: Stage, bench: Bench): Promise<{ text: string; targets: Target[] }> {
  const { servers, valkey } = stage;
  const start = { name: "filter-memory", core: CORES.server, plan: bench.plan, valkey };
  const server = await startFilterServer(servers, start);
  const seen = await rssRun(stage, server, Number(values.decisions), Number(values.tokens));
  const mib = (value: number): string => value.toFixed(0);
  const head = ["decisions", "tokens", "started", "warm", "largest", "early", "late (MiB)", "CPU µs", "unexpected"];
  const memoryOf = [seen.afterStart, seen.afterWarmUp, seen.largest, seen.early, seen.late].map(mib);
  const line = [
    String(seen.decisions),
    String(seen.tokens),
    ...memoryOf,
    seen.cpuUs.toFixed(1),
    String(seen.unexpected),
  ];
  return {
    text: table(head, [line]),
    targets: [atMost("RSS of the last third / of the first", seen.late / seen.early, 1.1)],
  };
}

const storeText = ({ scripts, cpuUs }: StoreUse): string =>
  `Store: ${scripts.toFixed(3)} scripts and ${cpuUs.toFixed(1)} µs of its CPU a limited decision.`;

function targets(results: Results, store: StoreUse, halfLoad: number, fetches: number): Target[] {
  const cold: Cell = ["cold RS256", "filter-no-cache"];
  return [
    atMost("hit / no-op", results.ratio(["hit", "filter"], ["hit", "no-op"]), 1.6),
    atMost("hit with one exact limit / no-op", results.ratio(["hit + limit", "filter"], ["hit + limit", "no-op"]), 2.2),
    // Where the filter gives up on the store and counts for itself, the row says nothing of an exact limit.
    atMost("limited decisions that the store did not count", 1 - store.scripts, 0.001),
    atMost("cold RS256 / bare verify", results.ratio(cold, ["cold RS256", "bare"]), 1.1),
    atMost("bad signature / cold RS256", results.ratio(["bad signature", "filter-no-cache"], cold), 1),
    atMost("6 × hit / OPA", 6 * results.ratio(["hit", "filter"], ["hit", "opa"]), 1),
    atMost("key fetches by forged tokens", fetches, 0),
    atMost("p99 at half load / no-op's", halfLoad, 2),
  ];
}

async function main(): Promise<void> {
  await withStage(async (stage) => {
    const bench = await makeBench(stage);
    const results = new Results();
    const store = await closedLoop(bench, results, stage);
    print(resultTable(bench, results));
    const half = await halfLoad(bench, results);
    const keys = await keyFetches(stage, bench);
    print(half.text, keys.text, storeText(store));
    const list = targets(results, store, half.ratio, keys.fetches);
    if (values.rss) {
      const rss = await memory(stage, bench);
      print(rss.text);
      list.push(...rss.targets);
    }
    print(targetList(list));
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 2;
});
