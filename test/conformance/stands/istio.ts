import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { GatewayModel } from "../../../lib/model";
import type { OutputFile } from "../../../lib/targets";
import { startEnvoy } from "../../parts/envoy";
import { goTool } from "../../parts/go-tools";
import { startIstiod } from "../../parts/istiod";
import { secretOf, startKubeStub } from "../../parts/kube-stub";
import { freePair, freePorts, portOpen, until } from "../../../lib/conformance/parts/process";
import { wheels } from "../../../lib/conformance/parts/wheels";
import { placedService } from "../../../lib/conformance/system";
import { instancesOf } from "../../../lib/conformance/upstreams";
import { Around } from "../../../lib/conformance/stands/around";
import { renderFor } from "../../../lib/conformance/stands/nginx";
import { RealStand, type Instance } from "../../../lib/conformance/stands/real-stand";
import type { StandFactory, StandOptions } from "../../../lib/conformance/stands/stand";

interface Manifest {
  kind: string;
  metadata: { name: string; namespace: string };
  spec: Record<string, unknown>;
}

/** Names that only a cluster resolves are on loopback, and no sidecar stands there. */
function atHome(kind: string, spec: Record<string, unknown>): void {
  const endpoints = spec["endpoints"] as { address: string }[] | undefined;
  if (kind === "ServiceEntry" && endpoints) {
    spec["resolution"] = "STATIC";
    for (const endpoint of endpoints) endpoint.address = "127.0.0.1";
  }
  const { tls } = (spec["trafficPolicy"] ?? {}) as { tls?: { mode: string } };
  if (kind === "DestinationRule" && tls?.mode === "ISTIO_MUTUAL")
    (spec["trafficPolicy"] as Record<string, unknown>)["tls"] = { mode: "DISABLE" };
}

/** What only a cluster has, put in for loopback: Services with endpoints. */
function placed(
  files: readonly OutputFile[],
  around: Around,
  filterPorts: readonly number[],
  reportPort: number,
): string {
  const manifests = files
    .filter((f) => f.path.endsWith(".yaml") && !f.path.endsWith("mesh.yaml"))
    .flatMap((f) => parseAllDocuments(f.content).map((d) => d.toJS() as Manifest));
  const entry = (name: string, ports: readonly number[]): Manifest => ({
    ...{ apiVersion: "networking.istio.io/v1" },
    kind: "ServiceEntry",
    metadata: { name, namespace: "istio-system" },
    spec: {
      hosts: [`${name}.stand.internal`],
      location: "MESH_EXTERNAL",
      resolution: "STATIC",
      ports: ports.map((number) => ({ number, name: `http-${String(number)}`, protocol: "HTTP" })),
      endpoints: [{ address: "127.0.0.1" }],
    },
  });
  for (const { kind, spec } of manifests) atHome(kind, spec);
  const services = [...around.echoes.ports.entries()].map(([name, port]) => entry(name, [port]));
  const filter = entry("filter", filterPorts);
  (filter.spec["ports"] as object[]).push({ number: reportPort, name: "grpc-reports", protocol: "GRPC" });
  return [...manifests, ...services, filter].map((m) => stringify(m, { version: "1.1" })).join("---\n");
}

async function start(
  target: string,
  options: StandOptions,
  { http2, change = (model) => model }: { http2?: true; change?: (model: GatewayModel) => GatewayModel } = {},
): Promise<RealStand | { unavailable: string }> {
  const programs = await wheels();
  const istiod = await goTool("pilot-discovery");
  if (!programs || istiod === undefined) return { unavailable: "Istio's parts cannot be had" };
  return Around.with(options.system, "istio", programs.valkey, async (around) => {
    const instances: Instance[] = [];
    for (let n = 0; n < options.replicas; n++)
      instances.push(await startInstance(around, options, programs.envoy, n, change));
    return new RealStand(target, around, instances, http2);
  });
}

