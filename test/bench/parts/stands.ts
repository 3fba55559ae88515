import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { generate } from "selfsigned";
import { freePorts } from "../../../lib/conformance/parts/process";
import { benchFiles, contentOf } from "../model";
import { CORES } from "./cores";
import { envoyGateway } from "./envoy-gateway";
import { startFilterServer } from "./filter-server";
import { guardedConf, proxyConf, upstreamConf } from "./nginx-confs";
import { startNodeGateway } from "./node-gateway";
import type { Addresses } from "../../../lib/conformance/system";
import type { Server } from "./servers";
import type { Stage } from "./stage";

export const GUARDED = "nginx by hand, same promises + filter";
export const GENERATED = "nginx generated + filter";

/** One way to put a gateway before the same service. */
export interface Stand {
  name: string;
  proxy: Server;
  /** Whom it asks, where it asks. */
  door?: Server;
}

export async function nginxServer(
  { servers, programs }: Stage,
  name: string,
  core: number,
  port: number,
  conf: string,
): Promise<Server> {
  const prefix = path.join(servers.directory, name);
  mkdirSync(path.join(prefix, "logs"), { recursive: true });
  // Its worker is another user.
  chmodSync(servers.directory, 0o755);
  const file = path.join(prefix, "nginx.conf");
  writeFileSync(file, conf);
  const global = conf.includes("pid nginx.pid") ? "daemon off;" : "daemon off; pid nginx.pid;";
  return servers.start(name, core, [programs.nginx, "-p", prefix, "-c", file, "-g", global], { port });
}

/** Whose configuration and filter are started, and how the stand is called. */
interface Made {
  name: string;
  files: (target: "nginx", at: Addresses) => { path: string; content: string }[];
  /** The filter's, where it is not this version's. */
  program?: string;
}

const withoutTls = (conf: string): string =>
  conf.replaceAll(/(listen [^;]*) ssl( [^;]*)?;/g, "$1$2;").replace("worker_processes auto;", "worker_processes 1;");

/** nginx with a generated configuration and the filter that it asks; only TLS is taken off, which the others do not speak here, and one worker left for one core. */
export async function startGenerated(stage: Stage, upstream: number, made: Made): Promise<Required<Stand>> {
  const [http = 0, https = 0, filter = 0, through = 0, reports = 0] = await freePorts(5);
  const certificates = path.join(stage.directory, "tls");
  mkdirSync(certificates, { recursive: true });
  const pems = await generate([{ name: "commonName", value: "api.bench.test" }], { keyType: "ec", curve: "P-256" });
  writeFileSync(path.join(certificates, "tls.crt"), pems.cert);
  writeFileSync(path.join(certificates, "tls.key"), pems.private);
  const { servers, valkey, keyServer } = stage;
  const services = new Map([["orders", upstream]]);
  const parts = { certificates, services, redis: valkey.url, keyServer: keyServer.port };
  const files = made.files("nginx", { http, https, filter, through, reports, ...parts });
  const door = await startFilterServer(servers, {
    name: `filter of ${made.name}`,
    core: CORES.helpers,
    plan: contentOf(files, "filter.json"),
    valkey,
    port: filter,
    env: { THROUGH_PORT: String(through), REPORT_PORT: String(reports) },
    ...(made.program !== undefined && { program: made.program }),
  });
  const conf = withoutTls(contentOf(files, "nginx.conf"));
  const folder = made.name.replaceAll(/\W+/g, "-");
  return { name: made.name, proxy: await nginxServer(stage, folder, CORES.server, https, conf), door };
}

/** nginx with the generated configuration alone, before its upstream and the filter. */
export async function makeGenerated(stage: Stage): Promise<{ stand: Required<Stand>; upstream: Server }> {
  const [service = 0] = await freePorts(1);
  const upstream = await nginxServer(stage, "upstream", CORES.helpers, service, upstreamConf(service));
  return { stand: await startGenerated(stage, service, { name: GENERATED, files: benchFiles }), upstream };
}

/** All stands before one upstream. The proxies have a core of their own; what they ask stands with the client. */
export async function makeStands(stage: Stage): Promise<{ stands: Stand[]; upstream: Server }> {
  const { servers, programs } = stage;
  const { stand: own, upstream } = await makeGenerated(stage);
  const { door } = own;
  const service = upstream.port;
  const [bare = 0, byHand = 0, guarded = 0, envoyBare = 0, envoyDoor = 0] = await freePorts(5);
  const ports = { upstream: service, door: door.port };
  const envoy = (name: string, listen: number, config: object): Promise<Server> =>
    servers.startEnvoy(name, programs, servers.file(`${name}.json`, JSON.stringify(config)), listen);
  const stands: Stand[] = [
    {
      name: "nginx alone",
      proxy: await nginxServer(
        stage,
        "nginx-alone",
        CORES.server,
        bare,
        proxyConf({ listen: bare, upstream: service }),
      ),
    },
    {
      name: "nginx by hand + filter",
      proxy: await nginxServer(stage, "nginx-by-hand", CORES.server, byHand, proxyConf({ listen: byHand, ...ports })),
      door,
    },
    {
      name: GUARDED,
      proxy: await nginxServer(
        stage,
        "nginx-guarded",
        CORES.server,
        guarded,
        guardedConf({ listen: guarded, ...ports }),
      ),
      door,
    },
    own,
    {
      name: "Envoy alone",
      proxy: await envoy("envoy-alone", envoyBare, envoyGateway({ listen: envoyBare, upstream: service })),
    },
    {
      name: "Envoy + filter",
      proxy: await envoy("envoy-door", envoyDoor, envoyGateway({ listen: envoyDoor, ...ports })),
      door,
    },
  ];
  stands.push({ name: "node gateway", proxy: await startNodeGateway(stage, service) });
  return { stands, upstream };
}
