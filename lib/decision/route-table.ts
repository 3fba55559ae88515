import { pathOf, type GatewayRequest } from "../policy/kind";
import { segmentsOf } from "../policy/path-template";
import type { Route } from "./gateway";
import { rankOf, requestFits, type PathMatch } from "./route-match";

/** One way into a route. */
export interface RouteEntry {
  route: Route;
  path: PathMatch;
}

/** The ways into routes, best first. */
export function routeEntries(routes: readonly Route[]): RouteEntry[] {
  return routes
    .flatMap((route) => route.match.paths.map((path) => ({ route, path, rank: rankOf(path, route.match) })))
    .sort((a, b) => {
      const at = a.rank.findIndex((value, i) => value !== b.rank[i]);
      return at < 0 ? 0 : (a.rank[at] as number) - (b.rank[at] as number);
    })
    .map(({ route, path }) => ({ route, path }));
}

/** Places in the order of entries. */
type Places = number[];

/** Templates by their segments. */
interface TemplateNode {
  literals: Map<string, TemplateNode>;
  variable?: TemplateNode;
  ends: Places;
}

const newNode = (): TemplateNode => ({ literals: new Map(), ends: [] });

const put = (map: Map<string, Places>, key: string, place: number): void => {
  const places = map.get(key);
  if (places) places.push(place);
  else map.set(key, [place]);
};

/**
 * The routes of a host, to find a request's in a time that does not grow with their number: exact paths and prefixes by name,
 * templates by their segments. Which of those that fit comes first is the order of `routeEntries`: all exact paths, then all
 * templates, then prefixes, the longer one first.
 */
export class RouteTable {
  readonly #entries: readonly RouteEntry[];
  readonly #exact = new Map<string, Places>();
  readonly #templates = newNode();
  readonly #prefixes = new Map<string, Places>();
  #longestPrefix = 0;

  constructor(routes: readonly Route[]) {
    this.#entries = routeEntries(routes);
    for (const [place, { path }] of this.#entries.entries()) {
      if (path.type === "Exact") put(this.#exact, path.value, place);
      else if (path.type === "PathTemplate") this.#addTemplate(path.value, place);
      else {
        put(this.#prefixes, path.value, place);
        this.#longestPrefix = Math.max(this.#longestPrefix, path.value.length);
      }
    }
  }

  #addTemplate(value: string, place: number): void {
    let node = this.#templates;
    for (const { text, variable } of segmentsOf(value)) {
      const next = (variable === undefined ? node.literals.get(text) : node.variable) ?? newNode();
      if (variable === undefined) node.literals.set(text, next);
      else node.variable = next;
      node = next;
    }
    node.ends.push(place);
  }

  /** The route of a request. A preflight belongs to a path, whatever methods its routes have. */
  find(request: GatewayRequest, isPreflight: boolean): Route | undefined {
    const path = pathOf(request.target);
    const first = (places: Places | undefined): Route | undefined => {
      for (const place of places ?? []) {
        const { route } = this.#entries[place] as RouteEntry;
        if (isPreflight || requestFits(route.match, request)) return route;
      }
      return undefined;
    };
    return first(this.#exact.get(path)) ?? first(this.#templatesOf(path)) ?? this.#byPrefix(path, first);
  }

  #templatesOf(path: string): Places | undefined {
    const { literals, variable } = this.#templates;
    if (literals.size === 0 && !variable) return undefined;
    const said = path.split("/").slice(1);
    const found: Places = [];
    const from = (node: TemplateNode, at: number): void => {
      const segment = said[at];
      if (segment === undefined) {
        found.push(...node.ends);
        return;
      }
      const literal = node.literals.get(segment);
      if (literal) from(literal, at + 1);
      if (node.variable && segment !== "") from(node.variable, at + 1);
    };
    from(this.#templates, 0);
    return found.sort((a, b) => a - b);
  }

  /** A prefix ends where the path does or a segment begins. */
  #byPrefix(path: string, first: (places: Places | undefined) => Route | undefined): Route | undefined {
    for (let end = Math.min(path.length, this.#longestPrefix); end > 0; end--) {
      if (end < path.length && path[end] !== "/") continue;
      const route = first(this.#prefixes.get(path.slice(0, end)));
      if (route) return route;
    }
    return path.startsWith("/") ? first(this.#prefixes.get("/")) : undefined;
  }
}
