import { matching } from "../policy/kinds/route-shape";
import type { KindName } from "../policy";
import type { GatewayRequest } from "../policy/kind";
import { headerValues, pathOf } from "../policy/kind";

/**
 * A gateway as it runs in one environment: all inheritance done, all names resolved. The model makes it, the plan places
 * it, the filter and the oracle decide by it; it is plain data.
 */
export interface ConfiguredPolicy {
  kind: KindName;
  config: unknown;
}

export interface PathMatch {
  type: "Exact" | "PathPrefix";
  value: string;
}

interface RouteMatch {
  paths: readonly PathMatch[];
  methods?: readonly string[];
  /** Header values that must be equal, names in lower case. */
  headers?: Readonly<Record<string, string>>;
}

export interface Backend {
  service: string;
  weight: number;
}

interface Respond {
  status: number;
  contentType: string;
  body: string;
}

export interface Route {
  name: string;
  match: RouteMatch;
  backends: readonly Backend[];
  respond?: Respond;
  policies: readonly ConfiguredPolicy[];
}

export interface Host {
  name: string;
  policies: readonly ConfiguredPolicy[];
  routes: readonly Route[];
}

export interface Gateway {
  system: string;
  environment: string;
  hosts: readonly Host[];
  /** Answers to whoever asks for a host that is none of these; without a name and without routes. */
  otherHosts?: Host;
}

/** One way into a route. */
export interface RouteEntry {
  route: Route;
  path: PathMatch;
}

/**
 * Gateway API's order: exact paths, then the longest prefix, then routes with a method, then those with more headers;
 * what is still equal keeps the model's order.
 */
export function routeEntries(routes: readonly Route[]): RouteEntry[] {
  const rank = ({ path, route }: RouteEntry): number[] => [
    path.type === "Exact" ? 0 : 1,
    -path.value.length,
    route.match.methods ? 0 : 1,
    -Object.keys(route.match.headers ?? {}).length,
  ];
  return routes
    .flatMap((route) => route.match.paths.map((path) => ({ route, path })))
    .sort((a, b) => {
      const [left, right] = [rank(a), rank(b)];
      const at = left.findIndex((value, i) => value !== right[i]);
      return at < 0 ? 0 : (left[at] as number) - (right[at] as number);
    });
}

function pathMatches({ type, value }: PathMatch, path: string): boolean {
  if (!path.startsWith(value)) return false;
  // A prefix ends on a segment boundary.
  return path.length === value.length || (type === "PathPrefix" && (value === "/" || path[value.length] === "/"));
}

/** The route of a request. A preflight belongs to a path, whatever methods its routes have. */
export function findRoute(
  entries: readonly RouteEntry[],
  request: GatewayRequest,
  isPreflight: boolean,
): Route | undefined {
  const path = pathOf(request.target);
  return entries.find(({ route: { match }, path: pattern }) => {
    if (!pathMatches(pattern, path)) return false;
    if (isPreflight) return true;
    if (match.methods && !match.methods.includes(request.method)) return false;
    if (!match.headers) return true;
    return Object.entries(match.headers).every(([name, value]) => {
      const values = headerValues(request, name);
      return values.length === 1 && values[0] === value;
    });
  })?.route;
}

const configs = new WeakMap<readonly ConfiguredPolicy[], Map<string, unknown>>();

/** The configuration of a kind where it is set. */
export function configOf(policies: readonly ConfiguredPolicy[], kind: KindName): unknown {
  let known = configs.get(policies);
  if (!known) {
    known = new Map(policies.map((p) => [p.kind, p.config]));
    configs.set(policies, known);
  }
  return known.get(kind);
}

/** True where a target must say that it can choose this route by method or header. */
export function needsMatching(route: Route): boolean {
  const config = configOf(route.policies, "matching") as { byMethod: boolean; byHeader: boolean } | undefined;
  return config !== undefined && matching.requires(config).length > 0;
}
