import { Document } from "yaml";
import type { Gateway } from "../decision/gateway";
import { RouteTable } from "../decision/route-table";
import type { HeaderLine } from "../policy";
import type { Imported, ImportedRoute } from "./imported";

/** A first case for each imported route and each of its hosts, so that what was imported is proven on real proxies before anybody has written one. */

/** What asks for more than a request that names the route. */
const ASKS = ["addresses", "jwt", "apiKey", "authorization", "bodySchema", "signature"];

/** The first method with which no other route is meant will do. */
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"];

/** A prefix itself may be the whole path of another route, and what is below it a longer prefix. */
const within = (path: string): string[] => [
  path,
  ...["1", "other"].map((name) => `${path === "/" ? "" : path}/${name}`),
];

interface Request {
  method: string;
  path: string;
  headers: Record<string, string>;
}

function requestsOf({ match }: ImportedRoute): Request[] {
  const { exact, template, prefix: [prefix] = [], methods = METHODS, headers = {}, query = {} } = match;
  const paths =
    exact ?? template?.map((t) => t.replace(/\{[^}]*\}/g, "1")) ?? (prefix === undefined ? [] : within(prefix));
  // As it is compared: byte for byte.
  const asked = Object.entries(query).map(([name, value]) => `${name}=${value}`);
  const tail = asked.length === 0 ? "" : `?${asked.join("&")}`;
  return methods.flatMap((method) => paths.map((path) => ({ method, path: `${path}${tail}`, headers })));
}

/** The first request that the host's table gives to the route. */
function requestFor(route: ImportedRoute, host: string, table: RouteTable): Request | undefined {
  return requestsOf(route).find(({ method, path, headers }) => {
    const lines = Object.entries(headers).map(([name, value]): HeaderLine => [name, value]);
    const request = { scheme: "https", method, host, target: path, headers: lines, client: "", headBytes: 0 } as const;
    return table.find(request, false)?.name === route.name;
  });
}

/** What the service hears of a target. */
function heard(target: string, { prefix = "", replacement = "" }: { prefix?: string; replacement?: string }): string {
  const rest = target.slice(prefix === "/" ? 0 : prefix.length);
  const base = replacement === "/" ? "" : replacement;
  return base === "" && !rest.startsWith("/") ? `/${rest}` : `${base}${rest}`;
}

function expectedOf(
  { service, backends = [], redirect, respond, policies = {} }: ImportedRoute,
  host: string,
  target: string,
): object {
  if (redirect) {
    const {
      scheme = "https",
      host: to = host,
      path = target.replace(/\?.*/, ""),
      status = 302,
    } = redirect as Record<string, string>;
    return {
      status,
      reaches: "nothing",
      headers: { location: `${scheme}://${to}${path}${/\?.*/.exec(target)?.[0] ?? ""}` },
    };
  }
  if (respond) return { status: respond.status, reaches: "nothing" };
  const likely = backends.filter(({ weight }) => weight > 0);
  const reached = service ?? (likely.length === 1 ? likely[0]?.service : undefined);
  const rewrite = policies["rewrite"] as { prefix?: string; replacement?: string; host?: string } | undefined;
  const { set } = (policies["requestHeaders"] ?? {}) as { set?: Record<string, string> };
  const headers = { ...(rewrite?.host !== undefined && { host: rewrite.host }), ...set };
  const upstream = {
    ...(rewrite?.prefix !== undefined && { path: heard(target, rewrite) }),
    ...(Object.keys(headers).length > 0 && { headers }),
  };
  return {
    status: 200,
    ...(reached !== undefined && { reaches: reached }),
    ...(Object.keys(upstream).length > 0 && { upstream }),
  };
}

interface Written {
  name: string;
  request: object;
  expect: object;
}

/** The cases as a file, and the names of routes that have none: who asks for a token or a body is yours to say. */
export function firstCases(
  system: string,
  imported: Imported,
  gateway: Gateway,
): { text: string; count: number; without: string[] } {
  const { hosts, services, routes } = imported;
  const without = new Set<string>();
  const policiesOf = (host: string): Record<string, unknown> => hosts.get(host)?.policies ?? {};
  const movesOf = (host: string): { status?: number } | null => policiesOf(host)["httpsRedirect"] ?? {};
  const isPlain = (host: string): boolean => policiesOf(host)["httpsRedirect"] === null;
  const tables = new Map(gateway.hosts.map((host) => [host.name, new RouteTable(host.routes)]));
  const ofRoute = (route: ImportedRoute, host: string): Written[] => {
    const { name, service, backends = [], policies = {} } = route;
    const called = [...(service === undefined ? [] : [service]), ...backends.map((b) => b.service)];
    const table = tables.get(host);
    const asked = table && requestFor(route, host, table);
    const isLeft =
      ASKS.some((kind) => kind in policies || kind in policiesOf(host)) ||
      called.some((one) => services.get(one)?.protocol !== undefined) ||
      // Words that cases have for something else.
      /\{n\}|\$\{/.test(JSON.stringify(asked ?? ""));
    if (!asked || isLeft) {
      without.add(name);
      return [];
    }
    const { method, path, headers } = asked;
    const request = {
      ...(isPlain(host) && { scheme: "http" }),
      ...(method !== "GET" && { method }),
      ...{ host, path },
      ...(Object.keys(headers).length > 0 && { headers }),
    };
    return [{ name: `${method} ${path} of ${host} is ${name}`, request, expect: expectedOf(route, host, path) }];
  };
  const moved = [...hosts.keys()]
    .filter((host) => !isPlain(host) && !host.startsWith("*"))
    .map((host): Written => {
      const status = movesOf(host)?.status ?? 301;
      const expect = { status, reaches: "nothing", headers: { location: `https://${host}/` } };
      return { name: `plain http of ${host} is sent to https`, request: { scheme: "http", host, path: "/" }, expect };
    });
  const cases = [...moved, ...routes.flatMap((route) => route.hosts.flatMap((host) => ofRoute(route, host)))];
  const document = new Document({ system, cases });
  document.commentBefore =
    ' Written by "gatewright import"; it is yours now: a case for each route, to begin with. Format: node_modules/gatewright/docs/case-format.md';
  for (const i of cases.keys())
    for (const part of ["request", "expect"])
      Object.assign(document.getIn(["cases", i, part]) as object, { flow: true });
  return {
    text: document.toString({ lineWidth: 0, flowCollectionPadding: true }),
    count: cases.length,
    without: [...without],
  };
}
