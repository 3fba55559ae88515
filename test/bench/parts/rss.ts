import path from "node:path";
import { load } from "./load";
import { doorRequest, writeRequests } from "./requests";
import type { Server } from "./servers";
import type { Stage } from "./stage";
import { cpuUs, rssMib } from "./usage";

export interface RssReport {
  decisions: number;
  tokens: number;
  afterStart: number;
  afterWarmUp: number;
  largest: number;
  /** Means of the first and of the last third: one look says more of when the heap was last collected than of growth. */
  early: number;
  late: number;
  cpuUs: number;
  unexpected: number;
}

/** More tokens than are kept. */
const FILLING = 20_000;

/** Memory over many decisions, with more tokens than any cache should hold; warm is who has filled his own. */
export async function rssRun(stage: Stage, server: Server, decisions: number, count: number): Promise<RssReport> {
  const { pid } = server.part;
  const tokens = await stage.tokens.good("RS256", count);
  const write = (name: string, some: readonly string[]): string => {
    const texts = (function* () {
      for (const token of some) yield doorRequest("orders", token);
    })();
    return writeRequests(path.join(stage.directory, `${name}.requests`), texts);
  };
  const requests = write("rss", tokens);
  const afterStart = rssMib(pid);
  // A token is kept when it comes again soon, and most of them never do in one round through all.
  await load({
    port: server.port,
    requests: write("rss-warm", tokens.slice(0, FILLING)),
    count: 3 * FILLING,
    expect: 200,
  });
  await load({ port: server.port, requests, count, expect: 200 });
  const afterWarmUp = rssMib(pid);
  const seen: number[] = [];
  const timer = setInterval(() => seen.push(rssMib(pid)), 1_000);
  const before = cpuUs(pid);
  const { answered, unexpected } = await load({ port: server.port, requests, count: decisions, expect: 200 });
  clearInterval(timer);
  const third = Math.ceil(seen.length / 3);
  return {
    decisions,
    tokens: count,
    afterStart,
    afterWarmUp,
    largest: Math.max(...seen),
    early: mean(seen.slice(0, third)),
    late: mean(seen.slice(-third)),
    cpuUs: (cpuUs(pid) - before) / answered,
    unexpected,
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
