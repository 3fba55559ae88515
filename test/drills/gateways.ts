import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { GatewayModel } from "../../lib/model";
import type { OutputFile } from "../../lib/targets";
import { startEnvoy } from "../parts/envoy";
import { goTool } from "../parts/go-tools";
import { startIstiod } from "../parts/istiod";
import { startKubeStub } from "../parts/kube-stub";
import { freePorts, portOpen, startPart, until } from "../../lib/conformance/parts/process";
import { wheels } from "../../lib/conformance/parts/wheels";
import { Skip, type Run } from "./drill";
import { compiledFiles, type Placed } from "./filter-process";

/** Real proxies with the drills' model, asking whatever stands at the filter's address. */
export interface Gateway {
  port: number;
  /** Of the proxy. */
  pid: number;
  log(): string;
}

export interface Upstream {
  port: number;
  /** Requests that have come through. */
  requests: number;
  stop(): Promise<void>;
}

/** A server on a port of its own, for as long as the drill runs. */
export async function startServer(run: Run, answer: http.RequestListener): Promise<number> {
  const server = http.createServer((message, response) => {
    message.resume();
    answer(message, response);
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  run.after(() => {
    server.closeAllConnections();
    server.close();
    return Promise.resolve();
  });
  return (server.address() as AddressInfo).port;
}

export async function startUpstream(): Promise<Upstream> {
  const upstream = { port: 0, requests: 0, stop: () => Promise.resolve() };
  const server = http.createServer((message, response) => {
    upstream.requests += 1;
    message.resume();
    response.writeHead(200, { "content-length": 2 }).end("ok");
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  upstream.port = (server.address() as AddressInfo).port;
  upstream.stop = () => {
    server.closeAllConnections();
    server.close();
    return Promise.resolve();
  };
  return upstream;
}

/** How a model is otherwise than the drills' own. */
export type Change = (model: GatewayModel) => GatewayModel;

/** A proxy that takes another configuration while it runs. */
export interface ChangeableGateway extends Gateway {
  update(change: Change): void;
}

export type Addresses = Required<Pick<Placed, "keysUrl" | "filterAddress" | "serviceAddress">>;

export async function startNginx(run: Run, at: Addresses, change?: Change): Promise<ChangeableGateway> {
  const programs = await wheels();
  if (!programs) throw new Skip("nginx cannot be installed");
  const [httpPort = 0, https = 0] = await freePorts(2);
  const write = (other?: Change): void => {
    const files = compiledFiles({ ...at, listen: { http: httpPort, https }, ...(other && { change: other }) });
    writeFileSync(conf, files.find((f) => f.path.endsWith("nginx.conf"))?.content ?? "");
  };
  const prefix = path.join(run.directory, "nginx");
  mkdirSync(path.join(prefix, "logs"), { recursive: true });
  // Its workers are another user.
  chmodSync(run.directory, 0o755);
  const conf = path.join(prefix, "nginx.conf");
  write(change);
  const logFile = path.join(run.directory, "nginx.log");
  const args = ["-p", prefix, "-c", conf, "-g", "daemon off; pid nginx.pid;"];
  const part = startPart(programs.nginx, args, { logFile });
  run.after(() => part.stop());
  await until("nginx", () => portOpen(https), part);
  const update = (other: Change): void => {
    write(other);
    part.signal("SIGHUP");
  };
  return { port: https, pid: part.pid, log: () => readFileSync(logFile, "utf8"), update };
}

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  spec: Record<string, unknown>;
}

function serviceEntry(name: string, ports: readonly number[]): Manifest {
  return {
    ...{ apiVersion: "networking.istio.io/v1", kind: "ServiceEntry" },
    metadata: { name, namespace: "istio-system" },
    spec: {
      hosts: [`${name}.drill.internal`],
      location: "MESH_EXTERNAL",
      resolution: "STATIC",
      ports: ports.map((number, i) => ({ number, name: `http-${String(i)}`, protocol: "HTTP" })),
      endpoints: [{ address: "127.0.0.1" }],
    },
  };
}

const portOf = (address: string): number => Number(address.split(":").at(-1));

/** `newer`: a model whose routes are there already, and nothing else of it. */
function istioFiles(
  at: Addresses,
  ports: { http: number; https: number },
  newer?: Change,
  change?: Change,
  more: Readonly<Record<string, number>> = {},
): { all: string; mesh: string } {
  const local = (name: string, address: string): string => `${name}.drill.internal:${String(portOf(address))}`;
  const placed = {
    ...{ keysUrl: at.keysUrl, target: "istio", listen: ports },
    ...{ filterAddress: local("filter", at.filterAddress), serviceAddress: local("one", at.serviceAddress) },
  };
  const files = compiledFiles({ ...placed, ...(change && { change }) });
  const manifestsOf = (of: readonly OutputFile[]): Manifest[] =>
    of
      .filter((f) => f.path.endsWith(".yaml") && !f.path.endsWith("mesh.yaml"))
      .flatMap((f) => parseAllDocuments(f.content).map((d) => d.toJS() as Manifest));
  const isRoutes = ({ kind }: Manifest): boolean => kind === "VirtualService";
  const manifests = newer
    ? [
        ...manifestsOf(files).filter((m) => !isRoutes(m)),
        ...manifestsOf(compiledFiles({ ...placed, change: newer })).filter(isRoutes),
      ]
    : manifestsOf(files);
  const door = portOf(at.filterAddress);
  const entries = [
    serviceEntry("one", [portOf(at.serviceAddress)]),
    // Where it is asked, and where whole exchanges go.
    serviceEntry("filter", [door, door + 1]),
    ...Object.entries(more).map(([name, port]) => serviceEntry(name, [port])),
  ];
  const mesh = parse(files.find((f) => f.path.endsWith("mesh.yaml"))?.content ?? "") as Record<string, unknown>;
  return {
    all: [...manifests, ...entries].map((m) => stringify(m, { version: "1.1" })).join("---\n"),
    // Stock Envoy lacks Istio's own statistics filter.
    mesh: stringify({
      ...{ ...mesh, trustDomain: "cluster.local", rootNamespace: "istio-system" },
      defaultProviders: { metrics: [] },
    }),
  };
}

export async function startIstio(run: Run, at: Addresses, newer?: Change): Promise<Gateway> {
  return istio(run, (ports) => istioFiles(at, ports, newer));
}

/** Of a model that is otherwise as a whole, and may become so while it runs; `more`: services beside the drills' own. */
export function startIstioOf(more: Readonly<Record<string, number>>) {
  return async (run: Run, at: Addresses, change: Change): Promise<ChangeableGateway> =>
    istio(run, (ports, other = change) => istioFiles(at, ports, undefined, other, more));
}

type MakeFiles = (ports: { http: number; https: number }, change?: Change) => { all: string; mesh: string };

async function istio(run: Run, make: MakeFiles): Promise<ChangeableGateway> {
  const programs = await wheels();
  const istiod = await goTool("pilot-discovery");
  if (!programs || istiod === undefined) throw new Skip("Istio's parts cannot be had");
  const [httpPort = 0, https = 0] = await freePorts(2);
  const directory = path.join(run.directory, "istio");
  const configDir = path.join(directory, "config");
  mkdirSync(configDir, { recursive: true });
  const ports = { http: httpPort, https };
  const { all, mesh } = make(ports);
  const file = path.join(configDir, "all.yaml");
  writeFileSync(file, all);
  const meshFile = path.join(directory, "mesh.yaml");
  writeFileSync(meshFile, mesh);
  const kube = await startKubeStub();
  run.after(() => kube.stop());
  const control = await startIstiod({ directory, meshFile, from: { configDir, kubePort: kube.port } });
  run.after(() => control.stop());
  const envoy = await startEnvoy({
    ...{ binary: programs.envoy, directory, xdsPort: control.xdsPort },
    ...{ labels: { istio: "ingressgateway" }, namespace: "istio-system" },
  });
  run.after(() => envoy.stop());
  await until("Envoy's listener", () => portOpen(https), envoy.part);
  await until("Envoy's configuration", async () => (await envoy.accepted()) === undefined, envoy.part);
  const update = (change: Change): void => {
    writeFileSync(`${file}.next`, make(ports, change).all);
    renameSync(`${file}.next`, file);
  };
  return { port: https, pid: envoy.part.pid, log: () => readFileSync(envoy.part.logFile, "utf8"), update };
}
