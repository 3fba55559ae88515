import type { IncomingMessage } from "node:http";
import type { FilterPlan } from "../decision/filter-plan";
import { canonicalAddress } from "../policy/client-address";
import type { GatewayRequest } from "../policy";
import { forwardedHost, headBytes, headerLines, onlyValue } from "./incoming";
import { IncomingBody } from "./incoming-body";

/**
 * A request that ingress-nginx' controller has passed on. It writes these headers itself, in the place of what a client has
 * said there: none of them is the client's (rootfs/etc/nginx/template/nginx.tmpl, controller 1.11).
 */
const OF_CONTROLLER = /^x-(gateway-.*|real-ip|scheme|original-forwarded-for|forwarded-(for|host|port|proto|scheme))$/i;

export function fromIngressNginx(
  message: IncomingMessage,
  { tls }: Pick<FilterPlan["front"], "tls">,
): { request: GatewayRequest } | undefined {
  const lines = headerLines(message.rawHeaders);
  const said = onlyValue(lines, "host");
  // Of the ConfigMap's own snippet: a controller that lacks it is seen at the first request.
  const host = onlyValue(lines, "x-gateway-host");
  const client = canonicalAddress(onlyValue(lines, "x-real-ip") ?? "");
  const { method, url } = message;
  if (!said || !host || !client || !method || !url) return undefined;
  const headers = lines.filter(([name]) => !OF_CONTROLLER.test(name));
  const request: GatewayRequest = {
    // Where TLS ends in front, all that reaches the controller is plain.
    scheme: tls === "gateway" && onlyValue(lines, "x-forwarded-proto") === "http" ? "http" : "https",
    method,
    host: forwardedHost(said, host),
    target: url,
    headers,
    client,
    headBytes: headBytes(method, url, headers),
    body: new IncomingBody(message),
  };
  return { request };
}
