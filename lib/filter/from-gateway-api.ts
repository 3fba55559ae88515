import type { IncomingMessage } from "node:http";
import type { FilterPlan } from "../decision/filter-plan";
import { hostName } from "../decision/request-target";
import { canonicalAddress } from "../policy/client-address";
import type { GatewayRequest } from "../policy";
import { forwardedClient, headBytes, headerLines, onlyValue } from "./incoming";
import { IncomingBody } from "./incoming-body";

/**
 * A request that an implementation of the Gateway API has passed on, by one of our HTTPRoutes. What all of them write, behind what a client has said:
 * who has called them, as the last address of X-Forwarded-For. The rest are words that one or the other adds.
 */
const OF_GATEWAY = /^x-(gateway-.*|envoy-.*|real-ip|forwarded-(for|host|port|proto|server|client-cert))$/i;

export function fromGatewayApi(
  message: IncomingMessage,
  front: Pick<FilterPlan["front"], "hops" | "networks">,
): { request: GatewayRequest } | undefined {
  const lines = headerLines(message.rawHeaders);
  const host = onlyValue(lines, "host");
  // The route's own word: without it this is no route of ours.
  const scheme = onlyValue(lines, "x-gateway-scheme");
  const told = lines.filter(([name]) => name.toLowerCase() === "x-forwarded-for").map(([, value]) => value);
  const hops = told.join(",").split(",");
  const peer = canonicalAddress(hops.pop() ?? "");
  const { method, url } = message;
  if (!host || !peer || !method || !url || (scheme !== "http" && scheme !== "https")) return undefined;
  const headers = lines.filter(([name]) => !OF_GATEWAY.test(name));
  const request: GatewayRequest = {
    scheme,
    method,
    host: hostName(host),
    target: url,
    headers,
    client: forwardedClient(peer, hops, front),
    headBytes: headBytes(method, url, headers),
    body: new IncomingBody(message),
  };
  return { request };
}
