import { readFileSync } from "node:fs";
import path from "node:path";
import type { Construct } from "constructs";
import Handlebars from "handlebars";
import { STEERING_FAMILIES, STEERING_HEADERS } from "../../policy/header-hygiene";
import { clientIdleMs } from "../front";
import { identityHeaders } from "../identity-headers";
import {
  EnvoyFilter,
  EnvoyFilterSpecConfigPatchesApplyTo as ApplyTo,
  EnvoyFilterSpecConfigPatchesMatchContext as Context,
  EnvoyFilterSpecConfigPatchesPatchOperation as Operation,
  type EnvoyFilterSpecConfigPatches as Patch,
} from "../../../imports/networking.istio.io";
import type { HostDraft, IstioDraft, RouteDraft } from "./draft";
import { localReplies } from "./local-replies";
import { luaTable } from "./lua";
import { duration, formatText, metadata, MISSING, ONCE, REDIRECT, routeName } from "./names";

const TYPE = "type.googleapis.com/envoy";
const HCM = "envoy.filters.network.http_connection_manager";
const TEMPLATE = path.join(__dirname, "../../../templates/istio/guard.lua.hbs");

/** Scripts of one gateway: the same code, before the CORS filter for preflights and behind it for everything else. */
function guardScript(draft: IstioDraft, preflights: boolean): string {
  const hosts = Object.fromEntries([...draft.hosts.values()].map((h) => [h.host.name, hostRules(h)]));
  const routes = Object.fromEntries([...draft.hosts.values()].flatMap(routeRules));
  const template = Handlebars.compile(readFileSync(TEMPLATE, "utf8"), { noEscape: true, strict: true });
  const listed = (names: readonly string[]): object => Object.fromEntries(names.map((name) => [name, true]));
  return template({
    hosts: luaTable(hosts),
    routes: luaTable(routes),
    steering: luaTable(listed(STEERING_HEADERS)),
    families: luaTable(STEERING_FAMILIES),
    plainPort: luaTable(String(draft.input.model.listeners.http.containerPort)),
    preflights: String(preflights),
  });
}

function hostRules(host: HostDraft): object {
  return {
    methods: host.methods && Object.fromEntries(host.methods.map((m) => [m, true])),
    allow: host.methods?.join(", "),
    max_uri: host.maxUri,
    max_head: host.maxHead,
    origins: host.cors && Object.fromEntries(host.cors.origins.map((origin) => [origin, true])),
    expose: host.cors?.exposeHeaders.join(","),
    credentials: host.cors?.credentials || undefined,
    clean_paths: host.cleanPaths || undefined,
    exempt: host.exempt.length > 0 ? host.exempt : undefined,
    drop_dotted: host.dropMalformed || undefined,
    drop: host.drop.length > 0 ? host.drop : undefined,
    pass: host.pass.length > 0 ? Object.fromEntries(host.pass.map((name) => [name, true])) : undefined,
    single: host.single.length > 0 ? Object.fromEntries(host.single.map((name) => [name, true])) : undefined,
  };
}

/** The names of a route in Envoy: methods that may be sent again have one of their own. */
const namesOf = (host: string, route: RouteDraft): string[] => {
  const full = routeName(host, route.route.name);
  return route.retries || route.through ? [full, full + ONCE] : [full];
};

function routeRules(host: HostDraft): [string, object][] {
  const { name } = host.host;
  const identity = identityHeaders(host.host);
  const own = [...host.routes.values()].flatMap((route): [string, object][] => {
    const rules = {
      host: name,
      name: route.route.name,
      max_body: route.maxBodyBytes,
      refuses_upgrade: route.refusesUpgrade || undefined,
      // Whoever is asked compares them with the token first.
      drop: route.door || route.through || identity.length === 0 ? undefined : identity,
    };
    return namesOf(name, route).map((own) => [own, rules]);
  });
  return [...own, [routeName(name, MISSING), { host: name, name: MISSING, missing: true }]];
}

const filterMatch = (subFilter?: string): NonNullable<Patch["match"]> => ({
  context: Context.GATEWAY,
  listener: {
    filterChain: { filter: { name: HCM, ...(subFilter !== undefined && { subFilter: { name: subFilter } }) } },
  },
});

/** The later a filter is inserted first, the earlier it stands. */
const insertFirst = (name: string, typed_config: object): Patch => ({
  applyTo: ApplyTo.HTTP_UNDERSCORE_FILTER,
  match: filterMatch(),
  patch: { operation: Operation.INSERT_UNDERSCORE_FIRST, value: { name, typed_config } },
});

const lua = (source: string): object => ({
  "@type": `${TYPE}.extensions.filters.http.lua.v3.Lua`,
  default_source_code: { inline_string: source },
});

/** Off but where a route says how large its bodies may be. */
function bodyCounter(draft: IstioDraft): Patch[] {
  const counts = [...draft.hosts.values()].some((h) => [...h.routes.values()].some(counted));
  if (!counts) return [];
  const typed_config = { "@type": `${TYPE}.extensions.filters.http.buffer.v3.Buffer`, max_request_bytes: 1 };
  return [
    {
      applyTo: ApplyTo.HTTP_UNDERSCORE_FILTER,
      match: filterMatch("envoy.filters.http.router"),
      patch: {
        operation: Operation.INSERT_UNDERSCORE_BEFORE,
        value: { name: BUFFER, disabled: true, typed_config },
      },
    },
  ];
}

