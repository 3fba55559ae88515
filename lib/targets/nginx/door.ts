import type { GatewayModel } from "../../model";
import { headerVariable, time } from "../nginx-syntax";
import { identityHeaders } from "../identity-headers";
import type { HeaderExpression, RouteDraft, ServerDraft } from "./draft";
import { errorLines } from "./errors";
import { headers, hideLines, responseHeaderLines } from "./header-lines";
import { routeLocation, type LocationView } from "./match-locations";

/**
 * How nginx asks the filter: by `auth_request` about a head, and by a request of its own where the filter must see the body.
 * That one is answered with a refusal in the filter's words, or handed back by `X-Accel-Redirect`, and nginx still has the
 * body (ngx_http_proxy_module, ngx_http_auth_request_module).
 */

export const hasDoor = (server: ServerDraft): boolean => [...server.routes.values()].some((route) => route.door);

export const judgesBodies = (server: ServerDraft): boolean => [...server.routes.values()].some((route) => route.judgedBytes !== undefined);

/** What the filter says of whom it admits, by the variable that has it. */
const words = ({ host, heard }: ServerDraft): HeaderExpression[] => [
  ...heard,
  ["X-Gateway-User", "$gateway_user"],
  ["X-Gateway-Ticket", "$gateway_ticket"],
  ["X-Gateway-Tenant", "$gateway_tenant"],
  ...identityHeaders(host).map((name): HeaderExpression => [name, `$gateway_set_${headerVariable(name)}`]),
];

const upstreamHeader = (name: string): string => `$upstream_http_${headerVariable(name)}`;

export function doorLines(server: ServerDraft): string[] {
  return [
    "auth_request /.gateway/door;",
    "auth_request_set $gateway_door_status $upstream_http_x_gateway_status;",
    "auth_request_set $gateway_door_reason $upstream_http_x_gateway_reason;",
    "auth_request_set $gateway_door_message $upstream_http_x_gateway_message;",
    "auth_request_set $gateway_door_retry_after $upstream_http_retry_after;",
    ...words(server).map(([name, variable]) => `auth_request_set ${variable} ${upstreamHeader(name)};`),
  ];
}

const QUESTION: readonly HeaderExpression[] = [
  ["Host", "$host"],
  ["Connection", '""'],
  ["Upgrade", '""'],
  ["X-Request-Id", "$gateway_request_id"],
  ["X-Gateway-Method", "$request_method"],
  ["X-Gateway-Upgrade", "$gateway_upgrade"],
  ["X-Gateway-Target", "$request_uri"],
  ["X-Gateway-Client", "$gateway_client"],
  ["X-Gateway-Route", "$gateway_route"],
];

const WITHOUT_BODY: readonly HeaderExpression[] = [
  ["Content-Length", '""'],
  ["Transfer-Encoding", '""'],
];

function askLines({ filter }: GatewayModel, more: readonly HeaderExpression[]): string[] {
  const patience = time(filter.timeout);
  return [
    // The head of its answer has an identity in it.
    "proxy_buffer_size 64k;",
    "proxy_busy_buffers_size 64k;",
    "proxy_next_upstream off;",
    `proxy_connect_timeout ${patience};`,
    `proxy_send_timeout ${patience};`,
    `proxy_read_timeout ${patience};`,
    ...headers("proxy_set_header", [...QUESTION, ...more]),
  ];
}

/** Asks about a head. */
export function doorLocation(model: GatewayModel): LocationView {
  return {
    comment: "The filter's word on the head of a request",
    location: "= /.gateway/door",
    lines: [
      "internal;",
      // Of its own, so that the server's pages are not inherited: their texts would be made for this subrequest.
      "error_page 599 /.gateway/error;",
      "proxy_pass http://gateway_filter/door/nginx;",
      "proxy_pass_request_body off;",
      ...askLines(model, WITHOUT_BODY),
    ],
  };
}

/** A body is read once and sent twice: from memory, up to this size in bytes. */
const MOST_IN_MEMORY = 1024 * 1024;

/** What the filter says to nginx alone, and what `X-Accel-Redirect` would copy onto the service's answer, were a claim told in it. */
const NOT_HEARD = ["X-Gateway-User", "X-Gateway-Tenant", "Set-Cookie", "Cache-Control", "Expires", "Content-Disposition", "Accept-Ranges", "Link"];

/** Asks about a whole request. */
export function judgedLines(model: GatewayModel, server: ServerDraft, route: RouteDraft): string[] {
  const set = [...route.responseHeaders, ...route.alwaysHeaders];
  return [
    "auth_request off;",
    'set $gateway_judged "1";',
    ...errorLines(route, true),
    `client_body_buffer_size ${String(Math.min(route.judgedBytes ?? 0, MOST_IN_MEMORY))};`,
    ...responseHeaderLines([...server.responseHeaders, ...set]),
    ...hideLines([...server.hiddenHeaders, ...set.map(([name]) => name), ...NOT_HEARD]),
    "proxy_ignore_headers X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;",
    ...askLines(model, []),
    "rewrite ^ /door/nginx-with-body? break;",
    "proxy_pass http://gateway_filter;",
  ];
}

/** Where the filter hands a request back that it admits. */
export function admittedLocation(server: ServerDraft): LocationView {
  return {
    comment: "What the filter has seen the body of, and admits",
    location: "@admitted",
    lines: [
      'set $gateway_judged "";',
      ...words(server).map(([name, variable]) => `set ${variable} ${upstreamHeader(name)};`),
      `rewrite ^ ${routeLocation("$gateway_route")}/admitted last;`,
    ],
  };
}
