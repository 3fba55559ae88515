import type { Policies } from "./ingress-policies";
import type { Note } from "./notes";
import type { ImportedService } from "./services";

/** What an import has found, in the model's terms. */

export interface ImportedRoute {
  name: string;
  hosts: string[];
  match: {
    exact?: string[];
    template?: string[];
    prefix?: string[];
    methods?: string[];
    headers?: Record<string, string>;
    query?: Record<string, string>;
  };
  service?: string;
  backends?: { service: string; weight: number }[];
  redirect?: Record<string, unknown>;
  respond?: { status: number };
  policies?: Policies;
  /** What it is from. */
  comment: string;
}

export interface Imported {
  hosts: Map<string, { certificate?: { secret: string }; policies?: Policies }>;
  services: ReadonlyMap<string, ImportedService>;
  routes: ImportedRoute[];
  issuers?: Record<string, object>;
  secrets?: Record<string, object>;
  notes: Note[];
}

/** Routes that differ in their host or path alone are one. */
export function joined(routes: readonly ImportedRoute[]): ImportedRoute[] {
  const found = new Map<string, ImportedRoute>();
  for (const route of routes) {
    const { hosts, match, ...rest } = route;
    const key = JSON.stringify([match, rest]);
    const known = found.get(key);
    if (known) known.hosts.push(...hosts);
    else found.set(key, { ...route, hosts: [...hosts] });
  }
  return [...found.values()];
}

/** Each by a name of its own. */
export function named(routes: readonly ImportedRoute[]): ImportedRoute[] {
  const used = new Set<string>();
  return routes.map((route) => {
    let { name } = route;
    for (let n = 2; used.has(name); n++) name = `${route.name.slice(0, 58)}-${String(n)}`;
    used.add(name);
    return { ...route, name };
  });
}
