import type { GatewayModel } from "../model";

/**
 * Where things are in a cluster, and what others must know of the workloads: apart from these, since cdk8s takes a while to
 * load.
 */

interface Service {
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

/** The targets that run in a cluster. */
export const IN_CLUSTER: Readonly<Record<string, Place>> = {
  istio: {
    plan: (system, environment) => `istio/${system}/${environment}/filter.json`,
    proxyNamespace: (model) => model.kubernetes.istioGateway.namespace,
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
};

/** Where a balancer reaches the gateway; outside of a cluster it is where it listens. */
export const podPortOf = (model: GatewayModel, target: string): number =>
  (IN_CLUSTER[target]?.podPort ?? servicePort)(model);

/** Where a balancer asks whether the gateway is well: without a port of its own for that, by the model's path. */
export const healthOf = ({ front }: GatewayModel, target: string): { path: string; port?: number } =>
  IN_CLUSTER[target]?.health ?? { path: front.healthPath };

/** The target group that CloudFront's balancer asks, beside the one of the system's own name. AWS takes 32 characters. */
export const websiteTargetsOf = (systemName: string): string => `${systemName}-web`;

/** The most that the autoscaler makes of the filter. */
export const MOST_REPLICAS = 10;

/** The shared store's user for workloads, and where they find its address: name of the Secret, and key. */
export const STORE_USER = "gateway";
export const storeSecretOf = (workload: string): string => `${workload}-store`;
export const STORE_KEY = "REDIS_URL";

/** Name and namespace of the filter: its address in the model; where it is the gateway itself, `api-gateway`. */
export function workloadOf(
  { filter, kubernetes }: GatewayModel,
  isGateway: boolean,
): { name: string; namespace: string } {
  if (isGateway) return { name: "api-gateway", namespace: kubernetes.namespace };
  const colon = filter.address.lastIndexOf(":");
  const [name = "gateway-filter", namespace = kubernetes.namespace] = filter.address.slice(0, colon).split(".");
  return { name, namespace };
}
