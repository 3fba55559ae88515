import type { GatewayModel } from "../model";

/** What stands in front of a gateway, as every target reads it. */

const HOPS = { none: 0, nlb: 0, alb: 1, cloudflare: 1, "cloudfront-alb": 2 } as const;

export function trustedHops(front: GatewayModel["front"]): number {
  return front.trustedHops ?? HOPS[front.kind];
}

/** An NLB keeps no header of its own: it says who calls by the PROXY protocol. */
export function usesProxyProtocol(front: GatewayModel["front"]): boolean {
  return front.kind === "nlb";
}
