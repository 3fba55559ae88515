import { z } from "zod";
import { headerValues, policyKind, type GatewayRequest } from "./kind";
import { duration } from "./values";

export function isWebSocketHandshake(request: GatewayRequest): boolean {
  return headerValues(request, "upgrade").some((value) => value.toLowerCase() === "websocket");
}

/** WebSocket handshakes (RFC 6455) pass only where a route allows them; elsewhere they are refused. */
export const webSocket = policyKind({
  kind: "webSocket",
  schema: z.strictObject({
    allowed: z.boolean().default(false),
    /** How long an open connection may be silent. */
    idle: duration.prefault("1h"),
  }),
  phase: "declaredBody",
  sees: "head",
  perHost: false,
  requires: () => ["WebSocketUpgrade"],
  decide(config, { request }) {
    if (config.allowed || !isWebSocketHandshake(request)) return undefined;
    return { status: 403, reason: "upgrade-not-allowed", message: "This path takes no WebSocket." };
  },
});
