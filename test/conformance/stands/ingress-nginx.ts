import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { parseAllDocuments, stringify } from "yaml";
import { pair } from "../../../lib/conformance/certificates";
import { freePair, freePorts } from "../../../lib/conformance/parts/process";
import { wheels } from "../../../lib/conformance/parts/wheels";
import { Around } from "../../../lib/conformance/stands/around";
import { renderFor } from "../../../lib/conformance/stands/nginx";
import { RealStand } from "../../../lib/conformance/stands/real-stand";
import type { StandFactory } from "../../../lib/conformance/stands/stand";
import type { GatewayModel } from "../../../lib/model";
import type { OutputFile } from "../../../lib/targets";
import { startApiServer, type ApiServer } from "../../parts/api-server";
import { lacksIngressNginx, startIngressNginx } from "../../parts/ingress-nginx";
import { POD } from "../apart";
import { withoutForwarded } from "./without-forwarded";

const run = promisify(execFile);

interface Backend {
  service: { name: string; port: { number: number } };
}

interface Manifest {
  kind: string;
  metadata: { name: string; namespace: string };
  spec: {
    defaultBackend?: Backend;
    rules?: { http: { paths: { backend: Backend }[] } }[];
    tls?: { secretName: string; hosts: string[] }[];
  };
}

/** The filter by its name in a cluster, at this run's port. */
const named = (placed: GatewayModel, { filter }: GatewayModel): GatewayModel => ({
  ...placed,
  filter: { ...placed.filter, address: filter.address.replace(/\d+$/, /\d+$/.exec(placed.filter.address)?.[0] ?? "") },
});

/** What is in a cluster beside what we write. */
async function surroundings(ingresses: readonly Manifest[]): Promise<unknown[]> {
  const spaces = new Set(["ingress-nginx", ...ingresses.map(({ metadata }) => metadata.namespace)]);
  const services = new Map<string, { namespace: string; name: string; ports: Set<number> }>();
  const hosts = new Map<string, { namespace: string; name: string; hosts: Set<string> }>();
  for (const { metadata, spec } of ingresses) {
    const { namespace } = metadata;
    const backends = (spec.rules ?? []).flatMap((rule) => rule.http.paths.map(({ backend }) => backend));
    for (const { service } of [...backends, ...(spec.defaultBackend ? [spec.defaultBackend] : [])]) {
      const key = `${namespace}/${service.name}`;
      const known = services.get(key) ?? { namespace, name: service.name, ports: new Set() };
      known.ports.add(service.port.number);
      services.set(key, known);
    }
    for (const tls of spec.tls ?? []) {
      const key = `${namespace}/${tls.secretName}`;
      const known = hosts.get(key) ?? { namespace, name: tls.secretName, hosts: new Set() };
      for (const host of tls.hosts) known.hosts.add(host);
      hosts.set(key, known);
    }
  }
  const secrets = [...hosts.values()].map(async ({ namespace, name, hosts: names }) => {
    // One for all is named as it is on other stands; the controller shows none that is not of the host.
    const { cert, key } = await pair(names.size > 1 ? ["api.example.com", ...names] : [...names]);
    const metadata = { name, namespace };
    const stringData = { "tls.crt": cert, "tls.key": key };
    return { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata, stringData };
  });
  return [
    ...[...spaces].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "IngressClass",
      metadata: { name: "nginx" },
      spec: { controller: "k8s.io/ingress-nginx" },
    },
    // The controller looks for itself.
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "ingress-nginx-0", namespace: "ingress-nginx", labels: { app: "ingress-nginx" } },
      spec: { containers: [{ name: "controller", image: "none" }] },
    },
    ...(await Promise.all(secrets)),
    ...[...services.values()].flatMap(({ namespace, name, ports }) => {
      const list = [...ports].map((port) => ({ name: `p${String(port)}`, port, protocol: "TCP" }));
      return [
        { apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec: { ports: list } },
        {
          apiVersion: "discovery.k8s.io/v1",
          kind: "EndpointSlice",
          metadata: { name: `${name}-1`, namespace, labels: { "kubernetes.io/service-name": name } },
          addressType: "IPv4",
          ports: list,
          endpoints: [{ addresses: [POD], conditions: { ready: true } }],
        },
      ];
    }),
  ];
}

async function apply(server: ApiServer, folder: string, files: readonly OutputFile[]): Promise<string[]> {
  const manifests = files
    .filter((f) => f.path.includes("/ingress-nginx/") && f.path.endsWith(".yaml"))
    .flatMap((f) => parseAllDocuments(f.content).map((d) => d.toJS() as Manifest));
  const ingresses = manifests.filter(({ kind }) => kind === "Ingress");
  const file = path.join(folder, "cluster.yaml");
  const all = [...(await surroundings(ingresses)), ...manifests];
  writeFileSync(file, all.map((object) => stringify(object, { version: "1.1" })).join("---\n"));
  const common = ["--kubeconfig", server.kubeconfig, "--cache-dir", path.join(folder, "kubectl-cache")];
  await run("kubectl", [...common, "apply", "--validate=strict", "-f", file], { maxBuffer: 64 * 1024 * 1024 });
  return ingresses.map(({ metadata }) => metadata.name);
}

/** Lua takes what the controller posts once a second, if not later. */
const BACKENDS_MS = 2_000;

/** The real controller and a real API server, with all of a system's Ingresses. It needs a network of its own: see apart.ts. */
export const ingressNginxStand: StandFactory = async ({ system, environment, replicas }) => {
  if (replicas > 1) return { unavailable: "one controller is enough" };
  const programs = await wheels();
  if (!programs) return { unavailable: "the store cannot be installed" };
  const lacks = await lacksIngressNginx();
  if (lacks !== undefined) return { unavailable: lacks };
  const begin = async (around: Around): ReturnType<StandFactory> => {
    const ports = await freePorts(9);
    const [
      http = 0,
      https = 0,
      filter = 0,
      through = 0,
      reports = 0,
      status = 0,
      stream = 0,
      fallback = 0,
      health = 0,
    ] = ports;
    const at = { http, https, filter, through, reports, admin: await freePair() };
    const files = renderFor(around, "ingress-nginx", environment, { ...at, certificates: around.certificates }, (m) =>
      withoutForwarded(named(m, around.model)),
    );
    const plan = files.find((f) => f.path.endsWith("filter.json"));
    if (plan) await around.startFilter(plan.content, at, { LISTEN_HOST: "0.0.0.0" });
    const server = await startApiServer({ directory: around.directory, definitions: false });
    if (!server) return { unavailable: "the API server cannot be had" };
    try {
      const folder = around.makeDirectory("controller");
      const tls = around.model.front.tls === "gateway";
      const part = await startIngressNginx({
        folder,
        ingresses: await apply(server, folder, files),
        logFile: around.logFile("controller.log"),
        addLog: (file) => {
          around.addLog(file);
        },
        kubeconfig: server.kubeconfig,
        // Where TLS ends in front, what is https to the client comes to the plain listener.
        ports: { ...(tls ? { http, https } : { http: https, https: http }), status, stream, fallback, health },
      });
      await sleep(BACKENDS_MS);
      const stop = async (): Promise<void> => {
        await part.stop();
        await server.stop();
      };
      return new RealStand("ingress-nginx", around, [{ http, https, stop }]);
    } catch (error) {
      await server.stop();
      throw error;
    }
  };
  return Around.with(system, "ingress-nginx", programs.valkey, begin);
};
