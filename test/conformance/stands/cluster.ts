import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { parseAllDocuments, stringify } from "yaml";
import { pair } from "../../../lib/conformance/certificates";
import { freePair, freePorts } from "../../../lib/conformance/parts/process";
import { wheels } from "../../../lib/conformance/parts/wheels";
import { Around } from "../../../lib/conformance/stands/around";
import { renderFor } from "../../../lib/conformance/stands/nginx";
import { RealStand } from "../../../lib/conformance/stands/real-stand";
import type { StandFactory, StandOptions } from "../../../lib/conformance/stands/stand";
import { gatewayClassOf, type GatewayModel } from "../../../lib/model";
import { goTool } from "../../parts/go-tools";
import { startApiServer, type ApiServer } from "../../parts/api-server";
import { POD } from "../apart";
import { withoutForwarded } from "./without-forwarded";

/** A gateway that reads its objects from a real API server, and carries everything to the filter. It needs a network of its own: see apart.ts. */

const run = promisify(execFile);

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec?: unknown;
}

export interface Cluster {
  around: Around;
  server: ApiServer;
  /** A folder of the gateway's own. */
  folder: string;
  /** What we have written for it. */
  manifests: readonly Manifest[];
  /** Where what is http and https to the client comes in. */
  ports: { http: number; https: number };
  apply: (objects: readonly object[]) => Promise<void>;
}

export interface Gateway {
  /** Why it cannot be run here, if it cannot. */
  lacks: () => Promise<string | undefined>;
  /** The model as it is for this gateway. */
  change?: (model: GatewayModel) => GatewayModel;
  /** Starts it, and waits until it serves; gives what stops it. */
  start: (cluster: Cluster) => Promise<() => Promise<void>>;
}

/** The filter by its name in a cluster, at this run's port. Envoy calls by the pod's address who comes by loopback. */
const named = (placed: GatewayModel, { filter }: GatewayModel): GatewayModel => ({
  ...placed,
  front: {
    ...placed.front,
    networks: placed.front.networks.flatMap((n) => (n.startsWith("127.") ? [n, `${POD}/32`] : [n])),
  },
  filter: { ...placed.filter, address: filter.address.replace(/\d+$/, /\d+$/.exec(placed.filter.address)?.[0] ?? "") },
});

/** Of what is deployed for a Gateway (GEP-1762). */
export const deployedName = (model: GatewayModel): string => `${model.name}-${gatewayClassOf(model)}`;

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** What is in a cluster beside what we write: namespaces, certificates, and the filter's Service with its one pod. */
async function surroundings(model: GatewayModel, filterPorts: readonly number[]): Promise<object[]> {
  const { namespace } = model.kubernetes;
  const [service = ""] = model.filter.address.split(".");
  const own = Object.entries(model.hosts).flatMap(([host, { certificate }]) =>
    certificate ? [[certificate.secret, [host]] as const] : [],
  );
  // One for all is named as it is on other stands; nobody shows one that is not of the host.
  const secrets = [[model.certificate.secret, ["api.example.com", ...Object.keys(model.hosts)]] as const, ...own].map(
    async ([name, hosts]) => {
      const { cert, key } = await pair(hosts);
      const metadata = { name, namespace };
      const data = { "tls.crt": base64(cert), "tls.key": base64(key) };
      return { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata, data };
    },
  );
  const ports = filterPorts.map((port) => ({ name: `p${String(port)}`, port, protocol: "TCP" }));
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    ...(await Promise.all(secrets)),
    { apiVersion: "v1", kind: "Service", metadata: { name: service, namespace }, spec: { ports } },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: `${service}-1`, namespace, labels: { "kubernetes.io/service-name": service } },
      addressType: "IPv4",
      ports,
      endpoints: [{ addresses: [POD], conditions: { ready: true } }],
    },
  ];
}

async function begin(
  target: string,
  column: string,
  around: Around,
  { environment }: StandOptions,
  { start }: Gateway,
): ReturnType<StandFactory> {
  const [http = 0, https = 0, filter = 0, through = 0, reports = 0] = await freePorts(5);
  const at = { http, https, filter, through, reports, admin: await freePair() };
  const files = renderFor(around, target, environment, { ...at, certificates: around.certificates }, (model) =>
    withoutForwarded(named(model, around.model)),
  );
  const plan = files.find((f) => f.path.endsWith("filter.json"));
  if (plan) await around.startFilter(plan.content, at, { LISTEN_HOST: "0.0.0.0" });
  const server = await startApiServer({
    directory: around.directory,
    definitions: false,
    account: `system:serviceaccount:${around.model.kubernetes.namespace}:${deployedName(around.model)}`,
  });
  if (!server) return { unavailable: "the API server cannot be had" };
  const common = ["--kubeconfig", server.kubeconfig, "--cache-dir", path.join(around.directory, "kubectl-cache")];
  const apply = async (objects: readonly object[]): Promise<void> => {
    const file = path.join(around.directory, "objects.yaml");
    writeFileSync(file, objects.map((object) => stringify(object, { version: "1.1" })).join("---\n"));
    const args = [...common, "apply", "--server-side", "--validate=strict", "-f", file];
    await run("kubectl", args, { maxBuffer: 64 * 1024 * 1024 });
  };
  try {
    await apply(await surroundings(around.model, [filter, through]));
    const manifests = files
      .filter((f) => f.path.endsWith(".yaml"))
      .flatMap((f) => parseAllDocuments(f.content).map((d) => d.toJS() as Manifest));
    // Where TLS ends in front, what is https to the client comes to the plain listener.
    const ports = around.model.front.tls === "gateway" ? { http, https } : { http: https, https: http };
    const folder = around.makeDirectory(column);
    const stopGateway = await start({ around, server, folder, manifests, ports, apply });
    const stop = async (): Promise<void> => {
      await stopGateway();
      await server.stop();
    };
    return new RealStand(column, around, [{ http, https, stop }]);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** What has to be fetched or built, while there is a network to do it by. */
const prepareCluster = async (): Promise<void> => {
  await Promise.all([wheels(), goTool("kube-apiserver")]);
};

/** Gateways that need a network of their own, by column, and what has to be done before. */
export const APART = new Map<string, () => Promise<void>>();

/** The stand of one gateway for a target's objects. */
export function inCluster(target: string, column: string, gateway: Gateway): StandFactory {
  APART.set(column, async () => {
    await prepareCluster();
    await gateway.lacks();
  });
  return async (options) => {
    if (options.replicas > 1) return { unavailable: "one gateway is enough" };
    const programs = await wheels();
    if (!programs) return { unavailable: "the store cannot be installed" };
    const lacks = await gateway.lacks();
    if (lacks !== undefined) return { unavailable: lacks };
    const { system } = options;
    const changed = { ...system, model: gateway.change?.(system.model) ?? system.model };
    return Around.with(changed, column, programs.valkey, (around) => begin(target, column, around, options, gateway));
  };
}
