import { toYaml } from "../yaml";
import { usesProxyProtocol } from "../front";
import { heardHeaders } from "../through";
import { askedHeaders, identityHeaders } from "../identity-headers";
import { hasDoor, type HostDraft, type IstioDraft } from "./draft";
import { duration, providerName, splitAddress } from "./names";
import { AGAIN_HEADERS, verifiesAgain } from "./second-check";

/** What the filter must hear of a request. Envoy sends method, path and host by itself. */
const CHECKED = ["authorization", "x-request-id", "x-gateway-client", "x-gateway-route", "x-gateway-upgrade"];

/** What the client may hear of a refusal. */
const DENIED = ["content-type", "retry-after", "www-authenticate", "x-gateway-reason"];

/** One JSON line a request: no query, since clients put tokens there. */
const ACCESS_LOG = {
  time: "%START_TIME%",
  requestId: "%REQ(X-REQUEST-ID)%",
  method: "%REQ(:METHOD)%",
  host: "%REQ(:AUTHORITY)%",
  path: "%PATH(NQ:PATH)%",
  route: "%ROUTE_NAME%",
  status: "%RESPONSE_CODE%",
  ms: "%DURATION%",
  bytes: "%BYTES_SENT%",
  user: "%REQ(X-USER-ID)%",
  client: "%DYNAMIC_METADATA(gatewright:client)%",
  peer: "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
  upstream: "%UPSTREAM_HOST%",
  reason: "%DYNAMIC_METADATA(gatewright:reason)%",
  details: "%RESPONSE_CODE_DETAILS%",
};

const told = (key: string): string => `%DYNAMIC_METADATA(gatewright:${key})%`;

/** What single hosts and routes tell besides: the guard has written it down. */
function moreOf({ hosts }: IstioDraft): object {
  const all = [...hosts.values()].filter(({ log }) => log);
  const has = (field: HostDraft["logFields"][number]): boolean => all.some(({ logFields }) => logFields.includes(field));
  const routes = all.flatMap((host) => [...host.routes.values()]);
  const labels = [...new Set(routes.flatMap(({ labels = {} }) => Object.keys(labels)))].sort();
  return {
    ...(has("userAgent") && { userAgent: told("agent") }),
    ...(has("referer") && { referer: told("referer") }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels.map((name) => [name, told(`label_${name}`)])) }),
  };
}

/** Settings of the whole mesh that the manifests rely on: to be merged into `meshConfig` of the installation. */
export function meshConfig(draft: IstioDraft): string {
  const { gateway, model } = draft.input;
  const filter = splitAddress(model.filter.address);
  const headers = [...new Set(gateway.hosts.flatMap(identityHeaders))].sort();
  const asked = [...new Set(gateway.hosts.flatMap(askedHeaders))].sort();
  const heard = [...new Set(gateway.hosts.flatMap(({ routes }) => routes.flatMap(heardHeaders)))];
  const provider = {
    name: providerName(draft),
    envoyExtAuthzHttp: {
      service: filter.host,
      port: filter.port,
      timeout: duration(model.filter.timeout),
      pathPrefix: "/door/envoy",
      failOpen: false,
      statusOnError: "503",
      includeRequestHeadersInCheck: [...new Set([...CHECKED, ...asked, ...headers])],
      headersToUpstreamOnAllow: [...headers, ...(verifiesAgain(draft) ? AGAIN_HEADERS : [])],
      headersToDownstreamOnDeny: [...DENIED, ...heard],
      ...(heard.length > 0 && { headersToDownstreamOnAllow: heard }),
    },
  };
  const topology = {
    // No trusted proxies: the guard script looks at whose word X-Forwarded-For is.
    ...(usesProxyProtocol(model.front) && { proxyProtocol: {} }),
  };
  const config = {
    pathNormalization: { normalization: "NONE" },
    ...([...draft.hosts.values()].some((h) => h.log) && {
      accessLogFile: "/dev/stdout",
      accessLogEncoding: "JSON",
      accessLogFormat: `${JSON.stringify({ ...ACCESS_LOG, ...moreOf(draft) })}\n`,
    }),
    defaultConfig: {
      ...(Object.keys(topology).length > 0 && { gatewayTopology: topology }),
      proxyHeaders: { server: { disabled: true }, envoyDebugHeaders: { disabled: true }, attemptCount: { disabled: true } },
    },
    ...(hasDoor(draft) && { extensionProviders: [provider] }),
  };
  return toYaml(config);
}
