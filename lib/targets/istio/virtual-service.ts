import type { Construct } from "constructs";
import {
  Gateway,
  GatewaySpecServersTlsMode,
  type GatewaySpecServers,
  ServiceEntry,
  ServiceEntrySpecLocation,
  ServiceEntrySpecResolution,
  VirtualService,
  VirtualServiceSpecHttpCorsPolicyUnmatchedPreflights as Unmatched,
  type VirtualServiceSpecHttp,
  type VirtualServiceSpecHttpMatch,
} from "../../../imports/networking.istio.io";
import { OWN_HEADERS } from "../../policy/kinds/header-hygiene";
import { CORS_HEADERS } from "../../policy/kinds/cors";
import { routeEntries, type RouteEntry } from "../../decision/gateway";
import { IDEMPOTENT } from "../../policy/kinds/upstream";
import type { HostDraft, IstioDraft, RouteDraft } from "./draft";
import { longestAnswerMs, throughAddress } from "../through";
import { CODING, duration, formatText, metadata, hasHandshakes, MISSING, nowhere, ONCE, PREFLIGHT, REDIRECT, routeName, UPGRADE, splitAddress } from "./names";

/** What Envoy adds for itself behind the guard: no upstream sees it. */
const ENVOY = ["attempt-count", "decorator-operation", "expected-rq-timeout-ms", "external-address", "internal", "original-path"].map(
  (word) => `x-envoy-${word}`,
);

/** Words to nginx, which it does not pass on either. */
const ACCEL = ["redirect", "expires", "limit-rate", "buffering", "charset"].map((word) => `x-accel-${word}`);

/** What the filter is told by the guard. */
const TOLD = ["x-gateway-client", "x-gateway-route"];

type Part<K extends keyof VirtualServiceSpecHttp> = Pick<VirtualServiceSpecHttp, K>;

function corsPolicy({ cors }: HostDraft): Part<"corsPolicy"> {
  if (!cors) return {};
  return {
    corsPolicy: {
      allowOrigins: cors.origins.map((exact) => ({ exact })),
      allowMethods: cors.methods,
      allowHeaders: cors.requestHeaders,
      exposeHeaders: cors.exposeHeaders,
      allowCredentials: cors.credentials,
      maxAge: duration(cors.maxAge),
      unmatchedPreflights: Unmatched.IGNORE,
    },
  };
}

/** A prefix ends on a segment boundary, which Envoy's own prefixes do not. */
function uris({ path }: RouteEntry): { exact?: string; prefix?: string }[] {
  if (path.type === "Exact") return [{ exact: path.value }];
  return path.value === "/" ? [{ prefix: "/" }] : [{ exact: path.value }, { prefix: `${path.value}/` }];
}

function matches(
  entry: RouteEntry,
  route: RouteDraft,
  methods: readonly string[] | undefined,
): VirtualServiceSpecHttpMatch[] {
  const headers = route.chosenByMatch ? Object.entries(entry.route.match.headers ?? {}) : [];
  return uris(entry).map((uri) => ({
    uri,
    ...(methods && { method: methods.length === 1 ? { exact: methods[0] as string } : { regex: methods.join("|") } }),
    ...(headers.length > 0 && { headers: Object.fromEntries(headers.map(([name, exact]) => [name, { exact }])) }),
  }));
}

const formatted = (set: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(set).map(([name, value]) => [name, formatText(value)]));

function headerChanges(host: HostDraft, route: RouteDraft): Part<"headers"> {
  const { requestHeaders, responseHeaders } = route;
  // What Envoy compresses cannot be asked for in parts.
  const noted = route.compression && { [CODING]: "%RESP(content-encoding)%" };
  const hidden = [...(host.cors ? CORS_HEADERS : []), ...(route.through ? [] : ACCEL), ...(responseHeaders?.remove ?? [])];
  return {
    headers: {
      request: {
        ...(requestHeaders && { set: formatted(requestHeaders.set) }),
        remove: [
          ...OWN_HEADERS.filter((name) => !route.through || !TOLD.includes(name)),
          ...ENVOY,
          ...(requestHeaders?.remove ?? []),
        ],
      },
      ...((hidden.length > 0 || noted) && {
        response: { ...(noted && { set: noted }), ...(hidden.length > 0 && { remove: hidden }) },
      }),
    },
  };
}

function rewrite({ rewrite: config }: RouteDraft): Part<"rewrite"> {
  if (!config) return {};
  const prefix = config.prefix.replace(/[.+*?^$()[\]{}|\\]/g, "\\$&");
  const [rest, base] = config.replacement === "/" ? ["/?(.*)", "/"] : ["(/.*)?", config.replacement];
  return { rewrite: { uriRegexRewrite: { match: `^${prefix}${rest}$`, rewrite: `${base}\\1` } } };
}

