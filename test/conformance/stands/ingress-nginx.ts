import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../../lib/conformance/parts/process";
import { lacksIngressNginx, startIngressNginx } from "../../parts/ingress-nginx";
import { inCluster, type Cluster } from "./cluster";

/** What the controller looks for: its class, its namespace, and itself. */
const ITS_OWN = [
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "IngressClass",
    metadata: { name: "nginx" },
    spec: { controller: "k8s.io/ingress-nginx" },
  },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "ingress-nginx" } },
  {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "ingress-nginx-0", namespace: "ingress-nginx", labels: { app: "ingress-nginx" } },
    spec: { containers: [{ name: "controller", image: "none" }] },
  },
];

/** Lua takes what the controller posts once a second, if not later. */
const BACKENDS_MS = 2_000;

async function start({ around, server, folder, manifests, ports, apply }: Cluster): Promise<() => Promise<void>> {
  await apply([...ITS_OWN, ...manifests]);
  const [status = 0, stream = 0, fallback = 0, health = 0] = await freePorts(4);
  const part = await startIngressNginx({
    folder,
    ingresses: manifests.filter(({ kind }) => kind === "Ingress").map(({ metadata }) => metadata.name),
    logFile: around.logFile("controller.log"),
    addLog: (file) => {
      around.addLog(file);
    },
    kubeconfig: server.kubeconfig,
    ports: { ...ports, status, stream, fallback, health },
  });
  await sleep(BACKENDS_MS);
  return () => part.stop();
}

/** The real controller with all of a system's Ingresses. */
export const ingressNginxStand = inCluster("ingress-nginx", "ingress-nginx", { lacks: lacksIngressNginx, start });
