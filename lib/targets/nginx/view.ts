import type { GatewayModel } from "../../model";
import { once } from "../../once";
import { clientIdleMs } from "../front";
import { compressionLines } from "./compression";
import { otherHosts, redirects } from "./other-servers";
import { FORWARDED_HEADERS, OWN_HEADERS, STEERING_HEADERS } from "../../policy/kinds/header-hygiene";
import { IDEMPOTENT } from "../../policy/kinds/upstream";
import type { Check, HeaderExpression, NginxDraft, RouteDraft, ServerDraft } from "./draft";
import { CONNECTION_OPTIONS, namesOnly, escapeText, text, time, headerVariable } from "../nginx-syntax";
import { admittedLocation, doorLines, doorLocation, hasDoor, judgedLines, judgesBodies } from "./door";
import { identityHeaders, passedHeaders } from "../identity-headers";
import { filterHeadKiB, reportAddress, throughAddress } from "../through";
import { certificateLines, clientAddressMap, http2Form, listenerView, outlivesReload } from "./edge";
import { backendTlsLines } from "./upstream";
import { grpcLines } from "./grpc";
import { upstreams } from "./upstream-servers";
import { callVariant, timeLines, type Variant } from "./times";
import { handshakeChecks } from "./web-socket";
import { errorText } from "./response";
import { errorLines, errorLocations, errorTexts } from "./errors";
import { logFormatOf, logFormats } from "./log";
import { headers, hideLines, lastOfEach, responseHeaderLines } from "./header-lines";
import { matchLocations, placeOf, routeLocation, type LocationView } from "./match-locations";

/** Turns a draft into what the template prints: every string escaped, every order settled, no decision left. */

function variantLines(route: RouteDraft, variant: Variant): string[] {
  const to = (name: Variant): string => `rewrite ^ ${routeLocation(route.route.name)}/${name} last;`;
  return [
    ...(variant === "" && route.webSocketIdleMs !== undefined ? [`if ($gateway_upgrade) { ${to("upgrade")} }`] : []),
    ...(variant === callVariant(route) && route.retries
      ? [`if ($request_method !~ "^(${IDEMPOTENT.join("|")})$") { ${to("once")} }`]
      : []),
  ];
}

function answerLines(draft: NginxDraft, server: ServerDraft, route: RouteDraft, variant: Variant): string[] {
  const { model } = draft.input;
  const { backends } = route.route;
  const { respond } = route;
  if (route.through && !respond) return throughLines(model, server, route, variant);
  const own = route.requestHeaders.length > 0 || route.grpc === true || inheritsThrough(server);
  if (respond?.redirect) {
    const { scheme, host, path } = respond.redirect;
    const to = path === undefined ? "$request_uri" : `${escapeText(path)}$gateway_query`;
    return [`error_page ${String(respond.status)} @gateway_moved;`, `return ${String(respond.status)} "${scheme}://${host ?? "$host"}${to}";`];
  }
  if (respond) return [`default_type ${text(respond.contentType)};`, ...returned(respond.status, respond.body)];
  const ownHeaders = headers("proxy_set_header", lastOfEach([...baseRequestHeaders(server), ...route.requestHeaders]));
  const service = route.backend ?? backends[0]?.service ?? "";
  const lines = [
    ...(asksHead(route, variant) ? [] : ["auth_request off;"]),
    ...(route.fallback ? errorLines(route) : []),
    ...timeLines(route, variant),
    ...(route.streams ? ["proxy_buffering off;"] : []),
    ...compressionLines(route),
    ...(own ? ownHeaders : []),
    ...backendTlsLines(model, route),
    ...(route.grpc ? hideLines([...server.hiddenHeaders, ...route.hiddenHeaders]) : []),
  ];
  if (route.grpc) return grpcLines(draft, route, lines, service);
  return [...lines, `proxy_pass ${route.tls ? "https" : "http"}://${service}${route.target};`];
}

/** An error without a text would be one of nginx' own pages; a text that is a variable is one, though empty. */
const returned = (status: number, body: string): string[] =>
  status >= 400 && body === ""
    ? ['set $gateway_nothing "";', `return ${String(status)} $gateway_nothing;`]
    : [`return ${String(status)} ${text(body)};`];

/** The filter gets the request as it came, and is told what nginx has found out about it. */
function throughLines(model: GatewayModel, server: ServerDraft, route: RouteDraft, variant: Variant): string[] {
  return [
    "auth_request off;",
    `proxy_buffer_size ${String(filterHeadKiB(model))}k;`,
    ...errorLines(route),
    ...timeLines(route, variant),
    ...compressionLines(route),
    ...(inheritsThrough(server) ? [] : headers("proxy_set_header", throughRequestHeaders(server))),
    "proxy_pass http://gateway_through$request_uri;",
  ];
}

