import { createHash } from "node:crypto";
import { edgeTargetOf, modelIn, systemNameOf, workloadOf, type GatewayModel } from "../model";
import type { ClusterTarget } from "../model/infrastructure";
import { KONG_PORTS } from "../targets/kong/settings";

/**
 * Where things are in a cluster, and what others must know of the workloads: apart from these, since cdk8s takes a while to
 * load.
 */

export interface Service {
  name: string;
  namespace: string;
  port: number;
}

/** Where a target runs in a cluster. */
interface Place {
  /** Path of the filter's plan. */
  plan: (system: string, environment: string) => string;
  /** Namespace of the proxy that asks the filter; none where the filter is the gateway itself. */
  proxyNamespace?: (model: GatewayModel) => string;
  /** Its pods there: nobody else in the namespace may ask. */
  proxyLabels?: (model: GatewayModel) => Record<string, string>;
}

/** And where a balancer of ours finds it. */
interface EdgePlace extends Place {
  /** The Service whose pods a balancer asks. */
  service: (model: GatewayModel) => Service;
  /** Port of the pods behind it; a balancer knows them by their own addresses. */
  podPort: (model: GatewayModel) => number;
  /** Where the proxy says whether it is well, where it has a port for that. */
  health?: { path: string; port: number };
}

/** Where a balancer speaks TLS to the gateway, it asks for that listener. */
const listenerOf = ({ front }: GatewayModel): "http" | "https" => (front.tls === "gateway" ? "https" : "http");
const servicePort = (model: GatewayModel): number => model.listeners[listenerOf(model)].port;

/** Where the filter listens in its container when it is the gateway itself. */
export const GATEWAY_PORTS = { http: 3000, https: 3443 };

/** Kong's workload. */
export const KONG_NAME = "kong-gateway";

/** The targets that run in a cluster, behind a balancer of ours. */
const IN_CLUSTER: Readonly<Record<ClusterTarget, EdgePlace>> = {
  istio: {
    plan: (system, environment) => `istio/${system}/${environment}/filter.json`,
    proxyNamespace: (model) => model.kubernetes.istioGateway.namespace,
    proxyLabels: (model) => model.kubernetes.istioGateway.labels,
    service: (model) => {
      const { namespace, labels } = model.kubernetes.istioGateway;
      return { name: `istio-${labels["istio"] ?? "ingressgateway"}`, namespace, port: servicePort(model) };
    },
    podPort: (model) => model.listeners[listenerOf(model)].containerPort,
    health: { path: "/healthz/ready", port: 15_021 },
  },
  "ingress-nginx": {
    plan: (system, environment) => `nginx/${system}/${environment}/ingress-nginx/filter.json`,
    proxyNamespace: () => "ingress-nginx",
    proxyLabels: () => ({ "app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller" }),
    service: (model) => ({
      name: "ingress-nginx-controller",
      namespace: "ingress-nginx",
      port: servicePort(model),
    }),
    podPort: servicePort,
    health: { path: "/healthz", port: 10_254 },
  },
  "node-gateway": {
    plan: (system, environment) => `kubernetes/${system}/${environment}/node-gateway/plan.json`,
    service: (model) => ({ ...workloadOf(model, true), port: servicePort(model) }),
    podPort: (model) => GATEWAY_PORTS[listenerOf(model)],
  },
  kong: {
    plan: (system, environment) => `kong/${system}/${environment}/filter.json`,
    proxyNamespace: (model) => model.kubernetes.namespace,
    proxyLabels: () => ({ "app.kubernetes.io/name": KONG_NAME }),
    service: (model) => ({
      name: KONG_NAME,
      namespace: model.kubernetes.namespace,
      port: servicePort(model),
    }),
    podPort: (model) => KONG_PORTS[listenerOf(model)],
    health: { path: "/status/ready", port: KONG_PORTS.status },
  },
};

