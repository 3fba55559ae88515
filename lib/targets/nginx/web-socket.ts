import type { Enforcer } from "../target";
import { routeOf, type NginxDraft } from "./draft";

export const webSocket: Enforcer<NginxDraft> = {
  supports: ["WebSocketUpgrade"],
  stage: "beforeDoor",
  apply(placement, draft) {
    const config = placement.config as { allowed: boolean; idle: number };
    const route = routeOf(draft, placement);
    if (config.allowed) route.webSocketIdleMs = config.idle;
    route.checks.push({ condition: "$gateway_false_handshake", status: 400 });
    route.checks.push({ condition: config.allowed ? "$gateway_upgrade = list" : "$gateway_upgrade", status: 403 });
  },
};
