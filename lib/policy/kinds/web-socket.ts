import { z } from "zod";
import { headerValues, policyKind, type GatewayRequest } from "../kind";
import { timer } from "../values";

const words = (request: GatewayRequest, header: string): string[] =>
  headerValues(request, header).flatMap((value) => value.split(",").map((word) => word.trim().toLowerCase()));

/** True when the client asks for a WebSocket: a list with other protocols asks for it as well. */
export function asksForWebSocket(request: GatewayRequest): boolean {
  return words(request, "connection").includes("upgrade") && words(request, "upgrade").includes("websocket");
}

/** WebSocket handshakes (RFC 6455) pass only where a route allows them; elsewhere they are refused. */
export const webSocket = policyKind({
  kind: "webSocket",
  schema: z.strictObject({
    allowed: z.boolean().default(false),
    /** How long an open connection may be silent. */
    idle: timer.prefault("1h"),
    /** Ends an open connection when the token that it began with expires, or is revoked. */
    closeAtExpiry: z.boolean().default(true),
  }),
  phase: "declaredBody",
  sees: "head",
  perHost: false,
  requires: ({ allowed, closeAtExpiry }) =>
    allowed && closeAtExpiry ? ["WebSocketUpgrade", "WebSocketCloseAtExpiry"] : ["WebSocketUpgrade"],
  decide(config, { request }) {
    if (!asksForWebSocket(request)) return undefined;
    // Whoever passes its body on as the words of another protocol says what the client likes (RFC 6455 section 4.1).
    if (request.method !== "GET" || request.body?.limit(0)) {
      return { status: 400, reason: "handshake-not-get", message: "A WebSocket begins with GET, without a body." };
    }
    // Proxies disagree on a list: one takes it for a handshake, another for none.
    if (config.allowed && words(request, "upgrade").length === 1) return undefined;
    return { status: 403, reason: "upgrade-not-allowed", message: "This path takes no WebSocket." };
  },
});
