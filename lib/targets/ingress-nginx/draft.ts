import type { Placement } from "../../plan";
import type { Host, Route } from "../../decision/gateway";
import type { RewriteConfig } from "../../policy/kinds/upstream";
import type { TargetInput } from "../target";
import { filterHeadKiB } from "../through";

/** Ingresses in the making: annotations by route, and settings of the controller that all of them share. */

export interface RouteDraft {
  route: Route;
  annotations: Record<string, string>;
  rewrite?: RewriteConfig;
}

export interface HostDraft {
  host: Host;
  annotations: Record<string, string>;
  /** Headers that the door sets or, by not setting them, drops. */
  doorHeaders: Set<string>;
  door: boolean;
  /** All its routes go through the filter. */
  through: boolean;
  routes: Map<string, RouteDraft>;
}

export interface IngressDraft {
  input: TargetInput;
  hosts: Map<string, HostDraft>;
  /** The controller's ConfigMap. */
  settings: Record<string, string>;
  /** Hosts whose paths must be clean. */
  cleanHosts: { name: string; except: readonly string[] }[];
  /** Headers of every answer: the controller's `add-headers`. */
  answerHeaders: Record<string, string>;
}

export function beginDraft(input: TargetInput): IngressDraft {
  const hostsAt = (place: string): Set<string> =>
    new Set(input.plan.placements.filter((p) => p.place === place).map((p) => p.host));
  const [doors, through] = [hostsAt("ext-auth"), hostsAt("proxied")];
  const hosts = input.gateway.hosts.map((host): [string, HostDraft] => [
    host.name,
    {
      host,
      annotations: {},
      doorHeaders: new Set(),
      door: doors.has(host.name) && !through.has(host.name),
      through: through.has(host.name),
      routes: new Map(host.routes.map((route) => [route.name, { route, annotations: {} }])),
    },
  ]);
  return {
    input,
    hosts: new Map(hosts),
    settings: { "proxy-buffer-size": `${String(filterHeadKiB(input.model))}k` },
    cleanHosts: [],
    answerHeaders: {},
  };
}

export function hostOf(draft: IngressDraft, placement: Placement): HostDraft {
  return draft.hosts.get(placement.host) as HostDraft;
}

export function routeOf(draft: IngressDraft, placement: Placement): RouteDraft {
  return hostOf(draft, placement).routes.get(placement.route ?? "") as RouteDraft;
}
