import type { GatewayModel } from "../model";

/** Figures and names of the workloads that others must know; apart from them, since cdk8s takes a while to load. */

/** Where the filter listens in its container when it is the gateway itself. */
export const GATEWAY_PORTS = { http: 3000, https: 3443 };

/** The most that the autoscaler makes of the filter. */
export const MOST_REPLICAS = 10;

/** Where a workload finds the address of the shared store, when External Secrets brings it: name of the Secret, and key. */
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
