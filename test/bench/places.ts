import path from "node:path";
import { parseArgs } from "node:util";
import { median } from "./parts/measure";
import { observe, type Seen } from "./parts/observe";
import { gatewayRequest, orderRequest, writeRequests } from "./parts/requests";
import { makeGenerated } from "./parts/stands";
import { withStage } from "./parts/stage";
import { atMost, print, progress, table, targetList } from "./parts/table";

/**
 * What each place costs, on one nginx with the generated configuration: CPU of proxy and filter for the same call, rounds
 * side by side. `bench:places [--quick]`.
 */
const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } });
const ROUNDS = values.quick ? 2 : 7;
const TIMES = { seconds: values.quick ? 1 : 2, warmUp: 0.5 };

/** A route of the bench's model for each place. */
const PLACES = {
  native: ["open", gatewayRequest],
  "ext-auth": ["orders", gatewayRequest],
  reported: ["watched", gatewayRequest],
  proxied: ["carried", gatewayRequest],
  "ext-auth-body, reported": ["judged", orderRequest],
  "proxied, body held": ["judged-carried", orderRequest],
} as const;
type PlaceName = keyof typeof PLACES;

async function main(): Promise<void> {
  await withStage(async (stage) => {
    const { stand, upstream } = await makeGenerated(stage);
    const [token = ""] = await stage.tokens.good("RS256", 1);
    const names = Object.keys(PLACES) as PlaceName[];
    const requests = (name: PlaceName): string => {
      const [route, request] = PLACES[name];
      return writeRequests(path.join(stage.directory, `${route}.requests`), [request(route, token)]);
    };
    const files = new Map(names.map((name) => [name, requests(name)]));
    const seen = new Map(names.map((name): [PlaceName, Seen[]] => [name, []]));
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`round ${String(round)} of ${String(ROUNDS)}`);
      for (const name of names)
        seen.get(name)?.push(await observe(stand, upstream, files.get(name) ?? "", { ...TIMES }));
    }
    const of = (name: PlaceName): Seen[] => seen.get(name) ?? [];
    const cpu = ({ proxy, door }: Seen): number => proxy + door;
    const us = (name: PlaceName, what: (s: Seen) => number): string => median(of(name).map(what)).toFixed(0);
    const rows = names.map((name) => [
      name,
      us(name, (s) => s.proxy),
      us(name, (s) => s.door),
      us(name, cpu),
      of(name)
        .reduce((total, s) => total + s.report.answered, 0)
        .toFixed(0),
      of(name)
        .reduce((total, s) => total + s.report.unexpected + s.report.errors + s.report.unsent, 0)
        .toFixed(0),
    ]);
    print("CPU a request, µs:", table(["place", "nginx", "filter", "both", "answers", "unexpected"], rows));
    const ratio = (a: PlaceName, b: PlaceName): number =>
      median(of(a).map((s, round) => cpu(s) / cpu(of(b)[round] as Seen)));
    print(
      targetList([
        atMost("reported / proxied", ratio("reported", "proxied"), 0.55),
        atMost("ext-auth-body / proxied", ratio("ext-auth-body, reported", "proxied, body held"), 0.7),
        atMost("reported / ext-auth", ratio("reported", "ext-auth"), 1.1),
      ]),
    );
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 2;
});
