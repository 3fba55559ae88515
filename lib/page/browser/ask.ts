import { isIP } from "node:net";
import { explain, type Explanation } from "../../explain/explanation";
import { namesOfHost } from "../../decision/gateway";
import { hostName } from "../../decision/request-target";
import type { Host, Route } from "../../decision/gateway";
import { RouteTable } from "../../decision/route-table";
import { once } from "../../once";
import type { HeaderLine } from "../../policy";
import type { PageSystem } from "../packed";

/** A request as somebody types it. */
export interface Typed {
  method: string;
  url: string;
  /** A line each, `name: value`. */
  headers: string;
  client: string;
  /** Claims as JSON; nothing: no token. */
  claims: string;
}

export class Unreadable extends Error {}

function claimsIn(text: string): Record<string, unknown> | undefined {
  if (text.trim() === "") return undefined;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Unreadable("The claims are no JSON.");
  }
  if (typeof found !== "object" || found === null || Array.isArray(found))
    throw new Unreadable("Write the claims as a JSON object.");
  return found as Record<string, unknown>;
}

function headersIn(text: string): HeaderLine[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      if (colon < 1) throw new Unreadable(`"${line}" is no header: write name: value.`);
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
}

/** Taken apart as text: a URL parser would clean the path before it is judged. */
const URL_FORM = /^(https?):\/\/([^\s/?#:]+)(?::\d*)?(\/\S*)?$/;

export const hasHost = ({ gateway }: PageSystem, host: string): boolean =>
  gateway.hosts.some((h) => namesOfHost(h).some(([name]) => name === host));

/** What `gatewright explain` says of it. */
export async function ask(system: PageSystem, typed: Typed): Promise<Explanation> {
  const [, scheme, host, target = "/"] = URL_FORM.exec(typed.url.trim()) ?? [];
  if (host === undefined) throw new Unreadable("Write the URL as https://host/path.");
  if (isIP(typed.client) === 0) throw new Unreadable("Write the client's address as an IP address.");
  const claims = claimsIn(typed.claims);
  return explain(system, system, {
    method: typed.method,
    scheme: scheme === "http" ? "http" : "https",
    host: hostName(host),
    target,
    headers: headersIn(typed.headers),
    client: typed.client,
    ...(claims && { claims }),
  });
}

const tableOf = once(({ routes }: Host) => new RouteTable(routes));

/** Bodies are none here, and heads have no bytes. */
const BARE = { scheme: "https", host: "", client: "", headBytes: 0 } as const;

/** A request that takes a route: a method, a path and headers for which no other one of the host comes first, where there are any. */
export function exampleOf(host: Host, route: Route): Pick<Typed, "method" | "url" | "headers"> {
  const { match } = route;
  const [tenant] = Object.keys(host.tenants ?? {});
  const name = tenant === undefined ? host.name : tenant + host.name.slice(1);
  const wanted = Object.entries(match.headers ?? {}).flatMap(([header, of]): HeaderLine[] => {
    if (typeof of === "string") return [[header, of]];
    return of.type === "Absent" ? [] : [[header, of.type === "In" ? (of.values[0] ?? "") : "1"]];
  });
  const headers = [...wanted, ...(match.upgrade ? HANDSHAKE : [])];
  const targets = match.paths.flatMap(({ type, value }) => {
    const filled = ["1", "a"].map((word) => value.replace(/\{[^}]*\}/g, word));
    return type === "PathPrefix"
      ? [...filled, `${value.replace(/\/$/, "")}/1`, `${value.replace(/\/$/, "")}/1/a`]
      : filled;
  });
  const all = (match.methods ?? METHODS).flatMap((method) => targets.map((target) => ({ method, target })));
  const body = { limit: () => false, read: () => Promise.resolve(undefined) };
  const found = all.find((one) => tableOf(host).find({ ...BARE, ...one, headers, body }, false)?.name === route.name);
  const { method, target } = found ?? all[0] ?? { method: "GET", target: "/" };
  return {
    ...{ method, url: `https://${name}${target}` },
    headers: headers.map((line) => line.join(": ")).join("\n"),
  };
}

const METHODS = ["GET", "POST", "PUT", "DELETE"];

/** Sixteen bytes, which nobody looks at (RFC 6455 section 4.1). */
const KEY = "AAAAAAAAAAAAAAAAAAAAAA==";
const HANDSHAKE: readonly HeaderLine[] = [
  ["upgrade", "websocket"],
  ["connection", "upgrade"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", KEY],
];

export { unpack } from "../packed";
