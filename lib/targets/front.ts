import type { z } from "zod";
import type { GatewayModel } from "../model";
import { configOf, type Gateway } from "../decision/gateway";
import type { RetriesConfig, TimeoutsConfig } from "../policy/kinds/upstream";
import type { webSocket } from "../policy/kinds/web-socket";

/** What stands in front of a gateway, as every target reads it. */

export { trustedHops } from "../model";

/** An NLB keeps no header of its own: it says who calls by the PROXY protocol. */
export function usesProxyProtocol(front: GatewayModel["front"]): boolean {
  return front.kind === "nlb";
}

/** AWS takes no more for a balancer's idle time-out, and has no less by default. */
const MOST_IDLE_MS = 4_000_000;
const LEAST_IDLE_MS = 60_000;

/** How long a call or a WebSocket may say nothing, by the longest of all routes: a balancer in front waits as long. */
export function balancerIdleMs({ hosts }: Gateway): number {
  const longest = hosts.flatMap(({ routes }) =>
    routes.flatMap(({ policies }) => {
      const limits = configOf(policies, "timeouts") as TimeoutsConfig | undefined;
      const again = configOf(policies, "retries") as RetriesConfig | undefined;
      const socket = configOf(policies, "webSocket") as z.output<typeof webSocket.schema> | undefined;
      const pause = limits?.idle === null ? MOST_IDLE_MS : (limits?.idle ?? 0);
      const tries = again ? again.tries * again.perTry : 0;
      return [limits?.firstByte ?? 0, pause, tries, socket?.allowed ? socket.idle : 0];
    }),
  );
  return Math.min(MOST_IDLE_MS, Math.max(LEAST_IDLE_MS, ...longest));
}

/** How long clients' connections may say nothing: as long as browsers keep theirs. */
const CLIENT_IDLE_MS = 75_000;
const BEHIND_BALANCER_MORE_MS = 60_000;

/**
 * A balancer keeps its connections for as long as it waits itself, and what it sends into one that is being closed is lost
 * (502): behind one, connections are kept for longer.
 */
export function clientIdleMs(front: GatewayModel["front"], gateway: Gateway): number {
  const hasBalancer = front.kind === "alb" || front.kind === "cloudfront-alb";
  return hasBalancer ? balancerIdleMs(gateway) + BEHIND_BALANCER_MORE_MS : CLIENT_IDLE_MS;
}
