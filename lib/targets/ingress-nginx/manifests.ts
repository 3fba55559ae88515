import type { Construct } from "constructs";
import * as k8s from "../../../imports/k8s";
import { identityHeaders } from "../identity-headers";
import { trustedHops, usesProxyProtocol } from "../front";
import { connectionRule, longestSilenceMs } from "../through";
import { routeEntries, type RouteEntry } from "../../decision/route-table";
import type { RewriteConfig } from "../../policy/kinds/upstream";
import { uncleanPathLines } from "../nginx-syntax";
import { annotations } from "./annotations";
import type { HostDraft, IngressDraft, RouteDraft } from "./draft";

/** What the door refused: auth_request passes on no status but 401 and 403, so the true one comes in a header. */
const DOOR_STATUSES = [400, 404, 405, 413, 414, 429, 431, 503];

const LOCATION_SNIPPET = [
  "auth_request_set $gateway_door_status $upstream_http_x_gateway_status;",
  "auth_request_set $gateway_door_reason $upstream_http_x_gateway_reason;",
  "auth_request_set $gateway_door_retry_after $upstream_http_retry_after;",
  "error_page 403 = @gateway_refused;",
  // No service steers the controller's nginx.
  "proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;",
].join("\n");

/** The controller's maps are global: one for each host, and one that takes the host's own. */
function httpSnippet({ cleanHosts }: IngressDraft): string {
  const map = (from: string, variable: string, lines: readonly (readonly [string, string])[]): string[] => [
    `map ${from} $${variable} {`,
    ...lines.map(([pattern, value]) => `  ${pattern} ${value};`),
    "}",
  ];
  const own = (i: number): string => `gateway_unclean_path_${String(i + 1)}`;
  return [
    ...map("$request_uri", "gateway_path", [
      ["default", '""'],
      ['"~^(?<gateway_raw_path>[^?]*)"', "$gateway_raw_path"],
    ]),
    ...cleanHosts.flatMap(({ except }, i) => map("$gateway_path", own(i), uncleanPathLines(except))),
    ...map("$host", "gateway_unclean_path", [
      ["default", '""'],
      ...cleanHosts.map(({ name }, i) => [name, `$${own(i)}`] as const),
    ]),
  ].join("\n");
}

const serverSnippet = ({ input }: IngressDraft): string =>
  [
    connectionRule(input.gateway),
    "if ($gateway_unclean_path) { return 400; }",
    'if ($request_uri ~ "#") { return 400; }',
    "location @gateway_refused {",
    "  internal;",
    "  add_header Retry-After $gateway_door_retry_after always;",
    "  add_header X-Gateway-Reason $gateway_door_reason always;",
    ...DOOR_STATUSES.map((status) => `  if ($gateway_door_status = ${String(status)}) { return ${String(status)}; }`),
    "  return 403;",
    "}",
  ].join("\n");

const labels = (draft: IngressDraft): Record<string, string> => ({
  "app.kubernetes.io/managed-by": "gatewright",
  "app.kubernetes.io/part-of": draft.input.gateway.system,
});

const resourceName = (...parts: string[]): string => parts.join("-").slice(0, 253);

/** Routes that one path chooses together: the door tells them apart, the controller cannot. */
function byPaths(host: HostDraft): { entries: RouteEntry[]; route: RouteDraft }[] {
  const groups = new Map<string, RouteEntry[]>();
  const taken = new Set<string>();
  for (const entry of routeEntries(host.host.routes)) {
    const place = `${entry.path.type} ${entry.path.value}`;
    if (taken.has(place)) continue;
    taken.add(place);
    groups.set(entry.route.name, [...(groups.get(entry.route.name) ?? []), entry]);
  }
  return [...groups.entries()].map(([name, entries]) => ({ entries, route: host.routes.get(name) as RouteDraft }));
}

function authAnnotations(draft: IngressDraft, host: HostDraft): Record<string, string> {
  if (!host.door) return {};
  const { model } = draft.input;
  const headers = [...new Set([...identityHeaders(host.host), ...host.doorHeaders])].sort();
  return {
    "auth-url": `http://${model.filter.address}/door/ingress-nginx`,
    ...(headers.length > 0 && { "auth-response-headers": headers.join(", ") }),
  };
}

/** A Service by its short name, and where it lives. */
function serviceAt(draft: IngressDraft, address: string): { name: string; namespace: string; number: number } {
  const colon = address.lastIndexOf(":");
  const [name = "", space, svc] = address.slice(0, colon).split(".");
  const namespace = space !== undefined && svc === "svc" ? space : draft.input.model.kubernetes.namespace;
  return { name, namespace, number: Number(address.slice(colon + 1)) };
}

/** The whole host goes to the filter, as it comes: the controller waits for it, and asks again only where it was not heard. */
function throughIngress(draft: IngressDraft, host: HostDraft): IngressParts {
  const { filter } = draft.input.model;
  const { name, namespace } = serviceAt(draft, filter.address);
  const silence = String(Math.ceil(longestSilenceMs([host.host]) / 1000));
  const own = annotations({
    ...host.annotations,
    "proxy-body-size": "0",
    "proxy-buffering": "off",
    "proxy-request-buffering": "off",
    "proxy-connect-timeout": "1",
    "proxy-read-timeout": silence,
    "proxy-send-timeout": silence,
    "proxy-next-upstream": "error",
    "proxy-next-upstream-tries": "2",
  });
  const backend = { service: { name, port: { number: filter.throughPort } } };
  const resource = resourceName(draft.input.gateway.system, host.host.name.replace("*", "any"));
  return { name: resource, namespace, annotations: own, paths: [{ path: "/", pathType: "Prefix", backend }] };
}

