import { listener, socket, typed } from "./envoy-jwt";

const cluster = (name: string, port: number): object => ({
  name,
  type: "STATIC",
  connect_timeout: "1s",
  load_assignment: {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(port) } }] }],
  },
});

const exactly = (names: readonly string[]): object => ({ patterns: names.map((exact) => ({ exact })) });

/** What Istio makes of the generated extension provider; the two headers stand for the generated Lua. */
function doorFilters(door: number): object[] {
  const set = (key: string, value: string): object => ({
    append: { append_action: "OVERWRITE_IF_EXISTS_OR_ADD", header: { key, value } },
  });
  const mutations = [
    set("x-gateway-client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
    set("x-gateway-route", "orders"),
  ];
  const service = {
    server_uri: { uri: `http://127.0.0.1:${String(door)}`, cluster: "door", timeout: "0.5s" },
    path_prefix: "/door/envoy",
    authorization_response: { allowed_upstream_headers: exactly(["x-user-id"]) },
  };
  return [
    {
      name: "gateway.headers",
      typed_config: typed("envoy.extensions.filters.http.header_mutation.v3.HeaderMutation", {
        mutations: { request_mutations: mutations },
      }),
    },
    {
      name: "envoy.filters.http.ext_authz",
      typed_config: typed("envoy.extensions.filters.http.ext_authz.v3.ExtAuthz", {
        http_service: service,
        allowed_headers: exactly(["authorization", "x-request-id", "x-gateway-client", "x-gateway-route"]),
        status_on_error: { code: "ServiceUnavailable" },
      }),
    },
  ];
}

/** Envoy as a proxy; with a door it asks there first. */
export function envoyGateway(ports: { listen: number; upstream: number; door?: number }): object {
  const { listen, upstream, door } = ports;
  const filters = door === undefined ? [] : doorFilters(door);
  return {
    static_resources: {
      listeners: [listener(listen, filters, { route: { cluster: "orders" } })],
      clusters: [cluster("orders", upstream), ...(door === undefined ? [] : [cluster("door", door)])],
    },
  };
}
