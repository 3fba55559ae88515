import {
  EnvoyFilterSpecConfigPatchesApplyTo as ApplyTo,
  EnvoyFilterSpecConfigPatchesMatchContext as Context,
  EnvoyFilterSpecConfigPatchesPatchOperation as Operation,
  type EnvoyFilterSpecConfigPatches as Patch,
} from "../../../imports/networking.istio.io";
import { isOriginPattern, originExpression } from "../../policy/origins";
import { CORS_HEADERS } from "../../policy/kinds/cors";
import { OWN_HEADERS } from "../../policy/kinds/header-hygiene";
import { HTTPS_ONLY } from "../../policy/kinds/response";
import { idleMs, longestAnswerMs, longestPauseMs } from "../through";
import { compressionPerRoute } from "./compression";
import { STREAM_IDLE_MS } from "./connection-manager";
import type { HostDraft, IstioDraft, RouteDraft } from "./draft";
import { demandsTokens } from "./native-identity";
import { verifiesAgain } from "./second-check";
import { CODING, COUNTED, duration, formatText, namesOf, REDIRECT, routeName, TOLD, UPGRADE } from "./names";
import { EXT_AUTHZ, regexText, setHeader, TYPE } from "./patches";

/**
 * What holds for all routes of a host stands in its virtual host, once: headers, CORS, and what most routes want of a filter.
 * A route says what it wants otherwise.
 */

/** What Envoy adds for itself behind the guard: no upstream sees it. */
const ENVOY = ["attempt-count", "decorator-operation", "expected-rq-timeout-ms", "external-address", "internal", "original-path"].map(
  (word) => `x-envoy-${word}`,
);

/** Words to nginx, which it does not pass on either. */
export const ACCEL = ["redirect", "expires", "limit-rate", "buffering", "charset"].map((word) => `x-accel-${word}`);

const DISABLED = { "@type": `${TYPE}.config.route.v3.FilterConfig`, disabled: true };

function corsPolicy({ cors }: HostDraft): object {
  if (!cors) return {};
  const policy = {
    "@type": `${TYPE}.extensions.filters.http.cors.v3.CorsPolicy`,
    allow_origin_string_match: cors.origins.map((origin) =>
      isOriginPattern(origin) ? { safe_regex: { regex: originExpression(origin, regexText) } } : { exact: origin },
    ),
    allow_methods: cors.methods.join(","),
    allow_headers: cors.requestHeaders.join(","),
    expose_headers: cors.exposeHeaders.join(","),
    allow_credentials: cors.credentials,
    max_age: String(cors.maxAge / 1000),
    // A preflight of an origin that is not listed is answered here as well.
    forward_not_matching_preflights: false,
  };
  return { "envoy.filters.http.cors": policy };
}

/** The guard hides from services what steers; these are written behind it. */
const unseen = (host: HostDraft): object => ({
  request_headers_to_remove: [...OWN_HEADERS.filter((name) => !TOLD.includes(name)), COUNTED, ...ENVOY],
  response_headers_to_remove: [...(host.cors ? CORS_HEADERS : []), ...ACCEL],
});

