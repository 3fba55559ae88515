import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../../../lib/conformance/parts/process";
import { CONTROLLERS_OWN, lacksIngressNginx, startIngressNginx } from "../../parts/ingress-nginx";
import { inCluster, type Cluster } from "./cluster";

/** Lua takes what the controller posts once a second, if not later. */
const BACKENDS_MS = 2_000;

async function start({ around, server, folder, manifests, ports, apply }: Cluster): Promise<() => Promise<void>> {
  await apply([...CONTROLLERS_OWN, ...manifests]);
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
