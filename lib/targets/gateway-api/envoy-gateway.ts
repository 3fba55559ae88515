import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import { workloadOf } from "../../model";
import { MOST_HEAD_KIB, MOST_HEADERS, OTHER_UPGRADES } from "../envoy";
import { clientIdleMs, usesProxyProtocol } from "../front";
import { filterHeadKiB, longestSilenceMs } from "../through";
import { labelsOf, listeners, routeNames } from "./manifests";
import type { TargetInput } from "../target";

/**
 * What Envoy Gateway must be told of a Gateway whose every exchange goes to the filter, by its own policies. Source:
 * gateway.envoyproxy.io/docs/api/extension_types, v1.9.
 */

const API = "gateway.envoyproxy.io/v1alpha1";
const TYPES = {
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  routes: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
};

/** Envoy gives up a quiet connection before the filter, which closes it after two minutes, does under a request. */
const IDLE = "60s";

/** No bound of Envoy's own: what is too much the filter knows. */
const UNBOUND = 4_294_967_295;

/** Five digits at most (gateway-api.sigs.k8s.io/geps/gep-2257). */
function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 100_000 ? `${String(seconds)}s` : `${String(Math.ceil(seconds / 60))}m`;
}

const clients = (input: TargetInput): object => ({
  // What the filter is to judge it must see as it came.
  path: { escapedSlashesAction: "KeepUnchanged", disableMergeSlashes: true },
  headers: { withUnderscoresAction: "Allow", requestID: "Preserve" },
  http1: { http10: {}, ignoredUpgradeTypes: [{ type: "RegularExpression", value: OTHER_UPGRADES }] },
  // One malformed request ends itself, not all others of its connection.
  http2: { onInvalidMessage: "TerminateStream" },
  // Where certificates of listeners overlap HTTP/2 would be off: each of them answers on every name (see `hostsOfAll`).
  tls: { alpnProtocols: ["h2", "http/1.1"] },
  tcpKeepalive: {},
  timeout: {
    tcp: { tlsHandshakeTimeout: "15s" },
    http: {
      requestHeadersReceivedTimeout: "15s",
      idleTimeout: duration(clientIdleMs(input.model.front, input.gateway)),
      // Beyond every time of the filter's, which cannot end what Envoy holds for a client already.
      streamIdleTimeout: duration(longestSilenceMs(input.gateway.hosts)),
    },
  },
  ...(usesProxyProtocol(input.model.front) && { proxyProtocol: {} }),
});

const services = {
  retry: { numRetries: 0 },
  timeout: { http: { requestTimeout: "0s", connectionIdleTimeout: IDLE } },
  circuitBreaker: { maxConnections: UNBOUND, maxPendingRequests: UNBOUND, maxParallelRequests: UNBOUND },
};

const MANAGER = "..filters[?(@.name=='envoy.filters.network.http_connection_manager')].typed_config";

const add = (jsonPath: string, path: string, value: unknown): object => ({ op: "add", jsonPath, path, value });

/**
 * What Envoy Gateway has no settings for: paths that stay as they came, methods, and how much head there may be. Of the listeners that
 * share a port Envoy has one, with the name of the first that is ready: each is named, and those that are no names are passed over.
 */
function ofListeners(input: TargetInput, prefix: string): object[] {
  const operations = [
    { op: "replace", jsonPath: "..normalize_path", value: false },
    add(MANAGER, "http_protocol_options/allow_custom_methods", true),
    add(MANAGER, "max_request_headers_kb", MOST_HEAD_KIB),
    add(MANAGER, "common_http_protocol_options/max_headers_count", MOST_HEADERS),
  ];
  return listeners(input).flatMap(({ name }) =>
    operations.map((operation) => ({ type: TYPES.listener, name: `${prefix}/${name}`, operation })),
  );
}

/** A listener for one name answers others too, which come by a connection that was made for that one: whose the request is the filter says. */
const hostsOfAll = (input: TargetInput, prefix: string): object[] =>
  listeners(input)
    .filter(({ hostname }) => hostname !== undefined)
    .map(({ name }) => ({
      type: TYPES.routes,
      name: `${prefix}/${name}`,
      operation: { op: "replace", jsonPath: "$.virtual_hosts[0].domains", value: ["*"] },
    }));

/** Answers have heads as large as the filter's. */
function ofClusters(input: TargetInput, namespace: string): object[] {
  const options = "..common_http_protocol_options";
  const operations = [
    add(options, "max_headers_count", MOST_HEADERS),
    add(options, "max_response_headers_kb", filterHeadKiB(input.model)),
  ];
  return routeNames(input).flatMap((route) =>
    operations.map((operation) => ({
      type: TYPES.cluster,
      name: `httproute/${namespace}/${route}/rule/0`,
      operation,
    })),
  );
}

export function envoyGatewayObjects(scope: Construct, input: TargetInput): void {
  const { system } = input.gateway;
  const { namespace } = workloadOf(input.model, false);
  const prefix = `${namespace}/${system}`;
  const of = (kind: string, name: string, sectionName?: string): object => ({
    ...{ group: "gateway.networking.k8s.io", kind, name },
    ...(sectionName !== undefined && { sectionName }),
  });
  const policy = (kind: string, spec: object): void => {
    const metadata = { name: system, namespace, labels: labelsOf(input) };
    new ApiObject(scope, `${kind} ${system}`, { apiVersion: API, kind, metadata, spec });
  };
  // By listener and route: a policy of somebody else's for the whole Gateway does not take their place.
  policy("ClientTrafficPolicy", {
    targetRefs: listeners(input).map(({ name }) => of("Gateway", system, name)),
    ...clients(input),
  });
  policy("BackendTrafficPolicy", { targetRefs: routeNames(input).map((name) => of("HTTPRoute", name)), ...services });
  policy("EnvoyPatchPolicy", {
    targetRef: of("Gateway", system),
    type: "JSONPatch",
    jsonPatches: [
      ...ofListeners(input, prefix),
      ...hostsOfAll(input, prefix),
      ...ofClusters(input, namespace),
    ],
  });
}
