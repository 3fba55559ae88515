import type { GatewayModel } from "./schema";

/** Hops in front that append to X-Forwarded-For; an NLB says it by the PROXY protocol. */
const HOPS = { none: 0, nlb: 0, alb: 1, cloudflare: 1, "cloudfront-alb": 2 } as const;

export function trustedHops(front: GatewayModel["front"]): number {
  return front.trustedHops ?? HOPS[front.kind];
}
