import { STATUS_CODES } from "node:http";
import { reasonPhrase } from "../../policy/response";
import { routeEntries, type Host, type RouteEntry } from "../../policy/gateway";
import { IDEMPOTENT } from "../../policy/upstream";
import type { Check, HeaderExpression, NginxDraft, RouteDraft, ServerDraft } from "./draft";
import { regexText, text, time, headerVariable } from "../nginx-syntax";
import { identityHeaders } from "../identity-headers";
import { clientAddressMap, listenerView } from "./edge";

/** Turns a draft into what the template prints: every string escaped, every order settled, no decision left. */

interface LocationView {
  comment: string;
  location: string;
  lines: string[];
}

/** Statuses that nginx itself may give; the door's others come through 403. */
const ERRORS = [400, 401, 404, 405, 408, 413, 414, 429, 431, 502, 503, 504];

/** What the filter may say at the door besides 401 and 403. */
const DOOR_STATUSES = [400, 404, 405, 413, 429, 503];

const MESSAGES: Readonly<Record<number, string>> = {
  400: "The request has a form that is not accepted.",
  403: "The request is not allowed here.",
  404: "There is nothing here.",
  405: "The method is not allowed.",
  413: "The body is too large.",
  414: "The request target is too long.",
  429: "Too many requests from this address.",
  431: "The request's header fields are too large.",
  502: "The service gave no answer.",
  503: "The request cannot be decided now.",
  504: "The service did not answer in time.",
};

const NATIVE_REASONS: Readonly<Record<number, string>> = {
  204: "preflight",
  301: "https-redirect",
  400: "unclean-path",
  403: "not-allowed-here",
  404: "unknown-path",
  405: "method-not-allowed",
  413: "body-too-large",
  414: "uri-too-long",
  429: "flood",
  431: "head-too-large",
  502: "no-answer",
  503: "door-away",
  504: "timeout",
};

const headers = (name: string, list: readonly HeaderExpression[], suffix = ""): string[] =>
  list.map(([header, value]) => `${name} ${header} ${value}${suffix};`);

const unique = (list: readonly string[]): string[] => [...new Map(list.map((n) => [n.toLowerCase(), n])).values()];

/** Later lines win, as nearer policies do. */
function lastOfEach(list: readonly HeaderExpression[]): HeaderExpression[] {
  return [...new Map(list.map((line) => [line[0].toLowerCase(), line])).values()];
}

const responseHeaderLines = (list: readonly HeaderExpression[]): string[] =>
  headers("add_header", lastOfEach(list), " always");

function covers(prefix: string, value: string): boolean {
  return prefix === "/" || value === prefix || value.startsWith(`${prefix}/`);
}

/** The ways into routes that a request for this path may take, best first; the first without a condition is the last. */
function candidates(server: ServerDraft, entries: readonly RouteEntry[], own: RouteEntry): RouteEntry[] {
  const { type, value } = own.path;
  const possible = entries.filter(({ path }) =>
    path.type === "Exact" ? type === "Exact" && path.value === value : covers(path.value, value),
  );
  const end = possible.findIndex((e) => conditionsOf(server, e).length === 0);
  return end < 0 ? possible : possible.slice(0, end + 1);
}

/** nginx matches the decoded path; where a path has characters that a client may escape, the raw one is asked too. */
function conditionsOf(server: ServerDraft, { route: { name, match }, path }: RouteEntry): string[] {
  const conditions: string[] = [];
  if (/[^A-Za-z0-9/]/.test(path.value)) {
    const end = path.type === "Exact" ? "$" : "(/|$)";
    conditions.push(`$gateway_path ~ "^${regexText(path.value)}${end}"`);
  }
  if (server.routes.get(name)?.chosenByMatch !== true) return conditions;
  if (match.methods) conditions.push(`$request_method ~ "^(${match.methods.join("|")})$"`);
  for (const [name, value] of Object.entries(match.headers ?? {})) {
    conditions.push(`$http_${headerVariable(name)} = ${text(value)}`);
  }
  return conditions;
}

