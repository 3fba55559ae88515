import type { IncomingMessage } from "node:http";
import { canonicalAddress } from "../policy/client-address";
import { hostName } from "../decision/request-target";
import type { GatewayRequest } from "../policy";
import { headBytes, headerLines, IncomingBody, onlyValue } from "./incoming";

/**
 * A request of a host that ingress-nginx' controller passes on whole. It writes these headers itself, in the place of what a
 * client has said there: none of them is the client's (rootfs/etc/nginx/template/nginx.tmpl, controller 1.11).
 */
const OF_CONTROLLER = /^x-(real-ip|scheme|original-forwarded-for|forwarded-(for|host|port|proto|scheme))$/i;

export function fromIngressNginx(message: IncomingMessage): { request: GatewayRequest } | undefined {
  const lines = headerLines(message.rawHeaders);
  const host = onlyValue(lines, "host");
  const client = canonicalAddress(onlyValue(lines, "x-real-ip") ?? "");
  const { method, url } = message;
  if (!host || !client || !method || !url) return undefined;
  const headers = lines.filter(([name]) => !OF_CONTROLLER.test(name));
  const request: GatewayRequest = {
    scheme: onlyValue(lines, "x-forwarded-proto") === "http" ? "http" : "https",
    method,
    host: hostName(host),
    target: url,
    headers,
    client,
    headBytes: headBytes(method, url, headers),
    body: new IncomingBody(message),
  };
  return { request };
}
