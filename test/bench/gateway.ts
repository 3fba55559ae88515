import path from "node:path";
import { parseArgs } from "node:util";
import { CONNECTIONS } from "./parts/load";
import { median } from "./parts/measure";
import { observe, type Seen } from "./parts/observe";
import { gatewayRequest, writeRequests } from "./parts/requests";
import { GENERATED, GUARDED, makeStands, type Stand } from "./parts/stands";
import { withStage } from "./parts/stage";
import { atMost, print, progress, table, targetList } from "./parts/table";

/** What a gateway adds to a call, before one and the same service: `bench:gateway [--quick]`. */
const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const ROUNDS = values.quick ? 1 : 3;
const TIMES = { seconds: values.quick ? 1 : 3, warmUp: values.quick ? 0.5 : 1 };

/** Requests a second; nothing for as many as it can answer. */
const LOADS = [undefined, 1_000, 5_000] as const;

const middle = (seen: readonly Seen[], of: (s: Seen) => number): number => median(seen.map(of));
const sum = (seen: readonly Seen[], of: (s: Seen) => number): number => seen.reduce((total, s) => total + of(s), 0);

function lineOf(name: string, seen: readonly Seen[], alone: readonly Seen[]): string[] {
  const ms = (of: (s: Seen) => number): string => middle(seen, of).toFixed(3);
  const added = (of: (s: Seen) => number): string => {
    const more = middle(seen, of) - middle(alone, of);
    return `${more < 0 ? "" : "+"}${more.toFixed(3)}`;
  };
  const us = (of: (s: Seen) => number): string => middle(seen, of).toFixed(1);
  const hasDoor = seen.some((s) => s.door > 0);
  return [
    name,
    middle(seen, (s) => s.report.rps).toFixed(0),
    us((s) => s.proxy),
    us((s) => s.upstream),
    hasDoor ? us((s) => s.door) : "–",
    ms((s) => s.report.p50),
    ms((s) => s.report.p99),
    added((s) => s.report.p50),
    added((s) => s.report.p99),
    sum(seen, (s) => s.newAtUpstream).toFixed(0),
    hasDoor ? sum(seen, (s) => s.newAtDoor).toFixed(0) : "–",
    sum(seen, (s) => s.report.answered).toFixed(0),
    sum(seen, (s) => s.report.unexpected + s.report.errors + s.report.unsent).toFixed(0),
  ];
}

const HEAD = [
  "stand",
  "requests/s",
  "proxy µs",
  "upstream µs",
  "filter µs",
  "p50 ms",
  "p99 ms",
  "p50 added",
  "p99 added",
  "new at upstream",
  "new at filter",
  "answers",
  "unexpected",
];

async function main(): Promise<void> {
  await withStage(async (stage) => {
    const { stands, upstream } = await makeStands(stage);
    const [token = ""] = await stage.tokens.good("RS256", 1);
    const requests = writeRequests(path.join(stage.directory, "gateway.requests"), [gatewayRequest("orders", token)]);
    const seen = LOADS.map(() => new Map(stands.map((stand): [Stand, Seen[]] => [stand, []])));
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`round ${String(round)} of ${String(ROUNDS)}`);
      for (const [i, rate] of LOADS.entries()) {
        for (const stand of stands)
          seen[i]?.get(stand)?.push(await observe(stand, upstream, requests, { ...TIMES, rate }));
      }
    }
    const busy = (name: string): number[] => {
      const stand = stands.find((s) => s.name === name) as Stand;
      return (seen[0]?.get(stand) ?? []).map((s) => s.proxy);
    };
    // Round by round: they were measured one after the other.
    const byHand = busy(GUARDED);
    const generated = median(busy(GENERATED).map((us, round) => us / (byHand[round] ?? NaN)));
    const [first] = stands;
    for (const [i, rate] of LOADS.entries()) {
      const alone = (first && seen[i]?.get(first)) ?? [];
      const title =
        rate === undefined
          ? `${String(CONNECTIONS)} connections, each sends when it has its answer`
          : `${String(rate)} requests/s, timed from when each should have been sent`;
      print(
        `${title}:`,
        table(
          HEAD,
          stands.map((stand) => lineOf(stand.name, seen[i]?.get(stand) ?? [], alone)),
        ),
      );
    }
    print(targetList([atMost("CPU of generated nginx / by hand, same promises", generated, 1.05)]));
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 2;
});
