import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import { gatewayClassOf, workloadOf } from "../../model";
import { objectName } from "../object-size";
import type { TargetInput } from "../target";

const API = "gateway.networking.k8s.io/v1";

/** Name of a listener for one host: no host has that of all hosts below one. */
const listenerName = (host: string): string =>
  objectName(host.startsWith("*.") ? `https-any${host.slice(1)}` : `https.${host}`);

/** Parents that a route may have; of listeners a Gateway may have twice as many. */
const MOST_PARENTS = 32;
export const MOST_LISTENERS = 64;

const inParts = <T>(items: readonly T[], most: number): T[][] =>
  items.length <= most ? [[...items]] : [items.slice(0, most), ...inParts(items.slice(most), most)];

interface Listener {
  name: string;
  port: number;
  protocol: "HTTP" | "HTTPS";
  hostname?: string;
  tls?: { mode: "Terminate"; certificateRefs: { name: string }[] };
}

/** One for plain http, one for all hosts by TLS, and one for each host with a certificate of its own. */
export function listeners({ model, gateway }: Pick<TargetInput, "model" | "gateway">): Listener[] {
  const { http, https } = model.listeners;
  // Where TLS ends in front, all that comes is plain.
  if (model.front.tls === "front") return [{ name: "http", port: https.port, protocol: "HTTP" }];
  const secure = (name: string, secret: string, hostname?: string): Listener => ({
    name,
    port: https.port,
    protocol: "HTTPS",
    ...(hostname !== undefined && { hostname }),
    tls: { mode: "Terminate", certificateRefs: [{ name: secret }] },
  });
  return [
    { name: "http", port: http.port, protocol: "HTTP" },
    secure("https", model.certificate.secret),
    ...gateway.hosts.flatMap(({ name, certificate }) =>
      certificate === undefined ? [] : [secure(listenerName(name), certificate, name)],
    ),
  ];
}

interface RouteOf {
  name: string;
  scheme: "http" | "https";
  from: Listener[];
}

/** One for what is plain and one for what comes by TLS, or several where there are more listeners than a route has parents. */
function routesOf(input: TargetInput): RouteOf[] {
  const { system } = input.gateway;
  const inFront = input.model.front.tls === "front";
  const all = listeners(input);
  const isSecure = ({ protocol }: Listener): boolean => inFront || protocol === "HTTPS";
  const secure = inParts(all.filter(isSecure), MOST_PARENTS).map((from, i): RouteOf => {
    return { name: i === 0 ? system : `${system}-${String(i + 1)}`, scheme: "https", from };
  });
  const plain: RouteOf = { name: `${system}-plain`, scheme: "http", from: all.filter((one) => !isSecure(one)) };
  return [...secure, plain].filter(({ from }) => from.length > 0);
}

export const routeNames = (input: TargetInput): string[] => routesOf(input).map(({ name }) => name);

export const labelsOf = ({ gateway }: Pick<TargetInput, "gateway">): Record<string, string> => ({
  "app.kubernetes.io/managed-by": "gatewright",
  "app.kubernetes.io/part-of": gateway.system,
});

/**
 * A Gateway, and HTTPRoutes for all hosts and paths, one for what is plain and one for what comes by TLS: the filter knows hosts as RFC 9110
 * does, and those that nobody has named too. They live where the filter does, so that nothing has to be granted. Source:
 * gateway-api.sigs.k8s.io/reference/spec, v1.6.
 */
export function gatewayObjects(scope: Construct, input: TargetInput): void {
  const { model, gateway } = input;
  const { name: filter, namespace } = workloadOf(model, false);
  const labels = labelsOf(input);
  const add = (kind: string, name: string, spec: object): void => {
    new ApiObject(scope, `${kind} ${name}`, { apiVersion: API, kind, metadata: { name, namespace, labels }, spec });
  };
  const all = listeners(input);
  add("Gateway", gateway.system, {
    gatewayClassName: gatewayClassOf(model),
    listeners: all.map((listener) => ({ ...listener, allowedRoutes: { namespaces: { from: "Same" } } })),
  });
  for (const { name, scheme, from } of routesOf(input)) {
    // What came by which listener no client can say.
    const requestHeaderModifier = { set: [{ name: "X-Gateway-Scheme", value: scheme }] };
    add("HTTPRoute", name, {
      parentRefs: from.map((listener) => ({ name: gateway.system, sectionName: listener.name })),
      rules: [
        {
          filters: [{ type: "RequestHeaderModifier", requestHeaderModifier }],
          backendRefs: [{ name: filter, port: model.filter.throughPort }],
          // No time of the implementation's: the filter ends every call.
          timeouts: { request: "0s" },
        },
      ],
    });
  }
}