/** The path as a regular expression, and what is sent in its place: `$1` is what stands below the replacement. */
export function rewritten(
  { prefix, replacement }: RewriteConfig,
  value: string,
  exact: boolean,
): { path: string; target: string } {
  const escape = (text: string): string => text.replace(/[.+*?^$()[\]{}|\\]/g, "\\$&");
  const below = escape(value.slice(prefix.length));
  if (replacement !== "/")
    return { path: `${escape(prefix)}(${below}${exact ? "" : "(?:/.*)?"})$`, target: `${replacement}$1` };
  // The root has its slash already.
  const inside = below.slice(1);
  const rest = exact ? `/?(${inside})` : inside === "" ? "(?:/(.*))?" : `/(${inside}(?:/.*)?)`;
  return { path: `${escape(prefix)}${rest}$`, target: "/$1" };
}

interface IngressParts {
  name: string;
  namespace: string;
  annotations: Record<string, string>;
  paths: k8s.HttpIngressPath[];
}

/**
 * Routes that agree in everything but their paths are one Ingress; the admission webhook refuses a path that two of them
 * name, so a prefix that is an exact path as well is written with its slash, which means the same.
 */
function ingressesOf(draft: IngressDraft, host: HostDraft): IngressParts[] {
  if (host.through) return [throughIngress(draft, host)];
  const groups = new Map<string, IngressParts>();
  for (const { entries, route } of byPaths(host)) {
    // Ingresses live where their services are.
    const service = draft.input.model.services[route.route.backends[0]?.service ?? ""];
    const { name, namespace, number } = serviceAt(draft, service?.address ?? "");
    const shared = { ...host.annotations, ...authAnnotations(draft, host), ...route.annotations };
    for (const { path } of entries) {
      const exact = path.type === "Exact";
      const regex = route.rewrite && rewritten(route.rewrite, path.value, exact);
      const own = annotations({ ...shared, ...(regex && { "use-regex": "true", "rewrite-target": regex.target }) });
      const key = JSON.stringify([namespace, own]);
      const resource = resourceName(draft.input.gateway.system, host.host.name, route.route.name);
      const group = groups.get(key) ?? { name: resource, namespace, annotations: own, paths: [] };
      groups.set(key, group);
      group.paths.push({
        path: regex?.path ?? path.value,
        pathType: regex ? "ImplementationSpecific" : exact ? "Exact" : "Prefix",
        backend: { service: { name, port: { number } } },
      });
    }
  }
  const parts = [...groups.values()];
  for (const part of parts) {
    const taken = new Set(parts.filter((p) => p !== part).flatMap((p) => p.paths.map(({ path }) => path)));
    part.paths = part.paths.map((p) =>
      p.pathType === "Prefix" && taken.has(p.path) ? { ...p, path: `${p.path ?? ""}/` } : p,
    );
  }
  return parts;
}

export function ingresses(scope: Construct, draft: IngressDraft): void {
  const { model } = draft.input;
  for (const host of draft.hosts.values()) {
    for (const { name, namespace, annotations: own, paths } of ingressesOf(draft, host)) {
      new k8s.KubeIngress(scope, `${namespace}/${name}`, {
        metadata: { name, namespace, labels: labels(draft), annotations: own },
        spec: {
          ingressClassName: "nginx",
          tls: [{ hosts: [host.host.name], secretName: host.host.certificate ?? model.certificate.secret }],
          rules: [{ host: host.host.name, http: { paths } }],
        },
      });
    }
  }
}

export function controllerSettings(scope: Construct, draft: IngressDraft): void {
  const { model, gateway } = draft.input;
  const namespace = "ingress-nginx";
  const hops = trustedHops(model.front);
  const answerHeaders = resourceName(gateway.system, "answer-headers");
  const data = {
    ...draft.settings,
    "server-tokens": "false",
    // Never `use-forwarded-headers`: a client's X-Forwarded-Host and -Proto would count, whoever stands in front.
    ...(hops > 0 && { "enable-real-ip": "true", "proxy-real-ip-cidr": model.front.networks.join(",") }),
    ...(usesProxyProtocol(model.front) && { "use-proxy-protocol": "true" }),
    "http-snippet": httpSnippet(draft),
    "location-snippet": LOCATION_SNIPPET,
    "server-snippet": serverSnippet(draft),
    ...(Object.keys(draft.answerHeaders).length > 0 && { "add-headers": `${namespace}/${answerHeaders}` }),
  };
  new k8s.KubeConfigMap(scope, "controller", {
    metadata: { name: "ingress-nginx-controller", namespace, labels: labels(draft) },
    data,
  });
  if (Object.keys(draft.answerHeaders).length === 0) return;
  new k8s.KubeConfigMap(scope, "answer-headers", {
    metadata: { name: answerHeaders, namespace, labels: labels(draft) },
    data: draft.answerHeaders,
  });
}
