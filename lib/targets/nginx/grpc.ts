import { addMap, nameFor, type NginxDraft, type RouteDraft } from "./draft";
import { time } from "../nginx-syntax";

/**
 * Services that speak gRPC, by ngx_http_grpc_module: HTTP/2 in both directions, bodies as they come, trailers passed. It has the
 * settings of ngx_http_proxy_module by another name, but for those of buffers, of which it has none, and inherits none of them.
 * A try that follows a kept connection goes wrong there (nginx 1.22.1 and 1.31.3): there is none.
 */

const SETTING = /^proxy_(set_header|hide_header|connect_timeout|read_timeout|send_timeout|ssl_\w+) /;

/** Headers of a connection of HTTP/1.1: the module drops some, and a service resets what has the others. */
const DROPPED = ["Keep-Alive", "Proxy-Connection", "HTTP2-Settings"].map((name) => `grpc_set_header ${name} "";`);
const OF_MODULE = /^grpc_set_header (Connection|Upgrade|TE) /i;

const renamed = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => {
    const own = line.replace(SETTING, "grpc_$1 ");
    return own.startsWith("proxy_") || OF_MODULE.test(own) ? [] : [own];
  });

/** How long clients may pause in their bodies elsewhere (`client_body_timeout`). */
const BODY_MS = 30_000;

/** Its names and values are counted as they were compressed, which may take more than they have. */
const BUFFER_FACTOR = 2;

/** The lines of a location that would hand a request over by HTTP/1.1, by HTTP/2. */
export function grpcLines(draft: NginxDraft, route: RouteDraft, lines: readonly string[], service: string): string[] {
  const path =
    route.target === "$request_uri"
      ? "$gateway_path"
      : addMap(draft, {
          from: route.target,
          variable: nameFor(draft.names, "gateway_path_of", route.target),
          lines: [["default", '""'], ['"~^(?<gateway_target_path>[^?]*)"', "$gateway_target_path"]],
        });
  const headKiB = draft.input.model.upstream.headBytes / 1024;
  return [
    ...renamed(lines),
    ...DROPPED,
    // Servers of gRPC refuse calls of those who would not hear how they end.
    "grpc_set_header TE trailers;",
    // A client may be as silent as its service where both stream.
    ...(route.idleMs === undefined ? [] : [`client_body_timeout ${time(Math.max(BODY_MS, route.idleMs))};`, `grpc_send_timeout ${time(route.idleMs)};`]),
    "grpc_next_upstream off;",
    `grpc_buffer_size ${String(headKiB * BUFFER_FACTOR)}k;`,
    "grpc_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;",
    // It sends the path on that it finds here, and not the one that the client has sent.
    `rewrite ^ ${path} break;`,
    `grpc_pass ${route.tls ? "grpcs" : "grpc"}://${service};`,
  ];
}
