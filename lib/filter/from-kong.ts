import type { IncomingMessage } from "node:http";
import { canonicalAddress } from "../policy/client-address";
import type { FilterPlan } from "../decision/filter-plan";
import type { GatewayRequest } from "../policy";
import { forwardedHost, headBytes, headerLines, onlyValue } from "./incoming";
import { IncomingBody } from "./incoming-body";

/**
 * A request that Kong has passed on. Kong 3.9 trusts nobody in front of it by what we write, so that what it says in headers is
 * its own (kong/runloop/handler.lua, kong/templates/nginx_kong.lua), and takes the place of what a client has said there.
 */

/** What Kong writes into every head: none of it is the client's, so none counts as his bytes. */
const OF_KONG = /^x-(forwarded-(for|proto|host|port|path|prefix)|real-ip)$/i;

/** The last part of Via is Kong's; what a client has sent stands before it. */
const withoutKong = (via: string): string => via.slice(0, Math.max(0, via.lastIndexOf(",")));

/** Kong passes on a path of its own making, without dots and double slashes, and says beside it what it was before. */
function targetOf(path: string | undefined, url: string): string | undefined {
  const query = url.indexOf("?");
  if (!path?.startsWith("/")) return undefined;
  return query >= 0 ? path + url.slice(query) : path;
}

export function fromKong(
  message: IncomingMessage,
  { tls }: Pick<FilterPlan["front"], "tls">,
): { request: GatewayRequest } | undefined {
  const lines = headerLines(message.rawHeaders);
  const host = onlyValue(lines, "host");
  const client = canonicalAddress(onlyValue(lines, "x-real-ip") ?? "");
  const target = targetOf(onlyValue(lines, "x-forwarded-path"), message.url ?? "");
  const { method } = message;
  if (!host || !client || !method || !target) return undefined;
  const headers = lines.flatMap(([name, value]): [string, string][] => {
    if (name.toLowerCase() !== "via") return [[name, value]];
    const before = withoutKong(value);
    return before === "" ? [] : [[name, before]];
  });
  const request: GatewayRequest = {
    // Where TLS ends in front, all that reaches Kong is plain.
    scheme: tls === "gateway" && onlyValue(lines, "x-forwarded-proto") === "http" ? "http" : "https",
    method,
    host: forwardedHost(host, onlyValue(lines, "x-forwarded-host")),
    target,
    headers,
    client,
    headBytes: headBytes(
      method,
      target,
      headers.filter(([name]) => !OF_KONG.test(name)),
    ),
    body: new IncomingBody(message),
  };
  return { request };
}