function destinations(draft: IstioDraft, { route, weights, through }: RouteDraft): Part<"route"> {
  const { services } = draft.input.model;
  if (through) {
    const { host, port } = throughAddress(draft.input.model);
    return { route: [{ destination: { host, port: { number: port } } }] };
  }
  const to = (service: string): { destination: { host: string; port: { number: number } } } => {
    const { host, port } = splitAddress(services[service]?.address ?? "");
    return { destination: { host, port: { number: port } } };
  };
  if (weights) {
    const sum = weights.reduce((total, b) => total + b.weight, 0);
    let left = 100;
    const shares = weights.map((b, i) => {
      const share = i === weights.length - 1 ? left : Math.round((b.weight / sum) * 100);
      left -= share;
      return { ...to(b.service), weight: share };
    });
    return { route: shares };
  }
  return { route: [to(route.backends[0]?.service ?? "")] };
}

/** `retriable-headers` names no header: the time-out of a try holds without a second try. */
function tries(route: RouteDraft, once: boolean): Part<"retries"> {
  const { retries } = route;
  if (route.through) {
    // The filter is asked again where its connection breaks; what is not idempotent only before it was sent.
    const retryOn = ["connect-failure", "refused-stream", ...(once ? [] : ["reset"])].join(",");
    return { retries: { attempts: 1, perTryTimeout: duration(longestAnswerMs(route.route)), retryOn } };
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
  const common = { ...corsPolicy(host), ...headerChanges(host, route), ...rewrite(route), ...destinations(draft, route) };
  const { respond } = route;
  if (respond) {
    const headers = { response: { set: { "content-type": respond.contentType } } };
    const directResponse = { status: respond.status, body: { string: respond.body } };
    return [{ name, match: matches(entry, route, methods), ...corsPolicy(host), headers, directResponse }];
  }
  // A handshake is a GET: it is sent once, and its way is as it was.
  const upgrade = hasHandshakes(route) && (methods === undefined || methods.includes("GET"));
  const handshake = (match: VirtualServiceSpecHttpMatch): VirtualServiceSpecHttpMatch => ({
    ...match,
    headers: { ...match.headers, upgrade: { regex: "(?i)websocket" } },
  });
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

/** Ways into the same route that stand next to each other are one entry. */
function merged(items: readonly VirtualServiceSpecHttp[]): VirtualServiceSpecHttp[] {
  const out: VirtualServiceSpecHttp[] = [];
  for (const item of items) {
    const at = out.findIndex((o) => o.name === item.name);
    const known = out[at];
    if (known && out.slice(at + 1).every((o) => o.name?.startsWith(known.name ?? "") || item.name?.startsWith(o.name ?? ""))) {
      out[at] = { ...known, match: [...(known.match ?? []), ...(item.match ?? [])] };
    } else {
      out.push(item);
    }
  }
  return out;
}

const isPreflight = { origin: { regex: ".+" }, "access-control-request-method": { regex: ".+" } };

/** Paths whose routes all name methods would lose their preflights. */
function preflights(host: HostDraft, entries: readonly RouteEntry[], to: Part<"route">): VirtualServiceSpecHttp[] {
  if (!host.cors) return [];
  const open = entries.filter((e) => !e.route.match.methods && !e.route.match.headers && !e.route.respond);
  const isCovered = ({ path: { type, value } }: RouteEntry): boolean =>
    open.some(({ path }) => {
      if (path.value === value && (path.type === "PathPrefix" || type === "Exact")) return true;
      return path.type === "PathPrefix" && value.startsWith(path.value === "/" ? "/" : `${path.value}/`);
    });
  // A route that answers by itself would answer them too, wherever it lies.
  const own = entries.filter((e) => e.route.respond !== undefined || !isCovered(e));
  if (own.length === 0) return [];
  const match = own.flatMap(uris).map((uri) => ({ uri, method: { exact: "OPTIONS" }, headers: isPreflight }));
  return [{ name: routeName(host.host.name, PREFLIGHT), match, ...corsPolicy(host), ...to }];
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
  new VirtualService(scope, `virtual-service-${name}`, {
    metadata: metadata(draft, name),
    spec: {
      hosts: [name],
      gateways: host.redirect ? [secure] : [secure, plain],
      http: [
        ...preflights(host, entries, lost),
        ...merged(entries.flatMap((entry) => forwarding(draft, host, entry))),
        { name: routeName(name, MISSING), ...corsPolicy(host), ...lost },
      ],
    },
  });
  if (!host.redirect) return;
  // With the host's own name: a Host header may hold more than a name and a port.
  const redirect = { scheme: "https", authority: name, redirectCode: 301 };
  new VirtualService(scope, `redirect-${name}`, {
    // No host's own name: the last label of one is no number.
    metadata: metadata(draft, `${name}.80`),
    spec: { hosts: [name], gateways: [plain], http: [{ name: routeName(name, REDIRECT), redirect }] },
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
  const add = (name: string, server: GatewaySpecServers): void => {
    new Gateway(scope, name, {
      metadata: { ...metadata(draft, ""), name },
      spec: { selector: kubernetes.istioGateway.labels, servers: [{ ...bind, ...server }] },
    });
  };
  const own = gatewayNames(draft);
  add(own.secure, {
    port: { number: listeners.https.port, name: "https", protocol: secure ? "HTTPS" : "HTTP" },
    hosts: anyHost ? ["*"] : names,
    ...(secure && { tls: { mode: GatewaySpecServersTlsMode.SIMPLE, credentialName: certificate.secret } }),
  });
  add(own.plain, { port: { number: listeners.http.port, name: "http", protocol: "HTTP" }, hosts: names });
}
