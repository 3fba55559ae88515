import path from "node:path";
import { benchFiles, contentOf } from "../model";
import { CORES } from "./cores";
import { startFilterServer } from "./filter-server";
import type { LoadOptions } from "./load";
import { doorRequest, opaRequest, writeRequests } from "./requests";
import type { Server } from "./servers";
import type { Stage } from "./stage";
import { TokenMaker } from "./tokens";

/** One server in one row: what it is sent, and what it must answer. */
export interface Entry {
  server: Server;
  options: Pick<LoadOptions, "requests" | "expect" | "contains">;
}

export interface Row {
  name: string;
  entries: Entry[];
}

export interface Bench {
  rows: Row[];
  filter: Server;
  plan: string;
}

const DISTINCT = 10_000;

/** The filter's plan with the addresses of this run. */
export function planOf({ valkey, keyServer }: Stage): string {
  const unused = {
    http: 8080,
    https: 8443,
    filter: 9000,
    certificates: "/nowhere",
    services: new Map<string, number>(),
  };
  return contentOf(benchFiles("nginx", { ...unused, keyServer: keyServer.port, redis: valkey.url }), "filter.json");
}

/** Starts everything that is measured, all on one core; what has nothing to do takes nothing from the others. */
export async function makeBench(stage: Stage): Promise<Bench> {
  const { servers, tokens, programs, directory, valkey } = stage;
  const keySet = tokens.keySet();
  const noOp = await servers.node("no-op", keySet);
  const bare = await servers.node("bare", keySet);
  const fastJwt = await servers.node("fast-jwt", keySet);
  const fastJwtCache = await servers.node("fast-jwt-cache", keySet);
  const envoy = await servers.envoy(programs, keySet, false);
  const envoyCache = await servers.envoy(programs, keySet, true);
  const opa = await servers.opa(keySet);
  const plan = planOf(stage);
  const filter = await startFilterServer(servers, { name: "filter", core: CORES.server, plan, valkey });
  // Ten thousand tokens may fit into the cache: what a first sight costs is measured without it.
  const env = { TOKEN_CACHE_BYTES: "0" };
  const cold = await startFilterServer(servers, { name: "filter-no-cache", core: CORES.server, plan, valkey, env });

  const file = (name: string, texts: readonly string[]): string =>
    writeRequests(path.join(directory, `${name}.requests`), texts);
  const rs256 = await tokens.good("RS256", DISTINCT);
  const es256 = await tokens.good("ES256", DISTINCT);
  const sets = { hit: rs256.slice(0, 1), cold: rs256, es256, bad: TokenMaker.bad(rs256) };

  /** The same requests for all, but for OPA, which has a form of its own. */
  const row = (name: string, set: keyof typeof sets, contestants: readonly Server[], expect = 200): Row => {
    const requests = file(
      set,
      sets[set].map((token) => doorRequest("orders", token)),
    );
    const opaRequests = file(`${set}-opa`, sets[set].map(opaRequest));
    const entries = contestants.map((server): Entry => {
      if (server === opa) {
        return { server, options: { requests: opaRequests, expect: 200, contains: expect === 200 ? "true" : "false" } };
      }
      return { server, options: { requests, expect: server === noOp ? 200 : expect } };
    });
    return { name, entries };
  };
  const limited = file(
    "limited",
    sets.hit.map((token) => doorRequest("limited", token)),
  );
  const others = [fastJwt, fastJwtCache, envoy, envoyCache, opa];
  // What is compared stands side by side: a machine is slower for a while after somebody else's hard work.
  const rows: Row[] = [
    row("hit", "hit", [noOp, filter, bare, ...others]),
    {
      name: "hit + limit",
      entries: [noOp, filter].map((server) => ({ server, options: { requests: limited, expect: 200 } })),
    },
    row("cold ES256", "es256", [noOp, bare, cold, filter, ...others]),
    row("cold RS256", "cold", [...others, filter, noOp, bare, cold]),
    row("bad signature", "bad", [cold, filter, noOp, bare, ...others], 401),
  ];
  return { rows, filter, plan };
}