const routeLocation = (name: string): string => `/.gateway/routes/${name}`;

function dispatchLines(server: ServerDraft, entry: RouteEntry): string[] {
  const conditions = conditionsOf(server, entry);
  const go = `rewrite ^ ${routeLocation(entry.route.name)} last;`;
  if (conditions.length === 0) return [go];
  if (conditions.length === 1) return [`if (${conditions[0] ?? ""}) { ${go} }`];
  return [
    `set $gateway_fits "";`,
    ...conditions.map((condition) => `if (${condition}) { set $gateway_fits "\${gateway_fits}1"; }`),
    `if ($gateway_fits = "${"1".repeat(conditions.length)}") { ${go} }`,
  ];
}

function matchLocations(server: ServerDraft): LocationView[] {
  const entries = routeEntries(server.host.routes);
  const paths = new Map(entries.map((e) => [`${e.path.type} ${e.path.value}`, e]));
  return [...paths.values()].flatMap((own) => {
    const ways = candidates(server, entries, own);
    const { type, value } = own.path;
    const lines = [
      ...(server.answersPreflights ? ["if ($gateway_preflight) { return 204; }"] : []),
      ...ways.flatMap((way) => dispatchLines(server, way)),
      ...(ways.some((w) => conditionsOf(server, w).length === 0) ? [] : ["return 404;"]),
    ];
    const comment = `${type} ${value}: ${ways.map((w) => w.route.name).join(", ")}`;
    const inside = value === "/" ? "/" : `${value}/`;
    const exact = { comment, location: `= ${value}`, lines };
    if (type === "Exact") return [exact];
    return value === "/" ? [{ comment, location: "/", lines }] : [exact, { comment: "", location: inside, lines }];
  });
}

type Variant = "" | "once" | "upgrade";

function timeLines(route: RouteDraft, variant: Variant): string[] {
  const first = route.firstByteMs ?? 60_000;
  if (variant === "" && route.retries) {
    const { tries, perTryMs, statuses } = route.retries;
    const kinds = ["error", "timeout", ...statuses.map((status) => `http_${status}`)];
    return [
      `proxy_connect_timeout ${time(perTryMs)};`,
      `proxy_read_timeout ${time(perTryMs)};`,
      `proxy_next_upstream ${kinds.join(" ")};`,
      `proxy_next_upstream_tries ${String(tries)};`,
    ];
  }
  return [
    `proxy_connect_timeout ${time(first)};`,
    `proxy_read_timeout ${time(variant === "upgrade" ? (route.webSocketIdleMs ?? first) : first)};`,
    ...(variant === "upgrade" ? [`proxy_send_timeout ${time(route.webSocketIdleMs ?? first)};`] : []),
    "proxy_next_upstream off;",
  ];
}

function variantLines(route: RouteDraft, variant: Variant): string[] {
  if (variant !== "") return [];
  const to = (name: Variant): string => `rewrite ^ ${routeLocation(route.route.name)}/${name} last;`;
  return [
    ...(route.webSocketIdleMs === undefined ? [] : [`if ($gateway_upgrade) { ${to("upgrade")} }`]),
    ...(route.retries ? [`if ($request_method !~ "^(${IDEMPOTENT.join("|")})$") { ${to("once")} }`] : []),
  ];
}

function answerLines(server: ServerDraft, route: RouteDraft, variant: Variant): string[] {
  const { backends, name } = route.route;
  const { respond } = route;
  const own = route.requestHeaders.length > 0;
  if (respond) return [`default_type ${text(respond.contentType)};`, `return ${String(respond.status)} ${text(respond.body)};`];
  return [
    ...(route.door ? [] : ["auth_request off;"]),
    `set $gateway_route ${text(name)};`,
    ...timeLines(route, variant),
    ...(own ? headers("proxy_set_header", lastOfEach([...baseRequestHeaders(server), ...route.requestHeaders])) : []),
    `proxy_pass http://${route.backend ?? backends[0]?.service ?? ""}${route.target};`,
  ];
}

