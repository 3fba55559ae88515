import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { pair } from "../../lib/conformance/certificates";
import { NOBODY } from "../../lib/conformance/identity-file";
import { freePorts, temporaryFolder, until, type Part } from "../../lib/conformance/parts/process";
import { nginxStand } from "../../lib/conformance/stands/nginx";
import { RealStand } from "../../lib/conformance/stands/real-stand";
import { importIngresses } from "../../lib/import/ingress";
import { INGRESS_NGINX, modelOf } from "../../lib/import/model-text";
import { readObjects } from "../../lib/import/objects";
import { checkModel, type GatewayModel } from "../../lib/model";
import { formatDiagnostic, hasErrors } from "../../lib/diagnostics";
import { POD } from "../conformance/apart";
import { startApiServer } from "../parts/api-server";
import { CONTROLLERS_OWN, startIngressNginx } from "../parts/ingress-nginx";
import { startTraefik } from "../parts/traefik";
import { ingressesOf, NAMESPACE, type Entry } from "./entries";

/** The controller, Traefik and our nginx, with the same Ingresses and the same services. */

const run = promisify(execFile);

/** Services of the entries. A canary takes from all Ingresses of a Service: those that have one have Services of their own. */
const SERVICES = ["web", "next", "auth", ...[1, 2, 3, 4].flatMap((n) => [`main-${String(n)}`, `canary-${String(n)}`])];

const toYaml = (objects: readonly object[]): string =>
  objects.map((object) => stringify(object, { version: "1.1" })).join("---\n");

/** What `gatewright import` makes of all of them, its services by their own names. */
function importedModel(objects: readonly object[]): GatewayModel {
  const file = path.join(temporaryFolder("gatewright-migration-"), "ingresses.yaml");
  writeFileSync(file, toYaml(objects));
  const model = modelOf("migration", ["nginx"], INGRESS_NGINX, importIngresses(readObjects([file]), "nginx"));
  const renamed = JSON.stringify(model).replace(/"shop-([\w-]+)-80"/g, '"$1"');
  const value = JSON.parse(renamed) as { services: Record<string, { address: string }> };
  for (const name of SERVICES) value.services[name] ??= { address: `${name}.${NAMESPACE}.svc.cluster.local:80` };
  const checked = checkModel({ file, value, locate: () => ({ file }) });
  if (!checked.value || hasErrors(checked.diagnostics))
    throw new Error(checked.diagnostics.map(formatDiagnostic).join("\n"));
  return checked.value;
}

/** Pods have addresses that are not loopback's, where echo servers listen. */
async function atPod(port: number, to = port): Promise<net.Server> {
  const server = net.createServer((client) => {
    const echo = net.connect(to, "127.0.0.1");
    const end = (): void => {
      client.destroy();
      echo.destroy();
    };
    for (const socket of [client, echo]) socket.on("error", end).on("close", end);
    client.pipe(echo).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(port, POD, resolve));
  return server;
}

async function surroundings(ports: ReadonlyMap<string, number>, hosts: readonly string[]): Promise<object[]> {
  const { cert, key } = await pair(hosts);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const secret = (name: string, data: Record<string, string>, type = "Opaque"): object => ({
    ...{ apiVersion: "v1", kind: "Secret", type, metadata: { name, namespace: NAMESPACE } },
    data: Object.fromEntries(Object.entries(data).map(([k, value]) => [k, base64(value)])),
  });
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    ...CONTROLLERS_OWN,
    secret("shop-tls", { "tls.crt": cert, "tls.key": key }, "kubernetes.io/tls"),
    // "user", "pass".
    secret("passwords", { auth: "user:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=\n" }),
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "headers", namespace: NAMESPACE },
      data: { "X-Custom": "yes" },
    },
    ...SERVICES.flatMap((name) => [
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name, namespace: NAMESPACE },
        spec: { ports: [{ name: "http", port: 80, targetPort: ports.get(name), protocol: "TCP" }] },
      },
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: { name: `${name}-1`, namespace: NAMESPACE, labels: { "kubernetes.io/service-name": name } },
        addressType: "IPv4",
        ports: [{ name: "http", port: ports.get(name), protocol: "TCP" }],
        endpoints: [{ addresses: [POD], conditions: { ready: true } }],
      },
    ]),
  ];
}

