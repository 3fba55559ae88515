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

async function nginx(
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

/** The generated file; only TLS is taken off, which the others do not speak here, and one worker left for one core. */
async function generated(
  stage: Stage,
  upstream: number,
): Promise<{ files: ReturnType<typeof benchFiles>; at: number; door: number; through: number; reports: number }> {
  const [http = 0, https = 0, door = 0, through = 0, reports = 0] = await freePorts(5);
  const certificates = path.join(stage.directory, "tls");
  mkdirSync(certificates, { recursive: true });
  const pems = await generate([{ name: "commonName", value: "api.bench.test" }], { keyType: "ec", curve: "P-256" });
  writeFileSync(path.join(certificates, "tls.crt"), pems.cert);
  writeFileSync(path.join(certificates, "tls.key"), pems.private);
  const { valkey, keyServer } = stage;
  const services = new Map([["orders", upstream]]);
  const at = {
    http,
    https,
    filter: door,
    through,
    reports,
    certificates,
    services,
    redis: valkey.url,
    keyServer: keyServer.port,
  };
  return { files: benchFiles("nginx", at), at: https, door, through, reports };
}

const withoutTls = (conf: string): string =>
  conf.replaceAll(/(listen [^;]*) ssl( [^;]*)?;/g, "$1$2;").replace("worker_processes auto;", "worker_processes 1;");

/** nginx with the generated configuration alone, before its upstream and the filter. */
export async function makeGenerated(stage: Stage): Promise<{ stand: Required<Stand>; upstream: Server }> {
  const [service = 0] = await freePorts(1);
  const upstream = await nginx(stage, "upstream", CORES.helpers, service, upstreamConf(service));
  const made = await generated(stage, service);
  const plan = contentOf(made.files, "filter.json");
  const { servers, valkey } = stage;
  const env = { THROUGH_PORT: String(made.through), REPORT_PORT: String(made.reports) };
  const door = await startFilterServer(servers, {
    name: "filter",
    core: CORES.helpers,
    plan,
    valkey,
    port: made.door,
    env,
  });
  const conf = withoutTls(contentOf(made.files, "nginx.conf"));
  return {
    stand: { name: GENERATED, proxy: await nginx(stage, "nginx", CORES.server, made.at, conf), door },
    upstream,
  };
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
      proxy: await nginx(stage, "nginx-alone", CORES.server, bare, proxyConf({ listen: bare, upstream: service })),
    },
    {
      name: "nginx by hand + filter",
      proxy: await nginx(stage, "nginx-by-hand", CORES.server, byHand, proxyConf({ listen: byHand, ...ports })),
      door,
    },
    {
      name: GUARDED,
      proxy: await nginx(stage, "nginx-guarded", CORES.server, guarded, guardedConf({ listen: guarded, ...ports })),
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
