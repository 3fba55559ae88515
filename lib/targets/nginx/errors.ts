import { STATUS_CODES } from "node:http";
import { reasonPhrase } from "../../policy/kinds/response";
import { text } from "../nginx-syntax";
import { addMap, nameFor, type HeaderExpression, type NginxDraft, type RouteDraft, type ServerDraft } from "./draft";
import { responseHeaderLines } from "./header-lines";
import { errorText } from "./response";
import { routeLocation, type LocationView } from "./match-locations";

/** Errors that the gateway makes: what is said of each, and how the door's own status reaches the client. */

/** Statuses that nginx itself may give; the door's others come through 403. */
const ERRORS = [400, 401, 404, 405, 408, 413, 414, 429, 431, 502, 503, 504];

/** What the filter may say at the door besides 401 and 403. */
const DOOR_STATUSES = [400, 404, 405, 413, 429, 431, 503];

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
  308: "https-redirect",
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

const FAILURES = { "no-answer": 502, timeout: 504 } as const;

/** Errors of a service that has not answered, for which a route has words of its own. */
const answeredFor = ({ fallback }: RouteDraft): number[] =>
  Object.entries(FAILURES).flatMap(([cause, status]) => (fallback?.on.includes(cause as keyof typeof FAILURES) ? [status] : []));

const fallbackLocation = ({ route }: RouteDraft): string => `${routeLocation(route.name)}/fallback`;

/** Those of a server; a route's take the place of all of them. `asksFilter`: an answer that nginx has not had there is the filter's, which is away. */
export function errorLines(route?: RouteDraft, asksFilter = route?.through === true): string[] {
  const ofFilter = asksFilter ? Object.values(FAILURES) : [];
  const own = route && !asksFilter ? answeredFor(route) : [];
  const lines = route && own.length > 0 ? [`error_page ${own.join(" ")} = ${fallbackLocation(route)};`] : [];
  const others = ERRORS.filter((status) => ![...own, ...ofFilter].includes(status));
  return [
    `error_page ${others.join(" ")} /.gateway/error;`,
    ...lines,
    ...(ofFilter.length > 0 ? [`error_page ${ofFilter.join(" ")} =503 /.gateway/error;`] : []),
    "error_page 403 = /.gateway/refused;",
    "error_page 494 =431 /.gateway/error;",
    "error_page 500 =503 /.gateway/error;",
  ];
}

/** What routes set on refusals as well: nothing while no route is known. */
function routeHeaders(draft: NginxDraft, server: ServerDraft): HeaderExpression[] {
  const lines = new Map<string, [string, string][]>();
  for (const { route, alwaysHeaders } of server.routes.values()) {
    for (const [name, value] of alwaysHeaders) {
      lines.set(name, [...(lines.get(name) ?? []), [text(`route:${route.name}`), value]]);
    }
  }
  return [...lines].map(([name, values]) => {
    const variable = nameFor(draft.names, "gateway_always", server.id, name);
    return [name, addMap(draft, { from: '"route:$gateway_route"', variable, lines: [["default", '""'], ...values] })];
  });
}

/** What routes say in place of answers that they have not had. */
function fallbackLocations(server: ServerDraft): LocationView[] {
  return [...server.routes.values()].flatMap((route) => {
    const { fallback, responseHeaders, alwaysHeaders } = route;
    if (!fallback) return [];
    const retryAfter = fallback.retryAfter === undefined ? "$gateway_door_retry_after" : String(fallback.retryAfter / 1000);
    const set = [
      ...server.responseHeaders,
      ...responseHeaders,
      ...alwaysHeaders,
      ["Retry-After", retryAfter] as const,
      ["X-Gateway-Reason", "$gateway_door_reason"] as const,
    ];
    const lines = ["internal;", `default_type ${text(fallback.contentType)};`, ...responseHeaderLines(set)];
    return [{ comment: "", location: `= ${fallbackLocation(route)}`, lines: [...lines, `return ${String(fallback.status)} ${text(fallback.body)};`] }];
  });
}

/** Where the door's word is a route's to put into words: its breaker is open. */
function openBreakers(draft: NginxDraft, server: ServerDraft): string[] {
  const routes = [...server.routes.values()].filter(({ fallback, door }) => door && fallback?.on.includes("breaker-open"));
  if (routes.length === 0) return [];
  const lines = routes.map((route) => [text(`${route.route.name}:breaker-open`), fallbackLocation(route)] as const);
  const variable = nameFor(draft.names, "gateway_fallback", server.id);
  const found = addMap(draft, { from: '"$gateway_route:$gateway_door_reason"', variable, lines: [["default", '""'], ...lines] });
  return [`if (${found}) { rewrite ^ ${found} last; }`];
}

export function errorLocations(draft: NginxDraft, server: ServerDraft): LocationView[] {
  const { errorBody } = server;
  const added = responseHeaderLines([
    ...server.responseHeaders,
    ...routeHeaders(draft, server),
    ["Retry-After", "$gateway_retry_after"],
    ["X-Gateway-Reason", "$gateway_door_reason"],
  ]);
  const common = ["internal;", "default_type application/json;", ...added];
  const body = (status: number): string => errorText(errorBody, status);
  const refusals = DOOR_STATUSES.map((s) => `if ($gateway_door_status = ${String(s)}) { return ${String(s)} ${body(s)}; }`);
  // Status 0: what holds for all that have no form of their own.
  const own = ERRORS.filter((s) => body(s) !== body(0)).map((s) => `if ($status = ${String(s)}) { return 200 ${body(s)}; }`);
  return [
    { comment: "Errors that the gateway makes", location: "= /.gateway/error", lines: [...common, ...own, `return 200 ${body(0)};`] },
    {
      comment: "What the door refused: auth_request passes on no status but 401 and 403",
      location: "= /.gateway/refused",
      lines: [...common, ...openBreakers(draft, server), ...refusals, `return 403 ${body(403)};`],
    },
    ...fallbackLocations(server),
  ];
}

const statusMap = (values: Readonly<Record<number, string>>): { status: string; value: string }[] =>
  Object.entries(values).map(([status, value]) => ({ status, value: text(value) }));

/** The texts of the maps by status. */
export function errorTexts(): object {
  const reasons = Object.fromEntries([...ERRORS, 403].filter((s) => STATUS_CODES[s]).map((s) => [s, reasonPhrase(s)]));
  return {
    reasons: statusMap(reasons),
    messages: statusMap(MESSAGES),
    nativeReasons: statusMap(NATIVE_REASONS),
  };
}
