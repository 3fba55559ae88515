import { rolledRoutes, shareOf } from "./rollouts";
import type { GatewayModel } from "./schema";

/** The model as it is in one environment: what its overlay says in place of what the model says, and how far its rollouts are. */
export function modelIn(model: GatewayModel, environment: string): GatewayModel {
  const isRolled = Object.values(model.rollouts).some((rollout) => shareOf(rollout, environment) > 0);
  const own = overlaid(model, environment);
  return isRolled ? { ...own, routes: rolledRoutes(own, environment) } : own;
}

function overlaid(model: GatewayModel, environment: string): GatewayModel {
  const { [environment]: overlay, ...others } = model.overlays;
  if (!overlay) return model;
  const layered = <T extends { policies: object }>(item: T, own: { policies: object } | undefined): T =>
    own ? { ...item, ...own, policies: { ...item.policies, ...own.policies } } : item;
  const all = <T extends { policies: object }>(items: Record<string, T>, own: Record<string, { policies: object }>) =>
    Object.fromEntries(Object.entries(items).map(([name, item]) => [name, layered(item, own[name])]));
  return {
    ...model,
    ...(overlay.front && { front: overlay.front }),
    policies: { ...model.policies, ...overlay.policies },
    hosts: all(model.hosts, overlay.hosts),
    services: all(model.services, overlay.services),
    issuers: { ...model.issuers, ...overlay.issuers },
    routes: model.routes.map((route) => layered(route, overlay.routes[route.name])),
    overlays: others,
  };
}
