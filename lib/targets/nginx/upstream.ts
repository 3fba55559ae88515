import type { HeaderChangeConfig, RetriesConfig, RewriteConfig, TimeoutsConfig } from "../../policy/kinds/upstream";
import type { FallbackConfig } from "../../policy/kinds/fallback";
import type { GatewayModel } from "../../model";
import type { BackendTlsConfig, RespondConfig, WeightsConfig } from "../../policy/kinds/route-shape";
import type { Enforcer } from "../target";
import { addMap, nameFor, routeOf, type NginxDraft, type RouteDraft } from "./draft";
import { escapeText, regexText, text } from "../nginx-syntax";
import { idleMs } from "../through";

/** On raw bytes: the target that nginx has decoded is never sent on. */
export const rewrite: Enforcer<NginxDraft> = {
  supports: ["RewritePrefix", "RewriteHost"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { prefix, replacement, host } = placement.config as RewriteConfig;
    const route = routeOf(draft, placement);
    if (host !== undefined) route.requestHeaders.push(["Host", text(host)]);
    const base = replacement === "/" ? "" : escapeText(replacement);
    const from = prefix === "/" ? "" : regexText(prefix);
    route.target = addMap(draft, {
      from: "$request_uri",
      variable: nameFor(draft.names, "gateway_target", prefix, replacement),
      lines: [
        ["default", "$request_uri"],
        [`"~^${from}(?<gateway_rest>/.*)$"`, `"${base}\${gateway_rest}"`],
        [`"~^${from}(?<gateway_rest>\\\\?.*)?$"`, `"${base === "" ? "/" : base}\${gateway_rest}"`],
      ],
    });
  },
};

export const requestHeaders: Enforcer<NginxDraft> = {
  supports: ["RequestHeaderSet", "RequestHeaderRemove"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { set, remove } = placement.config as HeaderChangeConfig;
    const route = routeOf(draft, placement);
    route.requestHeaders.push(...remove.map((name) => [name, '""'] as const));
    route.requestHeaders.push(...Object.entries(set).map(([name, value]) => [name, text(value)] as const));
  },
};

export const timeouts: Enforcer<NginxDraft> = {
  supports: ["TimeoutFirstByte"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).firstByteMs = (placement.config as TimeoutsConfig).firstByte;
  },
};

/** A total time as far as nginx has one, for those who take that rather than a hop. */
export const totalTime: Enforcer<NginxDraft> = {
  supports: ["TimeoutFirstByte", "TimeoutTotal"],
  stage: "afterExtAuth",
  difference: {
    name: "nginx-total-time",
    text: "a total time holds until the first byte: no try begins after it, but the last may use its own time, and an answer that has begun may take longer",
  },
  apply(placement, draft) {
    const { firstByte, total = firstByte } = placement.config as TimeoutsConfig;
    Object.assign(routeOf(draft, placement), { firstByteMs: Math.min(firstByte, total), totalMs: total });
  },
};

/** A pause that nginx does not tell from the wait for the first byte, for those who take that rather than a hop. */
export const idleTime: Enforcer<NginxDraft> = {
  supports: ["TimeoutFirstByte", "TimeoutIdle", "TimeoutIdleBelowMinute"],
  stage: "afterExtAuth",
  difference: {
    name: "nginx-idle-time",
    text: "a service may take as long as an answer may pause to begin it, in each of its tries",
  },
  apply(placement, draft) {
    timeouts.apply(placement, draft);
    const route = routeOf(draft, placement);
    Object.assign(route, { idleMs: idleMs(route.route) });
  },
};

export const retries: Enforcer<NginxDraft> = {
  supports: ["RetryIdempotent"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { tries, perTry, statuses } = placement.config as RetriesConfig;
    routeOf(draft, placement).retries = { tries, perTryMs: perTry, statuses };
  },
};

export const streaming: Enforcer<NginxDraft> = {
  supports: ["AnswerStreaming"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).streams = true;
  },
};

/** As servers of its upstream. */
export const backendAddresses: Enforcer<NginxDraft> = {
  supports: ["BackendAddresses", "BackendAddressesByTls"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).takesTurns = true;
  },
};

export const backendTls: Enforcer<NginxDraft> = {
  supports: ["BackendTls", "BackendTlsOwnAuthority"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const [tls] = Object.values((placement.config as BackendTlsConfig).backends);
    if (tls) routeOf(draft, placement).tls = tls;
  },
};

export const backendGrpc: Enforcer<NginxDraft> = {
  supports: ["BackendGrpc"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).grpc = true;
  },
};

/** Where Debian, Alpine and the image of nginx have the authorities of the system. */
const SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";

/** Whose certificate a service must show, and which one nginx does (ngx_http_proxy_module); secrets are folders beside its own. */
export function backendTlsLines({ certificate: { directory } }: GatewayModel, { tls }: RouteDraft): string[] {
  if (!tls) return [];
  const { serverName, ca, clientCertificate: own } = tls;
  return [
    "proxy_ssl_verify on;",
    "proxy_ssl_verify_depth 4;",
    "proxy_ssl_protocols TLSv1.2 TLSv1.3;",
    `proxy_ssl_trusted_certificate ${ca === undefined ? SYSTEM_AUTHORITIES : `${directory}/${ca}/ca.crt`};`,
    "proxy_ssl_server_name on;",
    `proxy_ssl_name ${serverName};`,
    ...(own === undefined
      ? []
      : [`proxy_ssl_certificate ${directory}/${own}/tls.crt;`, `proxy_ssl_certificate_key ${directory}/${own}/tls.key;`]),
  ];
}

/** `error_page` knows nginx' own errors alone: what a service says passes (ngx_http_core_module). */
export const fallback: Enforcer<NginxDraft> = {
  supports: ["FallbackAnswer", "FallbackAnswerOk"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).fallback = placement.config as FallbackConfig;
  },
};

/** The upstream of a backend whose tries go on at the route's others; no service has such a name. */
export const othersOf = (service: string, { route }: RouteDraft): string => `${service}_or_others_of_${route.name}`;

export const weights: Enforcer<NginxDraft> = {
  supports: ["BackendWeights", "BackendWeightsSeveral", "RetryOtherBackend", "RetryOtherBackendByTls"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { backends, triesOthers } = placement.config as WeightsConfig;
    const route = routeOf(draft, placement);
    const sum = backends.reduce((total, b) => total + b.weight, 0);
    const variable = nameFor(draft.names, "gateway_backend", placement.host, placement.route ?? "");
    const used = backends.filter((b) => b.weight > 0);
    const parts = used.map((b, i) => ({
      share: i === used.length - 1 ? "*" : `${((b.weight / sum) * 100).toFixed(2)}%`,
      backend: triesOthers ? othersOf(b.service, route) : b.service,
    }));
    draft.splits.push({ variable, parts });
    Object.assign(route, { backend: `$${variable}`, triesOthers });
  },
};

export const matching: Enforcer<NginxDraft> = {
  supports: ["RouteByMethod", "RouteByHeader", "RouteByHeaderSet", "RouteByQuery", "RouteByTemplate", "RouteByUpgrade"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).chosenByMatch = true;
  },
};

export const respond: Enforcer<NginxDraft> = {
  supports: ["RouteRespond", "RouteRedirect"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).respond = placement.config as RespondConfig;
  },
};
