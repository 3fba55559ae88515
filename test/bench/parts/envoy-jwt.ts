import { AUDIENCE, ISSUER, ROLE } from "./tokens";

export const typed = (name: string, rest: object = {}): object => ({ "@type": `type.googleapis.com/${name}`, ...rest });
const JWT = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
const RBAC = "envoy.extensions.filters.http.rbac.v3.RBAC";

export const socket = (port: number): object => ({ socket_address: { address: "127.0.0.1", port_value: port } });

/** One listener with these filters before the router. */
export function listener(port: number, filters: readonly object[], route: object): object {
  const manager = typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", {
    stat_prefix: "bench",
    generate_request_id: false,
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, ...route }] }] },
    http_filters: [
      ...filters,
      {
        name: "envoy.filters.http.router",
        typed_config: typed("envoy.extensions.filters.http.router.v3.Router"),
      },
    ],
  });
  const filter = { name: "envoy.filters.network.http_connection_manager", typed_config: manager };
  return { name: "bench", address: socket(port), filter_chains: [{ filters: [filter] }] };
}

/** Envoy's own check of token and role, answered by itself. */
export function envoyJwt(port: number, keySet: string, cache: boolean): object {
  const provider = {
    issuer: ISSUER,
    audiences: [AUDIENCE],
    local_jwks: { inline_string: keySet },
    payload_in_metadata: "payload",
    ...(cache && { jwt_cache_config: {} }),
  };
  const jwt = {
    name: "envoy.filters.http.jwt_authn",
    typed_config: typed(JWT, {
      providers: { main: provider },
      rules: [{ match: { prefix: "/" }, requires: { provider_name: "main" } }],
    }),
  };
  const roles = {
    filter: "envoy.filters.http.jwt_authn",
    path: [{ key: "payload" }, { key: "realm_access" }, { key: "roles" }],
    value: { list_match: { one_of: { string_match: { exact: ROLE } } } },
  };
  const policy = { permissions: [{ any: true }], principals: [{ metadata: roles }] };
  const rbac = {
    name: "envoy.filters.http.rbac",
    typed_config: typed(RBAC, { rules: { action: "ALLOW", policies: { role: policy } } }),
  };
  return {
    static_resources: { listeners: [listener(port, [jwt, rbac], { direct_response: { status: 200 } })] },
  };
}
