import { matching, type MatchingConfig } from "../policy/kinds/route-shape";
import type { KindName } from "../policy";
import { once } from "../once";
import type { RouteMatch } from "./route-match";

export type { HeaderMatch, PathMatch, QueryMatch } from "./route-match";

/**
 * A gateway as it runs in one environment: all inheritance done, all names resolved. The model makes it, the plan places
 * it, the filter and the oracle decide by it; it is plain data.
 */
export interface ConfiguredPolicy {
  kind: KindName;
  config: unknown;
  /** It is judged and told of, and refuses nothing. */
  shadow?: true;
}

export interface Backend {
  service: string;
  weight: number;
}

export interface Respond {
  status: number;
  contentType: string;
  body: string;
  redirect?: Redirect;
}

/** Where a route sends clients; what it does not name stays, the query always. */
export interface Redirect {
  scheme: "http" | "https";
  host?: string | undefined;
  path?: string | undefined;
}

export interface Route {
  name: string;
  match: RouteMatch;
  backends: readonly Backend[];
  respond?: Respond;
  policies: readonly ConfiguredPolicy[];
}

/** Who a host of a tenant is of. */
export interface HostTenant {
  id: string;
  disabled?: true;
}

export interface Host {
  /** `*.example.com`: one host for each of its tenants. */
  name: string;
  /** By the label in the place of the star. */
  tenants?: Readonly<Record<string, HostTenant>>;
  /** Secret of its own certificate, where it does not show that of all hosts. */
  certificate?: string;
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

/** The names that requests ask for a host by, each with whose it is. */
export const namesOfHost = ({ name, tenants }: Host): [name: string, tenant?: HostTenant][] =>
  tenants ? Object.entries(tenants).map(([label, tenant]) => [label + name.slice(1), tenant]) : [[name]];

const configs = once((policies: readonly ConfiguredPolicy[]) => new Map(policies.map((p) => [p.kind, p.config])));

/** The configuration of a kind where it is set. */
export const configOf = (policies: readonly ConfiguredPolicy[], kind: KindName): unknown => configs(policies).get(kind);

/** True where a target must say that it can choose this route by method or header. */
export function needsMatching(route: Route): boolean {
  const config = configOf(route.policies, "matching") as MatchingConfig | undefined;
  return config !== undefined && matching.requires(config).length > 0;
}
