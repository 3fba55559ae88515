import type { z } from "zod";
import { MOST_REPLICAS } from "../charts/places";
import { resolveGateway, type GatewayModel } from "../model";
import type { apiKey } from "../policy/kinds/api-key";
import type { floodGuard } from "../policy/kinds/flood-guard";
import { configOf } from "../decision/gateway";
import { burstOf } from "../policy/rate";

/** What stacks take from the routing model, so that nobody states it twice. */

/** The names under which an environment is reached. */
export const hostsOf = (model: GatewayModel, environment: string): string[] =>
  resolveGateway(model, environment).hosts.map(({ name }) => name);

/** The largest limit that AWS WAF takes. */
const MOST = 2_000_000_000;

/**
 * What the flood guards of all hosts and replicas let one address do in a minute: a limit in front that is below it
 * would refuse what the gateway allows.
 */
export function addressLimit(model: GatewayModel, environment: string): number {
  let limit = 0;
  for (const host of resolveGateway(model, environment).hosts) {
    const guard = configOf(host.policies, "floodGuard") as z.output<typeof floodGuard.schema> | undefined;
    if (!guard) return MOST;
    limit += Math.ceil((guard.requests * 60_000) / guard.per) + burstOf(guard) + 1;
  }
  return Math.min(MOST, limit * MOST_REPLICAS);
}

/** Headers that carry keys: none of them may stand in a log. */
export function secretHeaders(model: GatewayModel, environment: string): string[] {
  const routes = resolveGateway(model, environment).hosts.flatMap((host) => host.routes);
  const named = routes.flatMap(({ policies }) => {
    const key = configOf(policies, "apiKey") as z.output<typeof apiKey.schema> | undefined;
    const set = configOf(policies, "secretHeaders") as { set: object } | undefined;
    const { header: ofToken } = (configOf(policies, "jwt") ?? {}) as { header?: string };
    return [
      ...(key ? [key.header.toLowerCase()] : []),
      ...(ofToken === undefined ? [] : [ofToken]),
      ...Object.keys(set?.set ?? {}),
    ];
  });
  return [...new Set(["x-api-key", "x-internal-api-key", ...named])].sort();
}