function routeLocations(server: ServerDraft, route: RouteDraft): LocationView[] {
  const { name } = route.route;
  const { respond } = route;
  const variants: Variant[] = [
    "",
    ...(route.retries && !respond ? (["once"] as const) : []),
    ...(route.webSocketIdleMs === undefined || respond ? [] : (["upgrade"] as const)),
  ];
  const hidden = unique(route.hiddenHeaders);
  return variants.map((variant) => ({
    comment: variant === "" ? `Route ${name}` : "",
    location: `= ${routeLocation(name)}${variant === "" ? "" : `/${variant}`}`,
    lines: [
      "internal;",
      ...(variant === "" ? route.checks.map((check) => checkLine(check)) : []),
      ...(respond ? [] : variantLines(route, variant)),
      ...(route.maxBodyBytes === undefined ? ["client_max_body_size 0;"] : [`client_max_body_size ${String(route.maxBodyBytes)};`]),
      ...(route.responseHeaders.length > 0 ? responseHeaderLines([...server.responseHeaders, ...route.responseHeaders]) : []),
      ...(hidden.length > 0 ? headers("proxy_hide_header", unique([...server.hiddenHeaders, ...hidden]).map((n) => [n, ""])) : []),
      ...answerLines(server, route, variant),
    ],
  }));
}

const checkLine = ({ condition, status }: Check, body?: string): string =>
  `if (${condition}) { return ${String(status)}${body === undefined ? "" : ` ${body}`}; }`;

const hasDoor = (server: ServerDraft): boolean => [...server.routes.values()].some((route) => route.door);

function baseRequestHeaders(server: ServerDraft): HeaderExpression[] {
  return lastOfEach([
    ["Host", "$host"],
    ["Connection", "$gateway_connection"],
    ["Upgrade", "$gateway_upgrade"],
    ["X-Forwarded-For", "$gateway_forwarded_for"],
    ["X-Forwarded-Proto", "https"],
    ["X-Forwarded-Host", "$host"],
    ...server.requestHeaders,
    ...identityHeaders(server.host).map((name): HeaderExpression => [name, hasDoor(server) ? `$gateway_set_${headerVariable(name)}` : '""']),
  ]);
}

function errorLines(server: ServerDraft): string[] {
  if (server.errorBody === undefined) return [];
  return [
    `error_page ${ERRORS.join(" ")} /.gateway/error;`,
    "error_page 403 = /.gateway/refused;",
    "error_page 494 =431 /.gateway/error;",
    "error_page 500 =503 /.gateway/error;",
  ];
}

function errorLocations(server: ServerDraft): LocationView[] {
  const { errorBody } = server;
  const added = responseHeaderLines([
    ...server.responseHeaders,
    ["Retry-After", "$gateway_retry_after"],
    ["X-Gateway-Reason", "$gateway_door_reason"],
  ]);
  const common = ["internal;", "default_type application/json;", ...added];
  if (errorBody === undefined) return [];
  const refusals = DOOR_STATUSES.map((s) => `if ($gateway_door_status = ${String(s)}) { return ${String(s)} ${errorBody}; }`);
  return [
    { comment: "Errors that the gateway makes", location: "= /.gateway/error", lines: [...common, `return 200 ${errorBody};`] },
    {
      comment: "What the door refused: auth_request passes on no status but 401 and 403",
      location: "= /.gateway/refused",
      lines: [...common, ...refusals, `return 403 ${errorBody};`],
    },
  ];
}

function doorLines(host: Host): string[] {
  return [
    "auth_request /.gateway/door;",
    "auth_request_set $gateway_door_status $upstream_http_x_gateway_status;",
    "auth_request_set $gateway_door_reason $upstream_http_x_gateway_reason;",
    "auth_request_set $gateway_door_message $upstream_http_x_gateway_message;",
    "auth_request_set $gateway_door_retry_after $upstream_http_retry_after;",
    "auth_request_set $gateway_user $upstream_http_x_gateway_user;",
    "auth_request_set $gateway_tenant $upstream_http_x_gateway_tenant;",
    ...identityHeaders(host).map((n) => `auth_request_set $gateway_set_${headerVariable(n)} $upstream_http_${headerVariable(n)};`),
  ];
}

