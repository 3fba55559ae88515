import { createHash } from "node:crypto";
import { configOf, type HeaderMatch, type PathMatch } from "../../decision/gateway";
import { routeEntries, type RouteEntry } from "../../decision/route-table";
import { literalPrefix, mayShare, pathFits, pathsAbove } from "../../decision/route-match";
import { segmentsOf } from "../../policy/path-template";
import { headerVariable, regexText, text } from "../nginx-syntax";
import { addMap, nameFor, type NginxDraft, type ServerDraft } from "./draft";

export interface LocationView {
  comment: string;
  location: string;
  lines: string[];
}

const ROOT: PathMatch = { type: "PathPrefix", value: "/" };

/** The ways into routes, best first, by the locations that take paths that fit them. */
class Ways {
  readonly #exact = new Map<string, number[]>();
  /** Prefixes, and templates where nginx looks for them: whatever fits one is in no location above that. */
  readonly #below = new Map<string, number[]>();

  /** `cleanPaths`: no dot segments, by which nginx would look above the path that a template fits. */
  constructor(
    private readonly entries: readonly RouteEntry[],
    cleanPaths: boolean,
  ) {
    for (const [i, { path }] of entries.entries()) {
      const { type, value } = cleanPaths || path.type !== "PathTemplate" ? placeOf(path) : ROOT;
      const places = type === "Exact" ? this.#exact : this.#below;
      places.set(value, [...(places.get(value) ?? []), i]);
    }
  }

