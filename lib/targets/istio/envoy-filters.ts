import type { Construct } from "constructs";
import {
  EnvoyFilter,
  EnvoyFilterSpecConfigPatchesApplyTo as ApplyTo,
  EnvoyFilterSpecConfigPatchesMatchContext as Context,
  EnvoyFilterSpecConfigPatchesPatchOperation as Operation,
  type EnvoyFilterSpecConfigPatches as Patch,
} from "../../../imports/networking.istio.io";
import { bodyCounter, bodyPerRoute } from "./body-count";
import { compressionPerRoute, compressors } from "./compression";
import { filterHeadKiB, longestAnswerMs, throughAddress } from "../through";
import { connectionManager, STREAM_IDLE_MS } from "./connection-manager";
import type { IstioDraft, RouteDraft } from "./draft";
import { guardScript } from "./guard";
import { duration, formatText, metadata, namesOf, REDIRECT, routeName, splitAddress, UPGRADE } from "./names";
import { HTTPS_ONLY } from "../../policy/kinds/response";
import { demandsTokens } from "./native-identity";
import { insertFirst, lua, TYPE } from "./patches";
import { ticketPatch } from "./reports";

const enabled = { default_value: { numerator: 100, denominator: "HUNDRED" }, runtime_key: "gatewright.flood_guard" };