const BUFFER = "envoy.filters.http.buffer";

/** A handshake has no body, and no end that the filter could wait for. */
const counted = (route: RouteDraft): boolean => route.countedBytes !== undefined && route.refusesUpgrade;

const enabled = { default_value: { numerator: 100, denominator: "HUNDRED" }, runtime_key: "gatewright.flood_guard" };

/** One bucket for each client address of a host; the guard script has written down which host that is. */
function floodGuard(draft: IstioDraft): Patch[] {
  const guarded = [...draft.hosts.values()].flatMap((h) => (h.guard ? [{ host: h.host.name, ...h.guard }] : []));
  if (guarded.length === 0) return [];
  const bucket = (max: number, fill: number, per: string): object => ({ max_tokens: max, tokens_per_fill: fill, fill_interval: per });
  const actions = [{ remote_address: {} }, { request_headers: { header_name: "x-gateway-host", descriptor_key: "host" } }];
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
        entries: [{ key: "remote_address" }, { key: "host", value: g.host }],
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
    const mutations = [
      ...(host.cors ? [setHeader("vary", "Origin", "APPEND_IF_EXISTS_OR_ADD")] : []),
      ...Object.entries(host.securityHeaders).map(([name, value]) => setHeader(name, formatText(value))),
    ];
    if (mutations.length === 0) return [];
    const config = {
      "@type": `${TYPE}.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute`,
      mutations: { response_mutations: mutations },
    };
    return [https.port, ...(host.redirect ? [] : [http.port])].map((port) => ({
      applyTo: ApplyTo.VIRTUAL_UNDERSCORE_HOST,
      match: {
        context: Context.GATEWAY,
        routeConfiguration: { vhost: { name: `${host.host.name}:${String(port)}` } },
      },
      patch: { operation: Operation.MERGE, value: { typed_per_filter_config: { "gatewright.headers": config } } },
    }));
  });
}

/** What single routes do otherwise: ask no door, look at no token, count their bodies. */
function routeExceptions(draft: IstioDraft): Patch[] {
  const off = (type: string): object => ({ "@type": `${TYPE}.extensions.filters.http.${type}`, disabled: true });
  const noDoor = { "envoy.filters.http.ext_authz": off("ext_authz.v3.ExtAuthzPerRoute") };
  const noTokens = draft.issuers.size > 0 && { "envoy.filters.http.jwt_authn": off("jwt_authn.v3.PerRouteConfig") };
  const patches = (names: readonly string[], config: object): Patch[] => {
    if (Object.keys(config).length === 0) return [];
    return names.map((name) => ({
      applyTo: ApplyTo.HTTP_UNDERSCORE_ROUTE,
      match: { context: Context.GATEWAY, routeConfiguration: { vhost: { route: { name } } } },
      patch: { operation: Operation.MERGE, value: { typed_per_filter_config: config } },
    }));
  };
  return [...draft.hosts.values()].flatMap((host) => [
    ...(host.redirect ? patches([routeName(host.host.name, REDIRECT)], { ...noDoor, ...noTokens }) : []),
    ...[...host.routes.values()].flatMap((route) =>
      patches(namesOf(host.host.name, route), {
        ...(route.door ? {} : noDoor),
        ...(route.checksTokens ? {} : noTokens),
        ...(counted(route) && {
          [BUFFER]: {
            "@type": `${TYPE}.extensions.filters.http.buffer.v3.BufferPerRoute`,
            buffer: { max_request_bytes: route.countedBytes },
          },
        }),
      }),
    ),
  ]);
}

function connectionManager(draft: IstioDraft): Patch {
  const { model, gateway } = draft.input;
  const hosts = [...draft.hosts.values()];
  const keepsIds = hosts.some((h) => h.keepsRequestId);
  const replies = localReplies(draft);
  return {
    applyTo: ApplyTo.NETWORK_UNDERSCORE_FILTER,
    match: filterMatch(),
    patch: {
      operation: Operation.MERGE,
      value: {
        name: HCM,
        typed_config: {
          "@type": `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
          ...(keepsIds && {
            preserve_external_request_id: true,
            always_set_request_id_in_response: true,
            request_id_extension: {
              typed_config: {
                "@type": `${TYPE}.extensions.request_id.uuid.v3.UuidRequestIdConfig`,
                pack_trace_reason: false,
              },
            },
          }),
          common_http_protocol_options: {
            ...(hosts.some((h) => h.dropMalformed) && { headers_with_underscores_action: "DROP_HEADER" }),
            max_headers_count: 1000,
            idle_timeout: duration(clientIdleMs(model.front, gateway)),
          },
          // So that the guard may say 405; without it Envoy's parser says 400.
          http_protocol_options: { allow_custom_methods: true },
          strip_trailing_host_dot: true,
          // Above what the guard refuses, so that it is the guard who answers.
          max_request_headers_kb: 96,
          ...(replies.length > 0 && { local_reply_config: { mappers: replies } }),
        },
      },
    },
  };
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
  envoyFilter(scope, draft, "connection-manager", [connectionManager(draft)]);
  envoyFilter(scope, draft, "filter-chain", [...filterChain(draft), ...bodyCounter(draft)]);
  envoyFilter(scope, draft, "virtual-hosts", virtualHostHeaders(draft));
  envoyFilter(scope, draft, "routes", routeExceptions(draft));
}
