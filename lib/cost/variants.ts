import { edgeTargetOf, type GatewayModel } from "../model";
import type { ClusterTarget, Infrastructure } from "../model/infrastructure";
import { billOf, podsIn, type Bill, type Wanted } from "./bill";
import { INSTANCES, nodesFor } from "./nodes";

/** Other models of the same system, each synthesized and priced like the first: the gateways that it may stand behind. */

export type Change = (infrastructure: Infrastructure) => Infrastructure;

export function changed(model: GatewayModel, environment: string, change: Change): GatewayModel {
  const before = model.infrastructure[environment];
  if (!before) return model;
  return { ...model, infrastructure: { ...model.infrastructure, [environment]: change(before) } };
}

/** The model with one target, whose pods the balancer asks. */
export function behind(model: GatewayModel, environment: string, target: ClusterTarget): GatewayModel {
  const narrowed = changed(model, environment, (i) => ({ ...i, edge: { ...i.edge, target } }));
  return { ...narrowed, targets: [target] };
}

/** The model with as many nodes as its pods ask for, and no fewer than one in each zone. */
export function withNodes(wanted: Wanted): GatewayModel {
  const { model, environment } = wanted;
  const infrastructure = model.infrastructure[environment];
  const instance = INSTANCES[infrastructure?.cluster.nodes.instanceType ?? ""];
  if (!infrastructure || !instance) return model;
  const count = Math.max(infrastructure.zones.length, nodesFor(podsIn(wanted), instance) ?? 0);
  return changed(model, environment, (i) => {
    const { nodes } = i.cluster;
    return { ...i, cluster: { ...i.cluster, nodes: { ...nodes, min: count, max: Math.max(count, nodes.max) } } };
  });
}

export interface Solution {
  name: string;
  bill: Bill;
}

/** The gateways that a system may stand behind. */
const SOLUTIONS: readonly { name: string; target: ClusterTarget }[] = [
  { name: "Node gateway", target: "node-gateway" },
  { name: "Kong, without a database", target: "kong" },
  { name: "Istio", target: "istio" },
];

export function solutionsOf({ model, environment, usage }: Wanted): Solution[] {
  return SOLUTIONS.filter(({ target }) => model.targets.includes(target)).map(({ name, target }) => {
    const own = { model: behind(model, environment, target), environment, usage };
    return { name, bill: billOf({ ...own, model: withNodes(own) }) };
  });
}

/** The environment as the model has it: one gateway runs. */
export const presentBill = ({ model, environment, usage }: Wanted): Bill =>
  billOf({ model: behind(model, environment, edgeTargetOf(model, environment)), environment, usage });
