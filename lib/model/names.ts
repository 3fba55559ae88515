import type { GatewayModel } from "./schema";

/** What an environment of a system is called wherever it is deployed: `serhafen-production`. */
export const systemNameOf = (model: Pick<GatewayModel, "name">, environment: string): string =>
  `${model.name}-${environment}`;

/** The target whose pods the balancer of an environment asks. */
export const edgeTargetOf = ({ infrastructure, targets }: GatewayModel, environment: string): string =>
  infrastructure[environment]?.edge.target ?? targets[0] ?? "";

/** The user that a service account, as `namespace/name`, is to a database. */
export const userOf = (account: string): string => account.split("/")[1] ?? "";
