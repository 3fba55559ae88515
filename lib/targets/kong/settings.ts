import { clientIdleMs, trustedHops, usesProxyProtocol } from "../front";
import { filterHeadKiB, HEAD_BUFFERS } from "../through";
import type { TargetInput } from "../target";

/** Where Kong listens in its container: its own user may open no port below 1024. */
export const KONG_PORTS = { http: 8000, https: 8443, status: 8100 };

/** Where the container has its files. */
export const KONG_FILES = { configuration: "/kong", certificate: "/certificates/gateway" };

/**
 * Settings of Kong as `kong.conf` names them (kong.conf.default of 3.9), for what no declarative file can say. `real_ip_header`
 * goes with `edge.conf`.
 */
export function kongSettings({ model, gateway }: TargetInput): Record<string, string> {
  const { front } = model;
  const proxied = usesProxyProtocol(front) ? " proxy_protocol" : "";
  const backlog = "reuseport backlog=16384";
  const head = String(filterHeadKiB(model));
  const secure = front.tls === "gateway";
  const plain = `0.0.0.0:${String(KONG_PORTS.http)}${proxied} ${backlog}`;
  return {
    database: "off",
    declarative_config: `${KONG_FILES.configuration}/kong.yaml`,
    proxy_listen: secure ? `${plain}, 0.0.0.0:${String(KONG_PORTS.https)} http2 ssl${proxied} ${backlog}` : plain,
    status_listen: `0.0.0.0:${String(KONG_PORTS.status)}`,
    // As Kong's own chart has it: by default as many as the node has processors, whatever the pod may use.
    nginx_main_worker_processes: "2",
    // Nothing can be changed at run time, and nobody asks.
    admin_listen: "off",
    admin_gui_listen: "off",
    anonymous_reports: "off",
    ...(secure && { ssl_cert: `${KONG_FILES.certificate}/tls.crt`, ssl_cert_key: `${KONG_FILES.certificate}/tls.key` }),
    // The only router that has no word of its own for a path that is not UTF-8 (404 otherwise).
    router_flavor: "traditional",
    // Beyond so many it sees neither Host nor Upgrade; the default is 100.
    lua_max_req_headers: "1000",
    request_debug: "off",
    // Neither its name nor its times are told to clients; ids of requests are the filter's.
    headers: "off",
    headers_upstream: "off",
    error_default_type: "application/json",
    // Shorter than the filter keeps its connections: one that is being closed is not used.
    upstream_keepalive_idle_timeout: "60",
    // Content-Type is the service's; Kong would add a charset to texts.
    nginx_http_charset: "off",
    nginx_http_keepalive_timeout: `${String(Math.ceil(clientIdleMs(front, gateway) / 1000))}s`,
    nginx_http_large_client_header_buffers: HEAD_BUFFERS,
    nginx_http_client_header_timeout: "15s",
    // What the filter has not seen it could not refuse.
    nginx_proxy_ignore_invalid_headers: "off",
    // No service steers the proxy.
    nginx_proxy_proxy_ignore_headers: "X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset",
    // Tries are the filter's.
    nginx_proxy_proxy_next_upstream: "off",
    // As large as a service's head may be, and what the filter adds.
    nginx_proxy_proxy_buffer_size: `${head}k`,
    nginx_proxy_proxy_buffers: `4 ${head}k`,
    nginx_proxy_proxy_busy_buffers_size: `${head}k`,
    nginx_proxy_include: `${KONG_FILES.configuration}/edge.conf`,
    ...(usesProxyProtocol(front) && { nginx_proxy_real_ip_header: "proxy_protocol" }),
    ...(trustedHops(front) === 1 && { nginx_proxy_real_ip_header: "X-Forwarded-For" }),
  };
}
