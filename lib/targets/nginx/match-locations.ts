import { routeEntries, type RouteEntry } from "../../decision/gateway";
import { headerVariable, regexText, text } from "../nginx-syntax";
import type { ServerDraft } from "./draft";

export interface LocationView {
  comment: string;
  location: string;
  lines: string[];
}

function covers(prefix: string, value: string): boolean {
  return prefix === "/" || value === prefix || value.startsWith(`${prefix}/`);
}

/** The ways into routes that a request for this path may take, best first; the first without a condition is the last. */
function candidates(server: ServerDraft, entries: readonly RouteEntry[], own: RouteEntry): RouteEntry[] {
  const { type, value } = own.path;
  const possible = entries.filter(({ path }) =>
    path.type === "Exact" ? type === "Exact" && path.value === value : covers(path.value, value),
  );
  const end = possible.findIndex((e) => conditionsOf(server, e).length === 0);
  return end < 0 ? possible : possible.slice(0, end + 1);
}

/** nginx matches the decoded path; where a path has characters that a client may escape, the raw one is asked too. */
function conditionsOf(server: ServerDraft, { route: { name, match }, path }: RouteEntry): string[] {
  const conditions: string[] = [];
  if (/[^A-Za-z0-9/]/.test(path.value)) {
    const end = path.type === "Exact" ? "$" : "(/|$)";
    conditions.push(`$gateway_path ~ "^${regexText(path.value)}${end}"`);
  }
  if (server.routes.get(name)?.chosenByMatch !== true) return conditions;
  if (match.methods) conditions.push(`$request_method ~ "^(${match.methods.join("|")})$"`);
  for (const [name, value] of Object.entries(match.headers ?? {})) {
    conditions.push(`$http_${headerVariable(name)} = ${text(value)}`);
  }
  return conditions;
}

export const routeLocation = (name: string): string => `/.gateway/routes/${name}`;

function dispatchLines(server: ServerDraft, entry: RouteEntry): string[] {
  const conditions = conditionsOf(server, entry);
  const { name } = entry.route;
  // Here, so that whoever refuses in the route's location, even before its first line, knows the route.
  const go = `set $gateway_route ${text(name)}; rewrite ^ ${routeLocation(name)} last;`;
  if (conditions.length === 0) return [go];
  if (conditions.length === 1) return [`if (${conditions[0] ?? ""}) { ${go} }`];
  return [
    `set $gateway_fits "";`,
    ...conditions.map((condition) => `if (${condition}) { set $gateway_fits "\${gateway_fits}1"; }`),
    `if ($gateway_fits = "${"1".repeat(conditions.length)}") { ${go} }`,
  ];
}

/** One location for each path that the model names: it chooses the route, whose own location does the rest. */
export function matchLocations(server: ServerDraft): LocationView[] {
  const entries = routeEntries(server.host.routes);
  const paths = new Map(entries.map((e) => [`${e.path.type} ${e.path.value}`, e]));
  return [...paths.values()].flatMap((entry) => {
    const ways = candidates(server, entries, entry);
    const { type, value } = entry.path;
    const lines = [
      ...(server.answersPreflights ? ["if ($gateway_preflight) { return 204; }"] : []),
      ...ways.flatMap((way) => dispatchLines(server, way)),
      ...(ways.some((w) => conditionsOf(server, w).length === 0) ? [] : ["return 404;"]),
    ];
    const comment = `${type} ${value}: ${ways.map((w) => w.route.name).join(", ")}`;
    const inside = value === "/" ? "/" : `${value}/`;
    const exact = { comment, location: `= ${value}`, lines };
    if (type === "Exact") return [exact];
    if (value === "/") return [{ comment, location: "/", lines }];
    // An exact match of the same path has its own location, which falls back on this one's routes.
    const own = paths.has(`Exact ${value}`) ? [] : [exact];
    return [...own, { comment: own.length > 0 ? "" : comment, location: inside, lines }];
  });
}
