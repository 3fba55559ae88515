import type { z } from "zod";
import { GATEWAY_PORTS, MOST_REPLICAS } from "../charts/figures";
import { resolveGateway, type GatewayModel } from "../model";
import type { apiKey } from "../policy/api-key";
import type { floodGuard } from "../policy/flood-guard";
import { configOf } from "../policy/gateway";
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

/** Where the balancer reaches the gateway's pods: it knows them by their own addresses, so by the containers' port. */
export function podPort({ front, listeners, targets }: GatewayModel, target = targets[0]): number {
  const listener = front.tls === "gateway" ? "https" : "http";
  if (target === "node-gateway") return GATEWAY_PORTS[listener];
  return target === "istio" ? listeners[listener].containerPort : listeners[listener].port;
}

/** Where the balancer asks whether a gateway's pod is well; Istio's ingress gateway and ingress-nginx have a port for it. */
export function healthCheckOf({ front }: GatewayModel, target: string | undefined): { path: string; port?: number } {
  if (target === "istio") return { path: "/healthz/ready", port: 15_021 };
  if (target === "ingress-nginx") return { path: "/healthz", port: 10_254 };
  return { path: front.healthPath };
}

/** Headers that carry keys: none of them may stand in a log. */
export function secretHeaders(model: GatewayModel, environment: string): string[] {
  const routes = resolveGateway(model, environment).hosts.flatMap((host) => host.routes);
  const named = routes.flatMap(({ policies }) => {
    const key = configOf(policies, "apiKey") as z.output<typeof apiKey.schema> | undefined;
    return key ? [key.header.toLowerCase()] : [];
  });
  return [...new Set(["x-api-key", "x-internal-api-key", ...named])].sort();
}