const asksWithBody = (route: RouteDraft, variant: Variant): boolean => route.judgedBytes !== undefined && variant === "";

/** Not again where the filter has handed a request back; a handshake has no body. */
const asksHead = (route: RouteDraft, variant: Variant): boolean => route.door && (route.judgedBytes === undefined || variant === "upgrade");

/** Where handshakes go through, the filter keeps what is promised of them, and nginx says what is none. */
const checksOf = ({ checks, through, webSocketIdleMs }: RouteDraft): Check[] =>
  through && webSocketIdleMs !== undefined ? [...checks, ...handshakeChecks(true)] : checks;

function routeLocations(draft: NginxDraft, server: ServerDraft, route: RouteDraft): LocationView[] {
  const { name } = route.route;
  const { respond } = route;
  const variants: Variant[] = [
    "",
    ...(route.judgedBytes === undefined ? [] : (["admitted"] as const)),
    ...(route.retries && !respond ? (["once"] as const) : []),
    ...(route.webSocketIdleMs === undefined || respond ? [] : (["upgrade"] as const)),
  ];
  const set = [...route.responseHeaders, ...route.alwaysHeaders];
  const answered = (variant: Variant): string[] => [
    ...(set.length > 0 ? responseHeaderLines([...server.responseHeaders, ...set]) : []),
    ...(route.hiddenHeaders.length > 0 && !route.grpc ? hideLines([...server.hiddenHeaders, ...route.hiddenHeaders]) : []),
    ...answerLines(draft, server, route, variant),
  ];
  return variants.map((variant) => ({
    comment: variant === "" ? `Route ${name}` : "",
    location: `= ${routeLocation(name)}${variant === "" ? "" : `/${variant}`}`,
    lines: [
      "internal;",
      ...(variant === "" ? checksOf(route).map((check) => checkLine(check)) : []),
      ...(respond ? [] : variantLines(route, variant)),
      // More than the filter judges is not gathered for it.
      `client_max_body_size ${String((asksWithBody(route, variant) ? route.judgedBytes : route.maxBodyBytes) ?? 0)};`,
      ...(asksWithBody(route, variant) ? judgedLines(draft.input.model, server, route) : answered(variant)),
    ],
  }));
}

const checkLine = ({ condition, status }: Check, body?: string): string =>
  `if (${condition}) { return ${String(status)}${body === undefined ? "" : ` ${body}`}; }`;

const FORWARDED: readonly HeaderExpression[] = [
  ["X-Forwarded-For", "$gateway_client"],
  ["X-Forwarded-Proto", "$gateway_scheme"],
  ["X-Forwarded-Host", "$host"],
  ["X-Forwarded-Port", "$gateway_forwarded_port"],
];

function requestHeadersOf(server: ServerDraft): HeaderExpression[] {
  const passed = passedHeaders(server.host);
  return [
    ["Host", "$host"],
    ["Connection", "$gateway_connection"],
    ["Upgrade", "$gateway_upgrade"],
    ...FORWARDED.filter(([name]) => !passed.includes(name.toLowerCase())),
    ...[...OWN_HEADERS, ...STEERING_HEADERS]
      .filter((name) => !passed.includes(name))
      .map((name): HeaderExpression => [name, '""']),
    ...server.requestHeaders,
  ];
}

const baseRequestHeaders = once((server: ServerDraft): HeaderExpression[] =>
  lastOfEach([
    ...requestHeadersOf(server),
    ...identityHeaders(server.host).map((name): HeaderExpression => [name, hasDoor(server) ? `$gateway_set_${headerVariable(name)}` : '""']),
  ]),
);

/** What the filter gets: the client's own words about who he is, and what nginx has found out. */
const throughRequestHeaders = once((server: ServerDraft): HeaderExpression[] =>
  lastOfEach([
    ...requestHeadersOf(server),
    ["X-Gateway-Client", "$gateway_client"],
    ["X-Gateway-Route", "$gateway_route"],
  ]),
);

/** nginx inherits all headers of a server or none: what most of its routes want stands there, once. */
const inheritsThrough = once(({ routes }: ServerDraft): boolean => {
  const all = [...routes.values()].filter((route) => !route.respond);
  const through = all.filter((route) => route.through).length;
  return through > all.filter((route) => !route.through && route.requestHeaders.length === 0).length;
});

/** "off" would turn all others off. */
function accessLogs({ input: { model, plan } }: NginxDraft, server: ServerDraft): string[] {
  const { host, port } = reportAddress(model);
  const report = `syslog:server=${host}:${String(port)},nohostname,tag=gateway gateway_report if=$gateway_ticket`;
  const all = [...(server.log ? [`/dev/stdout ${logFormatOf(server)}`] : []), ...(plan.reports && hasDoor(server) ? [report] : [])];
  return all.length > 0 ? all : ["off"];
}

