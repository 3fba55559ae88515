import type { Construct } from "constructs";
import * as k8s from "../../../imports/k8s";
import type { Gateway, Host } from "../../decision/gateway";
import { workloadOf } from "../../model";
import { clientIdleMs, trustedHops, usesProxyProtocol } from "../front";
import type { TargetInput } from "../target";
import { connectionRule, filterHeadKiB, HEAD_BUFFERS, longestSilenceMs } from "../through";
import { objectName } from "../object-size";

/**
 * Ingresses that lead whole hosts to the filter, and the controller's ConfigMap. Sources: annotations and ConfigMap of
 * kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration (controller 1.11), and its template, nginx.tmpl.
 */

export interface IngressDraft {
  input: TargetInput;
  /** Annotations of hosts whose flood guard the controller keeps. */
  guards: Map<string, Readonly<Record<string, string>>>;
}

const CONTROLLER = { name: "ingress-nginx-controller", namespace: "ingress-nginx" };

const labels = ({ input }: IngressDraft): Record<string, string> => ({
  "app.kubernetes.io/managed-by": "gatewright",
  "app.kubernetes.io/part-of": input.gateway.system,
});

/** Every request reaches the filter as it came, and nothing is held on the way; the filter's is every verdict. */
function asItCame(hosts: readonly Host[]): Record<string, string> {
  const silence = String(Math.ceil(longestSilenceMs(hosts) / 1000));
  return {
    "ssl-redirect": "false",
    "proxy-body-size": "0",
    "proxy-buffering": "off",
    "proxy-request-buffering": "off",
    "proxy-connect-timeout": "1",
    "proxy-read-timeout": silence,
    "proxy-send-timeout": silence,
    // Tries are the filter's.
    "proxy-next-upstream": "off",
  };
}

const annotated = (annotations: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(annotations).map(([name, value]) => [`nginx.ingress.kubernetes.io/${name}`, value]),
  );

/** Names of Ingresses: no host has that of all hosts below one, or of all others. */
const nameOf = (system: string, host: string): string =>
  objectName(host.startsWith("*.") ? `${system}-any${host.slice(1)}` : `${system}.${host}`);

export function ingresses(scope: Construct, draft: IngressDraft): void {
  const { model, gateway } = draft.input;
  // They live where the filter does.
  const { name: filter, namespace } = workloadOf(model, false);
  const service = { name: filter, port: { number: model.filter.throughPort } };
  const tls = (host: Host): Partial<k8s.IngressSpec> =>
    model.front.tls === "gateway"
      ? { tls: [{ hosts: [host.name], secretName: host.certificate ?? model.certificate.secret }] }
      : {};
  const add = (name: string, annotations: Readonly<Record<string, string>>, spec: k8s.IngressSpec): void => {
    new k8s.KubeIngress(scope, name, {
      metadata: { name, namespace, labels: labels(draft), annotations: annotated(annotations) },
      spec: { ingressClassName: "nginx", ...spec },
    });
  };
  for (const host of gateway.hosts) {
    const paths = [{ path: "/", pathType: "Prefix", backend: { service } }];
    const annotations = { ...asItCame([host]), ...draft.guards.get(host.name) };
    const rules = [{ host: host.name, http: { paths } }];
    add(nameOf(gateway.system, host.name), annotations, { ...tls(host), rules });
  }
  // Hosts that nobody has named.
  add(`${gateway.system}-others`, asItCame([]), { defaultBackend: { service } });
}

const map = (from: string, variable: string, lines: readonly string[]): string[] => [
  `map ${from} $${variable} {`,
  ...lines.map((line) => `  ${line};`),
  "}",
];

/**
 * A handshake is what asks for one: the controller makes one of every request with an Upgrade header. Its template has a
 * word for it that can be said anew in a location.
 */
const HANDSHAKES = [
  ...map("$http_connection", "gateway_upgrades", ['default ""', '"~*(^|[ \\t,])upgrade([ \\t,]|$)" upgrade']),
  ...map("$http_upgrade", "gateway_connection", ["default $gateway_upgrades", '"" ""']),
];

const LOCATION = [
  "set $connection_upgrade $gateway_connection;",
  // Whom nginx took the request for: a target in absolute form counts (RFC 9112 section 3.2.2).
  "proxy_set_header X-Gateway-Host $host;",
  // No service steers the controller's nginx.
  "proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;",
];

const SERVER = (gateway: Gateway): string[] => [
  // The template says on, by which whoever is of the networks in front could say who he is.
  "real_ip_recursive off;",
  connectionRule(gateway),
  // nginx cuts a fragment before anybody sees it.
  'if ($request_uri ~ "#") { return 400; }',
];

/** One line of JSON for each request, without a query, which may hold a secret; nginx' own errors would tell of one. */
const LOGS = {
  "error-log-level": "crit",
  "log-format-escape-json": "true",
  "log-format-upstream": JSON.stringify({
    time: "$time_iso8601",
    requestId: "$req_id",
    method: "$request_method",
    host: "$host",
    path: "$uri",
    status: "$status",
    seconds: "$request_time",
    client: "$remote_addr",
    ingress: "$ingress_name",
  }),
};

export function controllerSettings(scope: Construct, draft: IngressDraft): void {
  const { model, gateway } = draft.input;
  const hops = trustedHops(model.front);
  new k8s.KubeConfigMap(scope, "controller", {
    metadata: { ...CONTROLLER, labels: labels(draft) },
    data: {
      ...LOGS,
      "server-tokens": "false",
      "limit-req-status-code": "429",
      // Headers of answers are the filter's, and so are ids.
      hsts: "false",
      "generate-request-id": "false",
      // What the filter has not seen it could not refuse.
      "ignore-invalid-headers": "false",
      "enable-underscores-in-headers": "true",
      "large-client-header-buffers": HEAD_BUFFERS,
      "proxy-buffer-size": `${String(filterHeadKiB(model))}k`,
      "client-header-timeout": "15",
      "keep-alive": String(Math.ceil(clientIdleMs(model.front, gateway) / 1000)),
      // Shorter than the filter keeps its connections: one that is being closed is not used.
      "upstream-keepalive-timeout": "60",
      // Never `use-forwarded-headers`: a client's X-Forwarded-Host and -Proto would count, whoever stands in front.
      ...(hops > 0 && { "enable-real-ip": "true", "proxy-real-ip-cidr": model.front.networks.join(",") }),
      ...(usesProxyProtocol(model.front) && { "use-proxy-protocol": "true" }),
      "http-snippet": HANDSHAKES.join("\n"),
      "location-snippet": LOCATION.join("\n"),
      "server-snippet": SERVER(gateway).join("\n"),
    },
  });
}
