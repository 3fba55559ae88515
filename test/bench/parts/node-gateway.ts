import type { Addresses } from "../../../lib/conformance/system";
import { benchFiles, contentOf } from "../model";
import { CORES } from "./cores";
import { startFilterServer } from "./filter-server";
import type { Server } from "./servers";
import type { Stage } from "./stage";

interface Made {
  name: string;
  files: (target: "node-gateway", at: Addresses) => { path: string; content: string }[];
  /** The filter's, where it is not this version's. */
  program?: string;
}

/** The product's own gateway before the service at that port: one process, its listener without TLS. */
export function startNodeGateway(
  { servers, valkey, keyServer }: Stage,
  upstream: number,
  { name, files, program }: Made = { name: "node gateway", files: benchFiles },
): Promise<Server> {
  const services = new Map([["orders", upstream]]);
  const nowhere = { http: 1, https: 1, filter: 1, certificates: "/nowhere" };
  const made = files("node-gateway", { ...nowhere, services, redis: valkey.url, keyServer: keyServer.port });
  return startFilterServer(servers, {
    ...{ name, core: CORES.server, plan: contentOf(made, "plan.json"), valkey, isGateway: true },
    ...(program !== undefined && { program }),
  });
}
