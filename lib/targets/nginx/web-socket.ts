import type { Enforcer } from "../target";
import { routeOf, type Check, type NginxDraft } from "./draft";

/** What no handshake may be like; nginx tells the filter of none of it where a route goes through. */
export const handshakeChecks = (allowed: boolean): Check[] => [
  { condition: "$gateway_false_handshake", status: 400 },
  { condition: allowed ? "$gateway_upgrade = list" : "$gateway_upgrade", status: 403 },
];

export const webSocket: Enforcer<NginxDraft> = {
  supports: ["WebSocketUpgrade"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const config = placement.config as { allowed: boolean; idle: number };
    const route = routeOf(draft, placement);
    if (config.allowed) route.webSocketIdleMs = config.idle;
    route.checks.push(...handshakeChecks(config.allowed));
  },
};