/** What Envoy compresses cannot be asked for in parts: the guard must know what a service has compressed itself. */
function codings(host: HostDraft): object {
  if (![...host.routes.values()].some((route) => route.compression)) return {};
  const header = { key: CODING, value: "%RESP(content-encoding)%" };
  return { response_headers_to_add: [{ header, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" }] };
}

/** What a route of Envoy wants of filters that are off for whoever says nothing. */
const wanted = (draft: IstioDraft, route: RouteDraft): Record<string, object> =>
  route.respond ? {} : compressionPerRoute(draft, route);

const waysInto = (host: HostDraft): { route: RouteDraft; name: string }[] =>
  [...host.routes.values()].flatMap((route) => namesOf(host.host.name, route).map((name) => ({ route, name })));

/** What more routes of a host want of a filter than do not. */
function usual(draft: IstioDraft, host: HostDraft): Record<string, object> {
  const ways = waysInto(host);
  const counts = new Map<string, Map<string, number>>();
  for (const { route } of ways) {
    for (const [filter, config] of Object.entries(wanted(draft, route))) {
      const of = counts.get(filter) ?? new Map<string, number>();
      counts.set(filter, of);
      const text = JSON.stringify(config);
      of.set(text, (of.get(text) ?? 0) + 1);
    }
  }
  return Object.fromEntries(
    [...counts].flatMap(([filter, of]): [string, object][] => {
      const [text, count] = [...of].sort((a, b) => b[1] - a[1])[0] ?? ["{}", 0];
      return count * 2 > ways.length ? [[filter, JSON.parse(text) as object]] : [];
    }),
  );
}

export function virtualHosts(draft: IstioDraft): Patch[] {
  const { http, https } = draft.input.model.listeners;
  return [...draft.hosts.values()].flatMap((host) => {
    const vary = setHeader("vary", "Origin", "APPEND_IF_EXISTS_OR_ADD");
    const on = ({ port }: { port: number }, mutations: object[], ofRoutes: boolean): Patch[] => {
      const headers = {
        "@type": `${TYPE}.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute`,
        mutations: { response_mutations: mutations },
      };
      const filters = {
        ...(mutations.length > 0 && { "gatewright.headers": headers }),
        ...(ofRoutes && { ...corsPolicy(host), ...usual(draft, host) }),
      };
      const value = {
        ...(ofRoutes && { ...unseen(host), ...codings(host) }),
        ...(Object.keys(filters).length > 0 && { typed_per_filter_config: filters }),
      };
      if (Object.keys(value).length === 0) return [];
      return [
        {
          applyTo: ApplyTo.VIRTUAL_UNDERSCORE_HOST,
          match: {
            context: Context.GATEWAY,
            routeConfiguration: { vhost: { name: `${host.host.name}:${String(port)}` } },
          },
          patch: { operation: Operation.MERGE, value },
        },
      ];
    };
    const security = Object.entries(host.securityHeaders);
    const set = security.map(([name, value]) => setHeader(name, formatText(value)));
    const onHttp = security.map(([name, value]) => (name === HTTPS_ONLY ? { remove: name } : setHeader(name, formatText(value))));
    return [
      ...on(https, [...(host.cors ? [vary] : []), ...set], true),
      // A host that redirects has nothing but the redirect on the plain port.
      ...on(http, [...(host.cors ? [vary] : []), ...onHttp], host.redirect === undefined),
    ];
  });
}

/** How long an exchange may pause, where that is not what holds for all: a handshake, a stream, or a service that is given more time. */
function idleOf(route: RouteDraft, name: string): number | undefined {
  if (route.respond) return undefined;
  if (name.endsWith(UPGRADE)) return route.webSocketIdleMs;
  if (route.through) return longestPauseMs(route.route);
  const own = idleMs(route.route);
  if (own !== undefined) return own;
  const longest = longestAnswerMs(route.route);
  return longest > STREAM_IDLE_MS ? longest : undefined;
}

/** What a route wants otherwise than its host's routes do. */
function unlike(usually: Record<string, object>, own: Record<string, object>): Record<string, object> {
  const other = Object.entries(own).filter(([filter, config]) => JSON.stringify(config) !== JSON.stringify(usually[filter]));
  const off = Object.keys(usually).filter((filter) => !(filter in own));
  return { ...Object.fromEntries(other), ...Object.fromEntries(off.map((filter) => [filter, DISABLED])) };
}

/** Whether the door is asked, and whether it is shown the body: held until it is whole, or too large. */
function doorPerRoute({ door, judgedBytes }: Pick<RouteDraft, "door" | "judgedBytes">): object {
  const type = { "@type": `${TYPE}.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute` };
  if (!door) return { [EXT_AUTHZ]: { ...type, disabled: true } };
  if (judgedBytes === undefined) return {};
  return { [EXT_AUTHZ]: { ...type, check_settings: { with_request_body: { max_request_bytes: judgedBytes } } } };
}

/** What single routes do otherwise: ask no door, look at no token, or want something else of a filter than most. */
export function routeExceptions(draft: IstioDraft): Patch[] {
  const noDoor = doorPerRoute({ door: false });
  const tokensOff = { "@type": `${TYPE}.extensions.filters.http.jwt_authn.v3.PerRouteConfig`, disabled: true };
  const noTokens = draft.issuers.size > 0 && { "envoy.filters.http.jwt_authn": tokensOff };
  const noRoles = (demandsTokens(draft) || verifiesAgain(draft)) && { "envoy.filters.http.rbac": { "@type": `${TYPE}.extensions.filters.http.rbac.v3.RBACPerRoute` } };
  const patch = (name: string, typed: object, idleMs?: number): Patch[] => {
    const value = {
      ...(Object.keys(typed).length > 0 && { typed_per_filter_config: typed }),
      ...(idleMs !== undefined && { route: { idle_timeout: duration(idleMs) } }),
    };
    if (Object.keys(value).length === 0) return [];
    return [
      {
        applyTo: ApplyTo.HTTP_UNDERSCORE_ROUTE,
        match: { context: Context.GATEWAY, routeConfiguration: { vhost: { route: { name } } } },
        patch: { operation: Operation.MERGE, value },
      },
    ];
  };
  return [...draft.hosts.values()].flatMap((host) => {
    const usually = usual(draft, host);
    return [
      ...(host.redirect !== undefined ? patch(routeName(host.host.name, REDIRECT), { ...noDoor, ...noTokens, ...noRoles }) : []),
      ...waysInto(host).flatMap(({ route, name }) =>
        patch(
          name,
          {
            ...doorPerRoute(route),
            ...(route.demandsToken ? {} : noTokens),
            ...unlike(usually, wanted(draft, route)),
          },
          idleOf(route, name),
        ),
      ),
    ];
  });
}
