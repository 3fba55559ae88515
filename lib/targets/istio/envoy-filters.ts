import type { Construct } from "constructs";
import {
  EnvoyFilter,
  EnvoyFilterSpecConfigPatchesApplyTo as ApplyTo,
  EnvoyFilterSpecConfigPatchesMatchContext as Context,
  EnvoyFilterSpecConfigPatchesPatchOperation as Operation,
  type EnvoyFilterSpecConfigPatches as Patch,
} from "../../../imports/networking.istio.io";
import { CORS_HEADERS } from "../../policy/kinds/cors";
import { bodyCounter } from "./body-count";
import { compressors } from "./compression";
import { inObjects } from "../object-size";
import { filterHeadKiB, throughAddress } from "../through";
import { connectionManager } from "./connection-manager";
import type { IstioDraft } from "./draft";
import { destinationOf, JOINT_PORT, joints } from "./joint-backends";
import { guardScript } from "./guard";
import { duration, metadata } from "./names";
import { insertFirst, lua, TYPE } from "./patches";
import { ticketPatch } from "./reports";
import { ACCEL, routeExceptions, virtualHosts } from "./virtual-hosts";

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

/**
 * Trailers that end calls of gRPC. Of requests none passes, as none does elsewhere: what a client says in them nobody has looked
 * at. Of answers all but those that the service is not to say in headers either.
 */
function trailers(draft: IstioDraft): object {
  if (draft.backendGrpc.size === 0) return {};
  const hosts = [...draft.hosts.values()];
  const routes = hosts.flatMap((host) => [...host.routes.values()]);
  const hidden = [
    ...["server", "x-request-id", ...ACCEL],
    ...(hosts.some(({ cors }) => cors) ? CORS_HEADERS : []),
    ...hosts.flatMap(({ securityHeaders }) => Object.keys(securityHeaders)),
    ...routes.flatMap(({ responseHeaders: { set = {}, remove = [] } = {} }) => [...Object.keys(set), ...remove]),
  ];
  return {
    request_trailers_mutations: [{ remove_on_match: { key_matcher: { safe_regex: { regex: ".*" } } } }],
    response_trailers_mutations: [...new Set(hidden)].sort().map((name) => ({ remove: name })),
  };
}

/** Filters in the order in which a request meets them: headers, guard, CORS, flood guard, Istio's own. */
function filterChain(draft: IstioDraft): Patch[] {
  const anyCors = [...draft.hosts.values()].some((h) => h.cors);
  return [
    ...floodGuard(draft),
    ...(anyCors ? [insertFirst("envoy.filters.http.cors", { "@type": `${TYPE}.extensions.filters.http.cors.v3.Cors` })] : []),
    insertFirst("gatewright.guard", lua(guardScript(draft))),
    insertFirst("gatewright.headers", headerMutation({ response_mutations: [{ remove: "server" }], ...trailers(draft) })),
  ];
}

/** The largest head of an answer, of services and of the filter. Envoy alone bounds the number of lines as well: to no effect. */
function upstreamHeads(draft: IstioDraft): Patch[] {
  const { input: { gateway, model }, backendGrpc } = draft;
  const used = gateway.hosts.flatMap((h) => h.routes.flatMap((r) => r.backends.map((b) => b.service)));
  const kib = model.upstream.headBytes / 1024;
  const services = [...new Set(used)].sort().map((service) => {
    return { ...destinationOf(draft, service), kib, grpc: backendGrpc.has(service), ejects: false };
  });
  const joint = joints(draft).map(({ host, services: own, outlierDetection }) => ({
    ...{ host, port: JOINT_PORT, kib, grpc: own.every((service) => backendGrpc.has(service)) },
    ejects: outlierDetection !== undefined,
  }));
  const filter = { ...throughAddress(model), kib: filterHeadKiB(model), grpc: false, ejects: false };
  const places = new Map([...services, ...joint, filter].map((place) => [`${place.host}:${String(place.port)}`, place]));
  return [...places.values()].map(({ host, port, kib: most, grpc, ejects }) => ({
    applyTo: ApplyTo.CLUSTER,
    match: { context: Context.GATEWAY, cluster: { service: host, portNumber: port } },
    patch: {
      operation: Operation.MERGE,
      value: {
        // What is ejected soon after it was let in again would be called for a second more.
        ...(ejects && { common_lb_config: { update_merge_window: "0s" } }),
        typed_extension_protocol_options: {
          "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
            common_http_protocol_options: { max_headers_count: 32_768, max_response_headers_kb: most },
            explicit_http_config: grpc ? { http2_protocol_options: {} } : { http_protocol_options: {} },
          },
        },
      },
    },
  }));
}

/**
 * Patches that know nothing of each other, in as many objects as it takes. A part that is written no more may stay in a cluster
 * for ever: only what then does no harm is divided.
 */
function envoyFilterParts(scope: Construct, draft: IstioDraft, name: string, patches: Patch[]): void {
  for (const [i, part] of inObjects(patches).entries())
    envoyFilter(scope, draft, i === 0 ? name : `${name}-${String(i + 1)}`, part);
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
  envoyFilterParts(scope, draft, "upstreams", upstreamHeads(draft));
  envoyFilter(scope, draft, "virtual-hosts", virtualHosts(draft));
  envoyFilter(scope, draft, "routes", routeExceptions(draft));
}
