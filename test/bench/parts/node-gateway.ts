import { benchFiles, contentOf } from "../model";
import { CORES } from "./cores";
import { startFilterServer } from "./filter-server";
import type { Server } from "./servers";
import type { Stage } from "./stage";

/** The product's own gateway before the service at that port: one process, its listener without TLS. */
export function startNodeGateway({ servers, valkey, keyServer }: Stage, upstream: number): Promise<Server> {
  const services = new Map([["orders", upstream]]);
  const nowhere = { http: 1, https: 1, filter: 1, certificates: "/nowhere" };
  const files = benchFiles("node-gateway", { ...nowhere, services, redis: valkey.url, keyServer: keyServer.port });
  const plan = contentOf(files, "plan.json");
  return startFilterServer(servers, { name: "node gateway", core: CORES.server, plan, valkey, isGateway: true });
}
