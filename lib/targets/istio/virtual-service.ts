import type { Construct } from "constructs";
import {
  Gateway,
  GatewaySpecServersTlsMode,
  type GatewaySpecServers,
  ServiceEntry,
  ServiceEntrySpecLocation,
  ServiceEntrySpecResolution,
  VirtualService,
  type VirtualServiceSpecHttp,
  type VirtualServiceSpecHttpMatch,
} from "../../../imports/networking.istio.io";
import type { HeaderMatch } from "../../decision/gateway";
import { routeEntries, type RouteEntry } from "../../decision/route-table";
import { pathsAbove } from "../../decision/route-match";
import { segmentsOf } from "../../policy/path-template";
import { IDEMPOTENT } from "../../policy/kinds/upstream";
import type { HostDraft, IstioDraft, RouteDraft } from "./draft";
import { heardHeaders, longestPauseMs, throughAddress } from "../through";
import { regexText } from "./patches";
import { duration, formatText, metadata, hasHandshakes, MISSING, nowhere, ONCE, PREFLIGHT, REDIRECT, routeName, TOLD, UPGRADE } from "./names";
import { inServices, merged, reachable } from "./divided-routes";
import { destinationOf, jointHost } from "./joint-backends";

type Part<K extends keyof VirtualServiceSpecHttp> = Pick<VirtualServiceSpecHttp, K>;

/** A prefix ends on a segment boundary, which Envoy's own prefixes do not. */
function uris({ path }: RouteEntry): { exact?: string; prefix?: string; regex?: string }[] {
  if (path.type === "PathTemplate") {
    const segments = segmentsOf(path.value).map(({ text, variable }) => (variable === undefined ? regexText(text) : "[^/]+"));
    return [{ regex: `/${segments.join("/")}` }];
  }
  if (path.type === "Exact") return [{ exact: path.value }];
  return path.value === "/" ? [{ prefix: "/" }] : [{ exact: path.value }, { prefix: `${path.value}/` }];
}

