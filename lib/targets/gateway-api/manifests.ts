import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import { throughAddress } from "../through";
import type { TargetInput } from "../target";

const API = "gateway.networking.k8s.io/v1";

/** Name of a listener for one host, as DNS takes it. */
const listenerName = (host: string): string => `https-${host.replace("*", "any").replaceAll(".", "-")}`.slice(0, 63);

interface Listener {
  name: string;
  port: number;
  protocol: "HTTP" | "HTTPS";
  hostname?: string;
  tls?: { mode: "Terminate"; certificateRefs: { name: string }[] };
}

/** One for plain http, one for all hosts by TLS, and one for each host with a certificate of its own. */
function listeners({ model, gateway }: TargetInput): Listener[] {
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

/**
 * A Gateway, and HTTPRoutes for all hosts and paths, one for what is plain and one for what comes by TLS: the filter knows hosts as RFC 9110
 * does, and those that nobody has named too. They live where the filter does, so that nothing has to be granted. Source:
 * gateway-api.sigs.k8s.io/reference/spec, v1.6.
 */
export function gatewayObjects(scope: Construct, input: TargetInput): void {
  const { model, gateway } = input;
  const { namespace, gatewayApi } = model.kubernetes;
  const labels = { "app.kubernetes.io/managed-by": "gatewright", "app.kubernetes.io/part-of": gateway.system };
  const add = (kind: string, name: string, spec: object): void => {
    new ApiObject(scope, `${kind} ${name}`, { apiVersion: API, kind, metadata: { name, namespace, labels }, spec });
  };
  const all = listeners(input);
  add("Gateway", gateway.system, {
    gatewayClassName: gatewayApi.className,
    listeners: all.map((listener) => ({ ...listener, allowedRoutes: { namespaces: { from: "Same" } } })),
  });
  const { host, port } = throughAddress(model);
  const route = (name: string, scheme: "http" | "https", from: readonly Listener[]): void => {
    if (from.length === 0) return;
    // What came by which listener no client can say.
    const requestHeaderModifier = { set: [{ name: "X-Gateway-Scheme", value: scheme }] };
    add("HTTPRoute", name, {
      parentRefs: from.map((listener) => ({ name: gateway.system, sectionName: listener.name })),
      rules: [
        {
          filters: [{ type: "RequestHeaderModifier", requestHeaderModifier }],
          backendRefs: [{ name: host.split(".")[0] ?? "", port }],
          // No time of the implementation's: the filter ends every call.
          timeouts: { request: "0s" },
        },
      ],
    });
  };
  const inFront = model.front.tls === "front";
  const isSecure = ({ protocol }: Listener): boolean => inFront || protocol === "HTTPS";
  route(gateway.system, "https", all.filter(isSecure));
  route(`${gateway.system}-plain`, "http", all.filter((listener) => !isSecure(listener)));
}
