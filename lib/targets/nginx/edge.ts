import type { GatewayModel } from "../../model";
import { trustedHops, usesProxyProtocol } from "../front";

/** What belongs to the edge of the gateway: listeners and the client's address. */

/**
 * The client is the N-th address from the right of X-Forwarded-For, where N hops are trusted to append to it; with
 * fewer addresses than hops it is the peer.
 */
export function clientAddressMap(front: GatewayModel["front"]): { from: string; pattern?: string; otherwise: string } {
  if (usesProxyProtocol(front)) return { from: '""', otherwise: "$proxy_protocol_addr" };
  const hops = trustedHops(front);
  if (hops === 0) return { from: '""', otherwise: "$remote_addr" };
  const peer = front.networks.length > 0 ? "1:(?:.*[,\\s])?" : "(?:^|[,\\s])";
  const after = hops === 1 ? "" : `(?:,[^,]*){${String(hops - 1)}}`;
  return {
    from: front.networks.length > 0 ? '"$gateway_balancer:$http_x_forwarded_for"' : "$http_x_forwarded_for",
    pattern: `"~${front.networks.length > 0 ? "^" : ""}${peer}(?<gateway_forwarded>[0-9A-Fa-f.:]+)\\s*${after}$"`,
    otherwise: "$remote_addr",
  };
}

export function listenerView(model: GatewayModel, port: number, secure: boolean): string {
  const { bind } = model.listeners;
  const words = [bind === undefined ? String(port) : `${bind}:${String(port)}`];
  if (secure && model.front.tls === "gateway") words.push("ssl");
  if (usesProxyProtocol(model.front)) words.push("proxy_protocol");
  return words.join(" ");
}