function serverView(draft: NginxDraft, server: ServerDraft): object {
  const routes = [...server.routes.values()];
  const largest = routes.some((r) => r.maxBodyBytes === undefined) ? 0 : Math.max(...routes.map((r) => r.maxBodyBytes ?? 0));
  const asks = hasDoor(server);
  const { https } = draft.input.model.listeners;
  return {
    name: server.host.name,
    redirect: server.redirect,
    listen: listenerView(draft.input.model, https.port, true),
    log: server.log,
    hasDoor: asks,
    hasRoot: server.host.routes.some((r) => r.match.paths.some((p) => p.value === "/" && p.type === "PathPrefix")),
    maxBody: String(largest),
    guard: server.guard && {
      zone: server.guard.zone,
      burst: server.guard.burst > 0 ? ` burst=${String(server.guard.burst)} nodelay` : "",
    },
    lines: [
      ...errorLines(server),
      ...responseHeaderLines(server.responseHeaders),
      ...headers("proxy_hide_header", unique(server.hiddenHeaders).map((n) => [n, ""])).map((l) => l.replace(" ;", ";")),
      ...headers("proxy_set_header", baseRequestHeaders(server)),
      ...(asks ? doorLines(server.host) : []),
      // With a body of their own: an error_page would come back through these lines, and be refused again.
      ...(server.errorBody === undefined ? [] : ["default_type application/json;"]),
      ...server.checks.map((check) => checkLine(check, server.errorBody)),
    ],
    locations: [
      ...matchLocations(server),
      ...routes.flatMap((r) => routeLocations(server, r)).map((l) => ({ ...l, lines: l.lines.map((x) => x.replace(" ;", ";")) })),
      ...errorLocations(server),
    ],
  };
}

function upstreams(draft: NginxDraft): object[] {
  const tries = new Map<string, number>();
  for (const server of draft.servers.values()) {
    for (const { route, retries } of server.routes.values()) {
      for (const { service } of route.backends) {
        tries.set(service, Math.max(tries.get(service) ?? 1, retries?.tries ?? 1));
      }
    }
  }
  return [...tries.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => ({
    name,
    servers: Array.from({ length: count }, () => draft.input.model.services[name]?.address),
  }));
}

const statusMap = (values: Readonly<Record<number, string>>): { status: string; value: string }[] =>
  Object.entries(values).map(([status, value]) => ({ status, value: text(value) }));

export function viewOf(draft: NginxDraft): object {
  const { model, gateway } = draft.input;
  const reasons = Object.fromEntries([...ERRORS, 403].filter((s) => STATUS_CODES[s]).map((s) => [s, reasonPhrase(s)]));
  const redirects = [...draft.servers.values()].filter((s) => s.redirect).map((s) => s.host.name);
  return {
    system: gateway.system,
    environment: gateway.environment,
    model,
    filterTimeout: time(model.filter.timeout),
    httpListen: listenerView(model, model.listeners.http.port, false),
    httpsListen: listenerView(model, model.listeners.https.port, true),
    redirects: redirects.length > 0 ? redirects.join(" ") : undefined,
    tls: model.front.tls === "gateway",
    clientAddress: clientAddressMap(model.front),
    dropsMalformedNames: draft.dropsMalformedNames,
    hasDoor: [...draft.servers.values()].some(hasDoor),
    maps: [...draft.maps.values()],
    geos: draft.geos,
    zones: draft.zones,
    splits: draft.splits,
    reasons: statusMap(reasons),
    messages: statusMap(MESSAGES),
    nativeReasons: statusMap(NATIVE_REASONS),
    upstreams: upstreams(draft),
    servers: [...draft.servers.values()].map((s) => serverView(draft, s)),
  };
}
