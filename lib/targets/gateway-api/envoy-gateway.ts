import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import { workloadOf } from "../../model";
import { usesProxyProtocol } from "../front";
import { labelsOf, listeners } from "./manifests";
import type { TargetInput } from "../target";

/**
 * What Envoy Gateway must be told of a Gateway whose every exchange goes to the filter, by its own policies. Source:
 * gateway.envoyproxy.io/docs/api/extension_types, v1.9.
 */

const API = "gateway.envoyproxy.io/v1alpha1";
const LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener";

const WORD = "websocket";

/** What is no WebSocket's, in the regular expressions of RE2, which know no negation: another length, or another letter at some place. */
const NO_WEBSOCKET = [
  `.{0,${String(WORD.length - 1)}}`,
  `.{${String(WORD.length + 1)},}`,
  ...Array.from(WORD, (letter, at) => {
    const other = `[^${letter}${letter.toUpperCase()}]`;
    return `.{${String(at)}}${other}.{${String(WORD.length - 1 - at)}}`;
  }),
].join("|");

/** Envoy gives up a quiet connection before the filter, which closes it after two minutes, does under a request. */
const IDLE = "60s";

/** No bound of Envoy's own: what is too much the filter knows. */
const UNBOUND = 4_294_967_295;

const clients = ({ model }: TargetInput): object => ({
  // What the filter is to judge it must see as it came.
  path: { escapedSlashesAction: "KeepUnchanged", disableMergeSlashes: true },
  headers: { withUnderscoresAction: "Allow", requestID: "Preserve" },
  http1: { http10: {}, ignoredUpgradeTypes: [{ type: "RegularExpression", value: NO_WEBSOCKET }] },
  // Listeners whose certificates overlap would speak HTTP/1.1 alone; all of them lead to the same filter.
  tls: { alpnProtocols: ["h2", "http/1.1"] },
  timeout: { http: { requestHeadersReceivedTimeout: "15s", streamIdleTimeout: "0s" } },
  ...(usesProxyProtocol(model.front) && { proxyProtocol: {} }),
});

const services = {
  retry: { numRetries: 0 },
  timeout: { http: { requestTimeout: "0s", connectionIdleTimeout: IDLE } },
  circuitBreaker: { maxConnections: UNBOUND, maxPendingRequests: UNBOUND, maxParallelRequests: UNBOUND },
};

/**
 * Envoy Gateway makes paths its own and lets Envoy refuse methods that it does not know, and has no settings for it. Those listeners that
 * share a port are one of Envoy's, with the name of the first.
 */
function asTheyCame(input: TargetInput, namespace: string): object[] {
  const first = new Map(listeners(input).map(({ port, name }) => [port, name]).reverse() as [number, string][]);
  const operations = [
    { op: "replace", jsonPath: "..normalize_path", value: false },
    { op: "add", jsonPath: "..http_protocol_options", path: "allow_custom_methods", value: true },
  ];
  return [...first.values()].reverse().flatMap((name) =>
    operations.map((operation) => ({
      type: LISTENER,
      name: `${namespace}/${input.gateway.system}/${name}`,
      operation,
    })),
  );
}

export function envoyGatewayObjects(scope: Construct, input: TargetInput): void {
  const { system } = input.gateway;
  const { namespace } = workloadOf(input.model, false);
  const target = { group: "gateway.networking.k8s.io", kind: "Gateway", name: system };
  const add = (kind: string, spec: object): void => {
    const metadata = { name: system, namespace, labels: labelsOf(input) };
    new ApiObject(scope, `${kind} ${system}`, { apiVersion: API, kind, metadata, spec });
  };
  add("ClientTrafficPolicy", { targetRefs: [target], ...clients(input) });
  add("BackendTrafficPolicy", { targetRefs: [target], ...services });
  add("EnvoyPatchPolicy", { targetRef: target, type: "JSONPatch", jsonPatches: asTheyCame(input, namespace) });
}
