import { CLUSTER_TARGETS, type ClusterTarget } from "./infrastructure";
import type { GatewayModel } from "./schema";

/** What an environment of a system is called wherever it is deployed: `serhafen-production`. */
export const systemNameOf = (model: Pick<GatewayModel, "name">, environment: string): string =>
  `${model.name}-${environment}`;

const isInCluster = (target: string): target is ClusterTarget =>
  (CLUSTER_TARGETS as readonly string[]).includes(target);

/** The target whose pods the balancer of an environment asks, if any of the model's runs in a cluster. */
export const clusterTargetOf = (
  { infrastructure, targets }: Pick<GatewayModel, "infrastructure" | "targets">,
  environment: string,
): ClusterTarget | undefined => infrastructure[environment]?.edge.target ?? targets.find(isInCluster);

/** The same of a model that has been checked. */
export function edgeTargetOf(model: GatewayModel, environment: string): ClusterTarget {
  const target = clusterTargetOf(model, environment);
  if (!target) throw new Error(`${model.name} has no target that runs in a cluster: check refuses it.`);
  return target;
}

/** The user that a service account, as `namespace/name`, is to a database. */
export const userOf = (account: string): string => account.split("/")[1] ?? "";

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

/** Name of the GatewayClass: what the implementation's own documentation calls it, unless the model says otherwise. */
export const gatewayClassOf = ({ kubernetes }: Pick<GatewayModel, "kubernetes">): string => {
  const { className, implementation } = kubernetes.gatewayApi;
  return className ?? (implementation === "envoy-gateway" ? "eg" : "istio");
};