/** One bucket for each client address of a host; the guard script has written down who and which that is. */
function floodGuard(draft: IstioDraft): Patch[] {
  const guarded = [...draft.hosts.values()].flatMap((h) => (h.guard ? [{ host: h.host.name, ...h.guard }] : []));
  if (guarded.length === 0) return [];
  const bucket = (max: number, fill: number, per: string): object => ({ max_tokens: max, tokens_per_fill: fill, fill_interval: per });
  const told = (word: string): object => ({ request_headers: { header_name: `x-gateway-${word}`, descriptor_key: word } });
  const actions = [told("network"), told("host")];
  return [
    insertFirst("envoy.filters.http.local_ratelimit", {
      "@type": `${TYPE}.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`,
      stat_prefix: "gatewright_flood_guard",
      token_bucket: bucket(1_000_000, 1_000_000, "1s"),
      filter_enabled: enabled,
      filter_enforced: enabled,
      // The default of 20 addresses would let 21 others reset the bucket of one.
      max_dynamic_descriptors: 100_000,
      always_consume_default_token_bucket: false,
      rate_limits: [{ actions }],
      descriptors: guarded.map((g) => ({
        entries: [{ key: "network" }, { key: "host", value: g.host }],
        token_bucket: bucket(g.burst + 1, g.requests, duration(g.perMs)),
      })),
      response_headers_to_add: [
        { header: { key: "retry-after", value: "1" }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
      ],
    }),
  ];
}

const headerMutation = (mutations: object): object => ({
  "@type": `${TYPE}.extensions.filters.http.header_mutation.v3.HeaderMutation`,
  mutations,
});

const setHeader = (key: string, value: string, append_action = "OVERWRITE_IF_EXISTS_OR_ADD"): object => ({
  append: { header: { key, value }, append_action },
});

/** Filters in the order in which a request meets them: headers, preflights, CORS, guard, flood guard, Istio's own. */
function filterChain(draft: IstioDraft): Patch[] {
  const anyCors = [...draft.hosts.values()].some((h) => h.cors);
  return [
    ...floodGuard(draft),
    insertFirst("gatewright.guard", lua(guardScript(draft, false))),
    ...(anyCors
      ? [
          insertFirst("envoy.filters.http.cors", { "@type": `${TYPE}.extensions.filters.http.cors.v3.Cors` }),
          insertFirst("gatewright.preflight", lua(guardScript(draft, true))),
        ]
      : []),
    insertFirst("gatewright.headers", headerMutation({ response_mutations: [{ remove: "server" }] })),
  ];
}

function virtualHostHeaders(draft: IstioDraft): Patch[] {
  const { http, https } = draft.input.model.listeners;
  return [...draft.hosts.values()].flatMap((host) => {
    const vary = setHeader("vary", "Origin", "APPEND_IF_EXISTS_OR_ADD");
    const on = ({ port }: { port: number }, mutations: object[]): Patch[] => {
      if (mutations.length === 0) return [];
      const config = {
        "@type": `${TYPE}.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute`,
        mutations: { response_mutations: mutations },
      };
      return [
        {
          applyTo: ApplyTo.VIRTUAL_UNDERSCORE_HOST,
          match: {
            context: Context.GATEWAY,
            routeConfiguration: { vhost: { name: `${host.host.name}:${String(port)}` } },
          },
          patch: { operation: Operation.MERGE, value: { typed_per_filter_config: { "gatewright.headers": config } } },
        },
      ];
    };
    const security = Object.entries(host.securityHeaders);
    const set = security.map(([name, value]) => setHeader(name, formatText(value)));
    const onHttp = security.map(([name, value]) => (name === HTTPS_ONLY ? { remove: name } : setHeader(name, formatText(value))));
    return [
      ...on(https, [...(host.cors ? [vary] : []), ...set]),
      ...on(http, [...(host.cors ? [vary] : []), ...onHttp]),
    ];
  });
}

/** How long an exchange may pause, where that is not what holds for all: a handshake, or a service that is given more time. */
function idleOf(route: RouteDraft, name: string): number | undefined {
  if (route.respond) return undefined;
  if (name.endsWith(UPGRADE)) return route.webSocketIdleMs;
  const longest = longestAnswerMs(route.route);
  return longest > STREAM_IDLE_MS ? longest : undefined;
}

/** What single routes do otherwise: ask no door, look at no token, count their bodies. */
function routeExceptions(draft: IstioDraft): Patch[] {
  const off = (type: string): object => ({ "@type": `${TYPE}.extensions.filters.http.${type}`, disabled: true });
  const noDoor = { "envoy.filters.http.ext_authz": off("ext_authz.v3.ExtAuthzPerRoute") };
  const noTokens = draft.issuers.size > 0 && { "envoy.filters.http.jwt_authn": off("jwt_authn.v3.PerRouteConfig") };
  const noRoles = demandsTokens(draft) && { "envoy.filters.http.rbac": { "@type": `${TYPE}.extensions.filters.http.rbac.v3.RBACPerRoute` } };
  const patches = (names: readonly string[], of: (name: string) => { typed: object; idleMs?: number | undefined }): Patch[] =>
    names.flatMap((name) => {
      const { typed, idleMs } = of(name);
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
    });
  return [...draft.hosts.values()].flatMap((host) => [
    ...(host.redirect
      ? patches([routeName(host.host.name, REDIRECT)], () => ({ typed: { ...noDoor, ...noTokens, ...noRoles } }))
      : []),
    ...[...host.routes.values()].flatMap((route) =>
      patches(namesOf(host.host.name, route), (name) => ({
        typed: {
          ...(route.door ? {} : noDoor),
          ...(route.demandsToken ? {} : noTokens),
          ...bodyPerRoute(host.host.name, route, name),
          ...compressionPerRoute(draft, route),
        },
        idleMs: idleOf(route, name),
      })),
    ),
  ]);
}

/** The largest head of an answer, of services and of the filter. Envoy alone bounds the number of lines as well: to no effect. */
function upstreamHeads({ input: { gateway, model } }: IstioDraft): Patch[] {
  const used = gateway.hosts.flatMap((h) => h.routes.flatMap((r) => r.backends.map((b) => b.service)));
  const services = [...new Set(used)].sort().map((service) => {
    const { host, port } = splitAddress(model.services[service]?.address ?? "");
    return { host, port, kib: model.upstream.headBytes / 1024 };
  });
  const filter = { ...throughAddress(model), kib: filterHeadKiB(model) };
  const places = new Map([...services, filter].map((place) => [`${place.host}:${String(place.port)}`, place]));
  return [...places.values()].map(({ host, port, kib }) => ({
    applyTo: ApplyTo.CLUSTER,
    match: { context: Context.GATEWAY, cluster: { service: host, portNumber: port } },
    patch: {
      operation: Operation.MERGE,
      value: {
        typed_extension_protocol_options: {
          "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
            common_http_protocol_options: { max_headers_count: 32_768, max_response_headers_kb: kib },
            explicit_http_config: { http_protocol_options: {} },
          },
        },
      },
    },
  }));
}

function envoyFilter(scope: Construct, draft: IstioDraft, name: string, configPatches: Patch[]): void {
  if (configPatches.length === 0) return;
  new EnvoyFilter(scope, `envoy-filter-${name}`, {
    metadata: metadata(draft, name),
    spec: {
      // After filters that have no priority, so that what is removed is there.
      priority: 10,
      workloadSelector: { labels: draft.input.model.kubernetes.istioGateway.labels },
      configPatches,
    },
  });
}

export function envoyFilters(scope: Construct, draft: IstioDraft): void {
  envoyFilter(scope, draft, "connection-manager", [connectionManager(draft), ...ticketPatch(draft)]);
  envoyFilter(scope, draft, "filter-chain", [...bodyCounter(draft), ...filterChain(draft), ...compressors(draft)]);
  envoyFilter(scope, draft, "upstreams", upstreamHeads(draft));
  envoyFilter(scope, draft, "virtual-hosts", virtualHostHeaders(draft));
  envoyFilter(scope, draft, "routes", routeExceptions(draft));
}