/** Whatever implements it makes pods and Service as it likes: what stands before them is not ours. */
const OF_OTHERS: Readonly<Record<string, Place>> = {
  "gateway-api": {
    plan: (system, environment) => `gateway-api/${system}/${environment}/filter.json`,
    proxyNamespace: (model) => {
      const { namespace, implementation } = model.kubernetes.gatewayApi;
      if (namespace !== undefined) return namespace;
      return implementation === "envoy-gateway" ? "envoy-gateway-system" : workloadOf(model, false).namespace;
    },
    proxyLabels: (model) => {
      const { labels, implementation } = model.kubernetes.gatewayApi;
      if (labels) return labels;
      if (implementation === undefined) return { "gateway.networking.k8s.io/gateway-name": model.name };
      const owner = "gateway.envoyproxy.io/owning-gateway";
      return { [`${owner}-name`]: model.name, [`${owner}-namespace`]: workloadOf(model, false).namespace };
    },
  },
};

/** Where a target runs in a cluster; nowhere where it does not. */
export const placeOf = (target: string): Place | undefined =>
  (IN_CLUSTER as Readonly<Partial<Record<string, Place>>>)[target] ?? OF_OTHERS[target];

/** The Service of a gateway, whose pods a balancer asks. */
export const serviceOf = (model: GatewayModel, target: ClusterTarget): Service => IN_CLUSTER[target].service(model);

/** Where a balancer asks whether the gateway is well: without a port of its own for that, by the model's path. */
export const healthOf = ({ front }: GatewayModel, target: ClusterTarget): { path: string; port?: number } =>
  IN_CLUSTER[target].health ?? { path: front.healthPath };

interface TargetGroups {
  port: number;
  protocol: "HTTP" | "HTTPS";
  /** Names, by who asks: the public's balancer, and CloudFront's. */
  front: string;
  website: string;
}

/**
 * The groups that the gateway's pods are in for the balancers. Port and protocol are those of a group for good: the names change
 * with them, or CloudFormation could not put another in its place. AWS takes 32 characters.
 */
export function targetGroupsOf(whole: GatewayModel, environment: string): TargetGroups {
  const model = modelIn(whole, environment);
  const port = IN_CLUSTER[edgeTargetOf(model, environment)].podPort(model);
  const protocol = model.front.tls === "gateway" ? "HTTPS" : "HTTP";
  const code = createHash("sha256")
    .update(`${protocol} ${String(port)}`)
    .digest("hex")
    .slice(0, 2);
  const name = systemNameOf(model, environment);
  return { port, protocol, front: `${name}-g${code}`, website: `${name}-w${code}` };
}

/** The most that the autoscaler makes of the filter. */
export const MOST_REPLICAS = 10;

/** The shared store's user for workloads, and where they find its address: name of the Secret, and key. */
export const STORE_USER = "gateway";
export const storeSecretOf = (workload: string): string => `${workload}-store`;
export const STORE_KEY = "REDIS_URL";

/** Pods that whoever collects metrics asks. */
export interface Scraped {
  name: string;
  namespace: string;
  /** Name of the container's port. */
  port: string;
  component: "filter" | "kong";
}

/** The workloads that were written, by the plans that there are; the filter has one name, whichever proxy it stands behind. */
export function scrapedOf(model: GatewayModel, environment: string, files: readonly { path: string }[]): Scraped[] {
  const written = model.targets.filter((target) => {
    const plan = placeOf(target)?.plan(model.name, environment);
    return files.some(({ path }) => path === plan);
  });
  const gateways = [...new Set(written.map((target) => target === "node-gateway"))];
  const filters = gateways.map((isGateway) => ({
    ...workloadOf(model, isGateway),
    port: "admin",
    component: "filter" as const,
  }));
  const kong = { name: KONG_NAME, namespace: model.kubernetes.namespace, port: "status", component: "kong" as const };
  return [...filters, ...(written.includes("kong") ? [kong] : [])];
}
