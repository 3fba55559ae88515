import type { Placement } from "../../plan";
import type { Host, Route } from "../../decision/gateway";
import type { RewriteConfig } from "../../policy/kinds/upstream";
import type { TargetInput } from "../target";
import { clientIdleMs } from "../front";
import { filterHeadKiB, HEAD_BUFFERS } from "../through";

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

/** One line of JSON for each request, and no query, which may hold a secret; nginx' own errors would tell of one. */
const LOGS = {
  "error-log-level": "crit",
  "log-format-escape-json": "true",
  "log-format-upstream": JSON.stringify({
    time: "$time_iso8601",
    requestId: "$req_id",
    method: "$request_method",
    host: "$host",
    path: "$uri",
    status: "$status",
    ms: "$request_time",
    client: "$remote_addr",
    ingress: "$ingress_name",
    reason: "$gateway_door_reason",
  }),
};

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
    settings: {
      "proxy-buffer-size": `${String(filterHeadKiB(input.model))}k`,
      // Its own header would be a second one, or one that nobody has asked for.
      hsts: "false",
      "generate-request-id": "false",
      "keep-alive": String(Math.ceil(clientIdleMs(input.model.front, input.gateway) / 1000)),
      "client-header-timeout": "15",
      ...LOGS,
      // Shorter than the filter keeps its connections: one that is being closed is not used.
      "upstream-keepalive-timeout": "60",
      // Above what the filter takes, so that it is the filter that says what is too large.
      ...(through.size > 0 && { "large-client-header-buffers": HEAD_BUFFERS }),
    },
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