function matches(
  entry: RouteEntry,
  route: RouteDraft,
  methods: readonly string[] | undefined,
): VirtualServiceSpecHttpMatch[] {
  const wanted = route.chosenByMatch ? Object.entries(entry.route.match.headers ?? {}) : [];
  const isAbsent = ([, match]: (typeof wanted)[number]): boolean => typeof match !== "string" && match.type === "Absent";
  const headers = {
    ...(entry.route.match.upgrade && HANDSHAKE),
    ...Object.fromEntries(wanted.filter((w) => !isAbsent(w)).map(([name, match]) => [name, headerText(match)])),
  };
  // Empty is absent.
  const without = Object.fromEntries(wanted.filter(isAbsent).map(([name]) => [name, { regex: ".+" }]));
  // Envoy reads the first parameter of a name, and decodes none.
  const query = route.chosenByMatch ? Object.entries(entry.route.match.query ?? {}) : [];
  const queryParams = Object.fromEntries(query.map(([name, match]) => [name, headerText(match)]));
  return uris(entry).map((uri) => ({
    uri,
    ...(query.length > 0 && { queryParams }),
    ...(methods && { method: methods.length === 1 ? { exact: methods[0] as string } : { regex: methods.join("|") } }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(Object.keys(without).length > 0 && { withoutHeaders: without }),
  }));
}

const HANDSHAKE = { upgrade: { regex: "(?i)websocket" }, connection: { regex: "(?i)(.*[,\\s])?upgrade([,\\s].*)?" } };

function headerText(match: HeaderMatch): { exact: string } | { regex: string } {
  if (typeof match === "string") return { exact: match };
  return { regex: match.type === "In" ? match.values.map(regexText).join("|") : ".+" };
}

const formatted = (set: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(set).map(([name, value]) => [name, formatText(value)]));

/** What the client has said of it, and not what Envoy makes of that and of its own times. */
const GRPC_TIMEOUT = "grpc-timeout";

/** What differs from the host's other routes; what holds for all of them stands in its virtual host (`virtual-hosts.ts`). */
function headerChanges({ requestHeaders, responseHeaders, through, door, route, grpc }: RouteDraft): Part<"headers"> {
  const dropped = requestHeaders?.remove ?? [];
  const said = grpc && !dropped.includes(GRPC_TIMEOUT) ? { [GRPC_TIMEOUT]: "%DYNAMIC_METADATA(gatewright:grpc_timeout)%" } : {};
  const set = { ...said, ...formatted(requestHeaders?.set ?? {}) };
  const remove = [...new Set([...(through ? [] : TOLD), ...(grpc ? [GRPC_TIMEOUT] : []), ...dropped])];
  // What the filter says is not the service's to say.
  const hidden = [...new Set([...(responseHeaders?.remove ?? []), ...(door ? heardHeaders(route) : [])])];
  const request = {
    ...(Object.keys(set).length > 0 && { set }),
    ...(remove.length > 0 && { remove }),
  };
  if (Object.keys(request).length === 0 && hidden.length === 0) return {};
  return {
    headers: {
      ...(Object.keys(request).length > 0 && { request }),
      ...(hidden.length > 0 && { response: { remove: hidden } }),
    },
  };
}

function rewrite({ rewrite: config }: RouteDraft): Part<"rewrite"> {
  if (!config) return {};
  const prefix = config.prefix === "/" ? "" : regexText(config.prefix);
  const [rest, base] = config.replacement === "/" ? ["/?(.*)", "/"] : ["(/.*)?", config.replacement];
  const uriRegexRewrite = { match: `^${prefix}${rest}$`, rewrite: `${base}\\1` };
  return { rewrite: { uriRegexRewrite, ...(config.host !== undefined && { authority: config.host }) } };
}

function destinations(draft: IstioDraft, { route, weights, joint, through }: RouteDraft): Part<"route"> {
  const to = ({ host, port }: { host: string; port: number }): { destination: { host: string; port: { number: number } } } => ({
    destination: { host, port: { number: port } },
  });
  if (through) return { route: [to(throughAddress(draft.input.model))] };
  if (joint) return { route: [to(jointHost(draft, joint))] };
  if (weights) {
    const sum = weights.reduce((total, b) => total + b.weight, 0);
    let left = 100;
    const shares = weights.map((b, i) => {
      const share = i === weights.length - 1 ? left : Math.round((b.weight / sum) * 100);
      left -= share;
      return { ...to(destinationOf(draft, b.service)), weight: share };
    });
    return { route: shares };
  }
  return { route: [to(destinationOf(draft, route.backends[0]?.service ?? ""))] };
}

/** `retriable-headers` names no header: the time-out of a try holds without a second try. */
function tries(route: RouteDraft, once: boolean): Part<"retries"> {
  const { retries } = route;
  if (route.through) {
    // The filter is asked again where its connection breaks; what is not idempotent only before it was sent.
    const retryOn = ["connect-failure", "refused-stream", ...(once ? [] : ["reset"])].join(",");
    return { retries: { attempts: 1, perTryTimeout: duration(longestPauseMs(route.route)), retryOn } };
  }
  if (retries && !once) {
    const retryOn = ["connect-failure", "reset", "refused-stream", ...retries.statuses].join(",");
    return { retries: { attempts: retries.tries - 1, perTryTimeout: duration(retries.perTryMs), retryOn } };
  }
  if (route.firstByteMs === undefined) return { retries: { attempts: 0 } };
  return { retries: { attempts: 1, perTryTimeout: duration(route.firstByteMs), retryOn: "retriable-headers" } };
}

function forwarding(draft: IstioDraft, host: HostDraft, entry: RouteEntry): VirtualServiceSpecHttp[] {
  const route = host.routes.get(entry.route.name) as RouteDraft;
  const methods = route.chosenByMatch ? entry.route.match.methods : undefined;
  const name = routeName(host.host.name, entry.route.name);
  // No word on handshakes: what they open lasts.
  const total = route.totalMs === undefined ? {} : { timeout: duration(route.totalMs) };
  const common = { ...headerChanges(route), ...rewrite(route), ...destinations(draft, route) };
  const { respond } = route;
  const taken = entry.route.match.upgrade ? ["GET"] : methods;
  if (respond?.redirect) {
    const { scheme, host: authority, path: uri } = respond.redirect;
    const redirect = { scheme, ...(authority !== undefined && { authority }), ...(uri !== undefined && { uri }), redirectCode: respond.status };
    return [{ name, match: matches(entry, route, taken), redirect }];
  }
  if (respond) {
    const headers = { response: { set: { "content-type": respond.contentType } } };
    const directResponse = { status: respond.status, body: { string: respond.body } };
    return [{ name, match: matches(entry, route, taken), headers, directResponse }];
  }
  // A handshake is a GET: it is sent once, and its way is as it was.
  const upgrade = hasHandshakes(route) && (methods === undefined || methods.includes("GET"));
  const handshake = (match: VirtualServiceSpecHttpMatch): VirtualServiceSpecHttpMatch => ({
    ...match,
    headers: { ...match.headers, upgrade: { regex: "(?i)websocket" } },
  });
  if (upgrade && entry.route.match.upgrade)
    return [{ name: name + UPGRADE, match: matches(entry, route, ["GET"]), ...common, ...tries(route, !route.through) }];
  const repeatable = IDEMPOTENT.filter((m) => methods === undefined || methods.includes(m));
  const twice = (route.retries !== undefined || route.through) && repeatable.length > 0;
  const single = methods?.filter((m) => !repeatable.includes(m as (typeof IDEMPOTENT)[number]));
  return [
    ...(upgrade
      ? [{ name: name + UPGRADE, match: matches(entry, route, ["GET"]).map(handshake), ...common, ...tries(route, !twice) }]
      : []),
    ...(twice ? [{ name, match: matches(entry, route, repeatable), ...total, ...common, ...tries(route, false) }] : []),
    ...(twice && single?.length === 0
      ? []
      : [{ name: twice ? name + ONCE : name, match: matches(entry, route, twice ? single : methods), ...total, ...common, ...tries(route, true) }]),
  ];
}

const isPreflight = { origin: { regex: ".+" }, "access-control-request-method": { regex: ".+" } };

/** Paths whose routes all name methods would lose their preflights. */
function preflights(host: HostDraft, entries: readonly RouteEntry[], to: Part<"route">): VirtualServiceSpecHttp[] {
  if (!host.cors) return [];
  const open = entries.filter(({ route: { match, respond } }) => !match.methods && !match.headers && !match.query && !match.upgrade && !respond);
  const known = new Set(open.map(({ path }) => `${path.type} ${path.value}`));
  const isCovered = ({ path: { type, value } }: RouteEntry): boolean =>
    known.has(`${type} ${value}`) || (type !== "PathTemplate" && pathsAbove(value).some((path) => known.has(`PathPrefix ${path}`)));
  // A route that answers by itself would answer them too, wherever it lies.
  const own = entries.filter((e) => e.route.respond !== undefined || !isCovered(e));
  if (own.length === 0) return [];
  const match = own.flatMap(uris).map((uri) => ({ uri, method: { exact: "OPTIONS" }, headers: isPreflight }));
  return [{ name: routeName(host.host.name, PREFLIGHT), match, ...to }];
}

/**
 * Plain http has a Gateway of its own, so that the listener alone decides: a host that redirects has nothing there but the
 * redirect, whatever X-Forwarded-Proto says. (Istio's `httpsRedirect` would believe that header behind a trusted hop.)
 */
const gatewayNames = ({ input }: IstioDraft): { secure: string; plain: string } => ({
  secure: `${input.gateway.system}-gateway`,
  plain: `${input.gateway.system}-plain`,
});

export function virtualService(scope: Construct, draft: IstioDraft, host: HostDraft): void {
  const { name } = host.host;
  const entries = routeEntries(host.host.routes);
  const { secure, plain } = gatewayNames(draft);
  const lost = { route: [{ destination: { host: nowhere(draft), port: { number: 80 } } }], retries: { attempts: 0 } };
  const id = `virtual-service-${name.replace("*", "any")}`;
  const all = reachable([
    ...preflights(host, entries, lost),
    ...merged(entries.flatMap((entry) => forwarding(draft, host, entry))),
    { name: routeName(name, MISSING), ...lost },
  ]);
  inServices(scope, draft, { id, name, hosts: [name], gateways: host.redirect !== undefined ? [secure] : [secure, plain], http: all });
  if (host.redirect === undefined) return;
  // With the host's own name: a Host header may hold more than a name and a port. Of tenants the guard knows the names.
  const redirect = host.tenants ? lost : { redirect: { scheme: "https", authority: name, redirectCode: host.redirect } };
  new VirtualService(scope, `redirect-${name.replace("*", "any")}`, {
    // No host's own name: the last label of one is no number.
    metadata: metadata(draft, `${name}.80`),
    spec: { hosts: [name], gateways: [plain], http: [{ name: routeName(name, REDIRECT), ...redirect }] },
  });
}

export function nowhereEntry(scope: Construct, draft: IstioDraft): void {
  new ServiceEntry(scope, "nowhere", {
    metadata: metadata(draft, "nowhere"),
    spec: {
      hosts: [nowhere(draft)],
      location: ServiceEntrySpecLocation.MESH_UNDERSCORE_EXTERNAL,
      resolution: ServiceEntrySpecResolution.STATIC,
      ports: [{ number: 80, name: "http", protocol: "HTTP" }],
    },
  });
}

/** Behind a balancer that speaks TLS without a server name, the gateway must take any. */
export function gateways(scope: Construct, draft: IstioDraft): void {
  const { listeners, front, certificate, kubernetes } = draft.input.model;
  const names = [...draft.hosts.keys()];
  if (names.length === 0) return;
  const anyHost = front.kind !== "none" && front.kind !== "nlb";
  const secure = front.tls === "gateway";
  const bind = listeners.bind === undefined ? {} : { bind: listeners.bind };
  const add = (name: string, ...servers: GatewaySpecServers[]): void => {
    new Gateway(scope, name, {
      metadata: { ...metadata(draft, ""), name },
      spec: { selector: kubernetes.istioGateway.labels, servers: servers.map((server) => ({ ...bind, ...server })) },
    });
  };
  // A name that a star covers would have the routes of both.
  const covered = (name: string): boolean => names.some((n) => n !== name && n.startsWith("*.") && name.endsWith(n.slice(1)));
  const hosts = names.filter((name) => !covered(name));
  const own = gatewayNames(draft);
  const server = (suffix: string, of: string[], credentialName: string): GatewaySpecServers => ({
    port: { number: listeners.https.port, name: `https${suffix}`, protocol: secure ? "HTTPS" : "HTTP" },
    hosts: of,
    ...(secure && { tls: { mode: GatewaySpecServersTlsMode.SIMPLE, credentialName } }),
  });
  const certificateOf = (name: string): string | undefined => (secure ? draft.hosts.get(name)?.host.certificate : undefined);
  const secrets = [...new Set(hosts.flatMap((name) => certificateOf(name) ?? []))].sort();
  const others = hosts.filter((name) => certificateOf(name) === undefined);
  add(
    own.secure,
    ...(anyHost || others.length > 0 ? [server("", anyHost ? ["*"] : others, certificate.secret)] : []),
    ...secrets.map((secret, i) => server(`-${String(i + 1)}`, hosts.filter((name) => certificateOf(name) === secret), secret)),
  );
  add(own.plain, { port: { number: listeners.http.port, name: "http", protocol: "HTTP" }, hosts });
}
