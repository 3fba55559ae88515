import { Document } from "yaml";
import type { Imported, ImportedRoute } from "./imported";

/** A first case for each imported route, so that what was imported is proven on real proxies before anybody has written one. */

/** What asks for more than a request that names the route. */
const ASKS = ["addresses", "jwt", "apiKey", "authorization", "bodySchema", "signature"];

/** A whole path counts before a prefix that is the same. */
const isTaken = (path: string, host: string, own: ImportedRoute, routes: readonly ImportedRoute[]): boolean =>
  routes.some(
    ({ hosts, match }) => match !== own.match && hosts.includes(host) && (match.exact?.includes(path) ?? false),
  );

const below = (path: string): string => `${path === "/" ? "" : path}/1`;

function expectedOf({ service, redirect, respond, policies = {} }: ImportedRoute, path: string): object {
  if (redirect) return { status: redirect["status"] ?? 302, reaches: "nothing" };
  if (respond) return { status: respond.status, reaches: "nothing" };
  const rewrite = policies["rewrite"] as { prefix?: string; replacement?: string } | undefined;
  const { prefix, replacement } = rewrite ?? {};
  const heard = replacement === undefined ? undefined : path === prefix ? replacement : below(replacement);
  return {
    status: 200,
    ...(service !== undefined && { reaches: service }),
    ...(heard !== undefined && { upstream: { path: heard } }),
  };
}

/** The cases as a file, and the names of routes that have none: who asks for a token or a body is yours to say. */
export function firstCases(
  system: string,
  { hosts, services, routes }: Imported,
): { text: string; count: number; without: string[] } {
  const without: string[] = [];
  const cases = routes.flatMap((route) => {
    const { name, match, policies = {} } = route;
    const { protocol } = (route.service === undefined ? undefined : services.get(route.service)) ?? {};
    const [host = ""] = route.hosts;
    const [first] = [...(match.exact ?? []), ...(match.prefix ?? [])];
    const isFree = (one: string | undefined): one is string => one !== undefined && !isTaken(one, host, route, routes);
    const path = match.exact ? first : [first, first && below(first)].find(isFree);
    const asks = ASKS.some((kind) => kind in policies || kind in (hosts.get(host)?.policies ?? {}));
    if (path === undefined || asks || protocol !== undefined) {
      without.push(name);
      return [];
    }
    const isPlain = hosts.get(host)?.policies?.["httpsRedirect"] === null;
    const query = new URLSearchParams(match.query).toString();
    const [method] = match.methods ?? [];
    const request = {
      ...(isPlain && { scheme: "http" }),
      ...(method !== undefined && method !== "GET" && { method }),
      ...{ host, path: query === "" ? path : `${path}?${query}` },
      ...(match.headers && { headers: match.headers }),
    };
    return [{ name: `${path} of ${host} is ${name}`, request, expect: expectedOf(route, path) }];
  });
  const document = new Document({ system, cases });
  document.commentBefore =
    ' Written by "gatewright import"; it is yours now: one case for each route, to begin with. Format: node_modules/gatewright/docs/case-format.md';
  for (const i of cases.keys())
    for (const part of ["request", "expect"])
      Object.assign(document.getIn(["cases", i, part]) as object, { flow: true });
  return { text: document.toString({ lineWidth: 0, flowCollectionPadding: true }), count: cases.length, without };
}