/** Lua takes what the controller posts once a second. */
const SETTLED_MS = 1_500;

/** Routes are there before their endpoints are, and before certificates, without which nobody is redirected. */
async function serves(stand: RealStand, part: Part): Promise<void> {
  const ask = async (scheme: "http" | "https", host: string): Promise<number> => {
    const line = { scheme, httpVersion: "1.1", method: "GET", host, target: "/", headers: [], chunked: false } as const;
    const wire = { ...line, headers: [...line.headers], body: undefined, client: "127.0.0.1", websocket: false };
    const opened = await stand.send(wire, 0).catch(() => undefined);
    opened?.socket.destroy();
    return opened?.answer.status ?? 0;
  };
  const isReady = async (): Promise<boolean> =>
    (await ask("http", "plain.example")) === 200 && (await ask("http", "ssl-redirect.example")) === 308;
  await until(`${stand.target}'s endpoints and certificates`, isReady, part, 30_000);
}

export interface Gateways {
  controller: RealStand;
  traefik: RealStand;
  ours: RealStand;
}

/** Runs something with all three. It needs a network of its own (test/conformance/apart.ts). */
export async function withGateways<T>(entries: readonly Entry[], use: (gateways: Gateways) => Promise<T>): Promise<T> {
  const [authPort = 0] = await freePorts(1);
  const objects = entries.flatMap((one) => ingressesOf(one, `${POD}:${String(authPort)}`));
  const model = importedModel(objects);
  const system = {
    ...{ name: "migration", model, identities: NOBODY },
    trust: { serverNames: [], strangers: [] },
  };
  const ours = await nginxStand("nginx")({ system, environment: "production", replicas: 1 });
  if (!(ours instanceof RealStand)) throw new Error("nginx cannot be had");
  const stops: (() => Promise<unknown>)[] = [() => ours.stop()];
  try {
    const { around } = ours;
    const { ports } = around.echoes;
    const pods = await Promise.all([
      ...SERVICES.map((name) => atPod(ports.get(name) ?? 0)),
      atPod(authPort, ports.get("auth") ?? 0),
    ]);
    stops.push(...pods.map((pod) => () => new Promise((resolve) => pod.close(resolve))));
    const server = await startApiServer({ directory: around.directory, definitions: false });
    if (!server) throw new Error("the API server cannot be had");
    stops.push(() => server.stop());
    const file = path.join(around.directory, "objects.yaml");
    const hosts = Object.keys(model.hosts);
    writeFileSync(file, toYaml([...(await surroundings(ports, hosts)), ...objects]));
    const cache = path.join(around.directory, "kubectl-cache");
    await run("kubectl", [
      "--kubeconfig",
      server.kubeconfig,
      "--cache-dir",
      cache,
      "apply",
      "--server-side",
      "-f",
      file,
    ]);
    const [http = 0, https = 0, status = 0, stream = 0, fallback = 0, health = 0] = await freePorts(6);
    const controller = await startIngressNginx({
      folder: around.makeDirectory("controller"),
      ingresses: entries.slice(0, 1).map(({ name }) => name),
      logFile: around.logFile("controller.log"),
      addLog: () => undefined,
      kubeconfig: server.kubeconfig,
      ports: { http, https, status, stream, fallback, health },
    });
    stops.push(() => controller.stop());
    const [web = 0, secure = 0, api = 0] = await freePorts(3);
    const traefik = await startTraefik({
      provider: "kubernetesingressnginx",
      logFile: around.logFile("traefik.log"),
      kubeconfig: server.kubeconfig,
      ca: path.join(around.directory, "api-server/certificates/apiserver.crt"),
      ports: { http: web, https: secure, api },
      networks: [],
      proxyProtocol: false,
    });
    stops.push(() => traefik.stop());
    const gateways = {
      ours,
      controller: new RealStand("controller", around, [{ http, https }]),
      traefik: new RealStand("traefik", around, [{ http: web, https: secure }]),
    };
    await serves(gateways.controller, controller);
    await serves(gateways.traefik, traefik);
    await sleep(SETTLED_MS);
    return await use(gateways);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}