  of(location: PathMatch): RouteEntry[] {
    const { type, value } = location;
    const exact = type === "Exact" ? (this.#exact.get(value) ?? []) : [];
    const found = [...exact, ...pathsAbove(value).flatMap((path) => this.#below.get(path) ?? [])];
    const fits = ({ path }: RouteEntry): boolean =>
      path.type !== "PathTemplate" || (type === "Exact" ? pathFits(path, value) : mayShare(path, location));
    return found
      .sort((a, b) => a - b)
      .map((i) => this.entries[i] as RouteEntry)
      .filter(fits);
  }
}

/** The ways into routes that a request for this path may take, best first; the first without a condition is the last. */
function candidates(draft: NginxDraft, server: ServerDraft, possible: readonly RouteEntry[]): readonly RouteEntry[] {
  const end = possible.findIndex((e) => conditionsOf(draft, server, e).length === 0);
  return end < 0 ? possible : possible.slice(0, end + 1);
}

/** A header's value without the tabs around it that nginx leaves there, and that are no part of it (RFC 9110 section 5.5). */
function valueOf(draft: NginxDraft, name: string): string {
  const header = headerVariable(name);
  // PCRE bounds the length of a name.
  const inside = `gateway_value_${createHash("sha256").update(header).digest("hex").slice(0, 12)}`;
  const lines: (readonly [string, string])[] = [
    ["default", '""'],
    [`"~^[\\t ]*(?<${inside}>[^\\t ](?:.*[^\\t ])?)[\\t ]*$"`, `$${inside}`],
  ];
  return addMap(draft, { from: `$http_${header}`, variable: `gateway_header_${header}`, lines });
}

function valueCondition(draft: NginxDraft, variable: string, wanted: HeaderMatch): string {
  if (typeof wanted === "string") return `${variable} = ${text(wanted)}`;
  // In lines of their own: nginx bounds the length of one. Its texts have no case, its expressions have.
  if (wanted.type === "In") {
    const digest = createHash("sha256").update(JSON.stringify([variable, wanted.values])).digest("hex").slice(0, 12);
    const lines = wanted.values.map((value) => [`"~^${regexText(value)}$"`, "1"] as const);
    const isOne = addMap(draft, { from: variable, variable: `gateway_is_one_${digest}`, lines: [["default", '""'], ...lines] });
    return `${isOne} = 1`;
  }
  return `${variable} ${wanted.type === "Present" ? "!=" : "="} ""`;
}

/** The first parameter of a name, as the client has written it: `$arg_…` knows no case of a name. */
function parameterOf(draft: NginxDraft, name: string): string {
  const own = regexText(name);
  const variable = nameFor(draft.names, "gateway_query", name);
  // Without a way back: what is left of a match that has no room more is none, and another route.
  const lines: (readonly [string, string])[] = [
    ["default", '""'],
    [`"~^[^?]*+\\?(?:(?!${own}(?:=|&|$))[^&]*+&)*+${own}=(?<gateway_parameter>[^&]++)"`, "$gateway_parameter"],
  ];
  return addMap(draft, { from: "$request_uri", variable, lines });
}

/** A path as a regular expression over the raw one. */
function pathExpression({ type, value }: PathMatch): string {
  const segments = segmentsOf(value).map(({ text: own, variable }) => (variable === undefined ? `/${regexText(own)}` : "/[^/]+"));
  return `^${segments.join("")}${type === "PathPrefix" ? "(/|$)" : "$"}`;
}

/** nginx matches the decoded path; where a path has characters that a client may escape, the raw one is asked too. */
function conditionsOf(draft: NginxDraft, server: ServerDraft, { route: { name, match }, path }: RouteEntry): string[] {
  const conditions: string[] = [];
  if (/[^A-Za-z0-9/]/.test(path.value)) conditions.push(`$gateway_path ~ "${pathExpression(path)}"`);
  if (server.routes.get(name)?.chosenByMatch !== true) return conditions;
  if (match.methods) conditions.push(`$request_method ~ "^(${match.methods.join("|")})$"`);
  if (match.upgrade) conditions.push("$gateway_handshake");
  for (const [name, wanted] of Object.entries(match.query ?? {})) conditions.push(valueCondition(draft, parameterOf(draft, name), wanted));
  for (const [name, wanted] of Object.entries(match.headers ?? {})) conditions.push(valueCondition(draft, valueOf(draft, name), wanted));
  return conditions;
}

export const routeLocation = (name: string): string => `/.gateway/routes/${name}`;

function dispatchLines(draft: NginxDraft, server: ServerDraft, entry: RouteEntry): string[] {
  const conditions = conditionsOf(draft, server, entry);
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

/** Where nginx looks for a path: a template stands below its first segments. */
export const placeOf = (path: PathMatch): PathMatch =>
  path.type === "PathTemplate" ? { type: "PathPrefix", value: literalPrefix(path) } : path;

/** A preflight belongs to a path that some route has: in a location that is there for templates alone not every path is one. */
function preflightLines(here: readonly RouteEntry[]): string[] {
  if (here.some(({ path }) => path.type !== "PathTemplate")) return ["if ($gateway_preflight) { return 204; }"];
  return [
    'set $gateway_asked "$gateway_preflight:";',
    ...here.map(({ path }) => `if ($gateway_path ~ "${pathExpression(path)}") { set $gateway_asked "\${gateway_asked}1"; }`),
    'if ($gateway_asked ~ "^1:1") { return 204; }',
  ];
}

/** One location for each path that the model names: it chooses the route, whose own location does the rest. */
export function matchLocations(draft: NginxDraft, server: ServerDraft): LocationView[] {
  const entries = routeEntries(server.host.routes);
  const paths = new Map(entries.map(({ path }) => placeOf(path)).map((path) => [`${path.type} ${path.value}`, path]));
  const all = new Ways(entries, configOf(server.host.policies, "pathHygiene") !== undefined);
  return [...paths.values()].flatMap((path) => {
    const here = all.of(path);
    const ways = candidates(draft, server, here);
    const { type, value } = path;
    const lines = [
      ...(server.answersPreflights ? preflightLines(here) : []),
      ...ways.flatMap((way) => dispatchLines(draft, server, way)),
      ...(ways.some((w) => conditionsOf(draft, server, w).length === 0) ? [] : ["return 404;"]),
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