async function startInstance(
  around: Around,
  { environment }: StandOptions,
  envoyBinary: string,
  n: number,
  change: (model: GatewayModel) => GatewayModel,
): Promise<Instance> {
  const [http = 0, https = 0, filter = 0, through = 0, reports = 0] = await freePorts(5);
  const admin = await freePair();
  const at = { http, https, filter, through, reports, admin };
  const files = renderFor(around, "istio", environment, { ...at, certificates: "/nowhere" }, (model) => ({
    ...change(model),
    services: Object.fromEntries(
      Object.entries(model.services).map(([name, s]) => {
        const at = (instance: string): string =>
          `${instance}.stand.internal:${String(around.echoes.ports.get(instance) ?? 1)}`;
        return [name, placedService(s, instancesOf(name, s).map(at))];
      }),
    ),
    filter: { ...model.filter, address: `filter.stand.internal:${String(filter)}` },
  }));
  const plan = files.find((f) => f.path.endsWith("filter.json"));
  // The names of services are known to istiod alone.
  const planJson = plan?.content.replace(/"[\w-]+\.stand\.internal:/g, '"127.0.0.1:');
  if (planJson !== undefined) await around.startFilter(planJson, at);
  const directory = around.makeDirectory(`istio-${String(n)}`);
  const configDir = around.makeDirectory(`istio-${String(n)}/config`);
  writeFileSync(path.join(configDir, "all.yaml"), placed(files, around, [filter, through], reports));
  const mesh = parse(files.find((f) => f.path.endsWith("mesh.yaml"))?.content ?? "") as Record<string, unknown>;
  const meshFile = path.join(directory, "mesh.yaml");
  // Stock Envoy lacks Istio's own statistics filter.
  writeFileSync(
    meshFile,
    stringify({
      ...mesh,
      trustDomain: "cluster.local",
      rootNamespace: "istio-system",
      defaultProviders: { metrics: [] },
    }),
  );
  const { namespace } = around.model.kubernetes.istioGateway;
  const kube = await startKubeStub([
    secretOf(around.model.certificate.secret, namespace, around.certificates),
    ...readdirSync(around.certificates, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => secretOf(name, namespace, path.join(around.certificates, name))),
  ]);
  const control = await startIstiod({ directory, meshFile, from: { configDir, kubePort: kube.port } });
  const envoy = await startEnvoy({
    binary: envoyBinary,
    directory,
    xdsPort: control.xdsPort,
    labels: { istio: "ingressgateway" },
    namespace: "istio-system",
  });
  await until("envoy's listeners", async () => (await portOpen(https)) && (await portOpen(http)), envoy.part);
  const rejected = await envoy.accepted();
  if (rejected !== undefined) throw new Error(`istiod's configuration was not accepted: ${rejected}`);
  around.addLog(envoy.part.logFile);
  const stop = async (): Promise<void> => {
    await envoy.stop();
    await control.stop();
    await kube.stop();
  };
  return { http, https, stop };
}

export const istioStand: StandFactory = (options) => start("istio", options);

export const istioHttp2Stand: StandFactory = (options) => start("istio-http2", options, { http2: true });

type Policies = GatewayModel["routes"][number]["policies"];

/** What only the filter keeps. */
const OF_FILTER = {
  tenant: null,
  rateLimit: null,
  circuitBreaker: null,
  cache: null,
  compression: null,
  bodySchema: null,
};

function barePolicies<P extends Policies>({ jwt, timeouts, ...policies }: P): P {
  const { revocation: _revocation, ...plainJwt } = jwt ?? {};
  const { total: _total, ...plainTimeouts } = timeouts ?? {};
  return {
    ...policies,
    ...OF_FILTER,
    ...(jwt && { jwt: { ...plainJwt, webSocketProtocol: false } }),
    ...(timeouts && { timeouts: plainTimeouts }),
  } as P;
}

/** Tokens and roles by Istio alone: the same model without what only the filter keeps, its differences accepted. */
function withoutFilter(model: GatewayModel): GatewayModel {
  return {
    ...model,
    accept: [{ difference: "istio-native-jwt", reason: "The run compares both forms." }],
    policies: barePolicies(model.policies),
    routes: model.routes.map((r) => ({ ...r, policies: barePolicies(r.policies) })),
  };
}

export const istioNativeStand: StandFactory = (options) => start("istio-native", options, { change: withoutFilter });