/** A redirect without nginx' own page. */
const MOVED: LocationView = { comment: "", location: "@gateway_moved", lines: ['default_type "";', 'return 200 "";'] };

function serverView(draft: NginxDraft, server: ServerDraft): object {
  const routes = [...server.routes.values()];
  const asks = hasDoor(server);
  const { https } = draft.input.model.listeners;
  return {
    name: server.names.join(" "),
    redirect: server.redirect,
    listen: listenerView(draft.input.model, https.port, true),
    accessLogs: accessLogs(draft, server),
    hasRoot: server.host.routes.some((r) => r.match.paths.map(placeOf).some((p) => p.value === "/" && p.type === "PathPrefix")),
    guard: server.guard && {
      zone: server.guard.zone,
      burst: server.guard.burst > 0 ? ` burst=${String(server.guard.burst)} nodelay` : "",
    },
    lines: [
      ...certificateLines(draft.input.model, server.host.certificate),
      ...errorLines(),
      ...responseHeaderLines(server.responseHeaders),
      ...hideLines(server.hiddenHeaders),
      ...headers("proxy_set_header", inheritsThrough(server) ? throughRequestHeaders(server) : baseRequestHeaders(server)),
      ...(asks ? doorLines(server) : []),
      // With a body of their own: an error_page would come back through these lines, and be refused again.
      "default_type application/json;",
      checkLine({ condition: "$gateway_names_headers", status: 400 }, errorText(server.errorBody, 400)),
      checkLine({ condition: "$gateway_false_port", status: 400 }, errorText(server.errorBody, 400)),
      ...server.checks.map((check) => checkLine(check, errorText(server.errorBody, check.status))),
    ],
    locations: [
      ...matchLocations(draft, server),
      ...routes.flatMap((r) => routeLocations(draft, server, r)),
      ...errorLocations(draft, server),
      ...(routes.some((r) => r.respond?.redirect) ? [MOVED] : []),
      ...(asks ? [doorLocation(draft.input.model)] : []),
      ...(judgesBodies(server) ? [admittedLocation(server)] : []),
    ],
  };
}

/** nginx refuses to start where a table does not fit. */
function mapHashSize({ maps }: NginxDraft): number {
  const most = Math.max(0, ...[...maps.values()].map(({ lines }) => lines.length));
  return Math.max(8192, 2 ** Math.ceil(Math.log2(most * 4 + 1)));
}

/** What `Connection` may name: its own options, and headers that of which no line of a client reaches a service. */
function connectionNames({ servers }: NginxDraft): string[] {
  const own = [...servers.values()].flatMap(({ host, requestHeaders }) => [
    ...identityHeaders(host),
    ...requestHeaders.map(([name]) => name.toLowerCase()),
  ]);
  return [...new Set([...CONNECTION_OPTIONS, ...FORWARDED_HEADERS, ...own])].sort();
}

export function viewOf(draft: NginxDraft): object {
  const { model, gateway } = draft.input;
  // First: they add to the maps.
  const [redirected, others, logs] = [redirects(draft), otherHosts(draft), logFormats(draft)];
  const servers = [...draft.servers.values()].map((s) => serverView(draft, s));
  return {
    system: gateway.system,
    environment: gateway.environment,
    model,
    clientIdle: time(clientIdleMs(model.front, gateway)),
    httpListen: listenerView(model, model.listeners.http.port, false),
    httpsListen: listenerView(model, model.listeners.https.port, true),
    connectionNames: namesOnly(connectionNames(draft)),
    modules: [...draft.modules],
    headKiB: String(model.upstream.headBytes / 1024),
    // As large as any buffer that may be busy, that of a head from the filter included.
    busyKiB: String(Math.max(32, filterHeadKiB(model))),
    redirects: redirected,
    others,
    tls: model.front.tls === "gateway",
    http2: http2Form(model) === "directive",
    outlivesReload: outlivesReload(model),
    networks: model.front.networks.length > 0 ? [...new Set(model.front.networks)] : undefined,
    logs,
    anyLog: logs[0]?.name,
    clientAddress: clientAddressMap(model.front),
    dropsMalformedNames: draft.dropsMalformedNames,
    hasDoor: [...draft.servers.values()].some(hasDoor),
    judgesBodies: [...draft.servers.values()].some(judgesBodies),
    reports: draft.input.plan.reports,
    through: [...draft.servers.values()].some((s) => [...s.routes.values()].some((r) => r.through)) && throughAddress(model),
    maps: [...draft.maps.values()],
    geos: draft.geos,
    zones: draft.zones,
    splits: draft.splits,
    ...errorTexts(),
    mapHash: mapHashSize(draft),
    upstreams: upstreams(draft),
    servers,
  };
}
