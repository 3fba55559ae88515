import { configOf } from "../../decision/gateway";
import {
  errorBody as errorBodyKind,
  HTTPS_ONLY,
  membersOf,
  reasonPhrase,
  securityHeaderLines,
  type ErrorBodyConfig,
  type SecurityHeadersConfig,
} from "../../policy/kinds/response";
import { TOLD_AS, toldStatus } from "../../decision/envoy-door";
import type { FallbackConfig } from "../../policy/kinds/fallback";
import { hasDoor, type HostDraft, type IstioDraft } from "./draft";
import { isOriginPattern, originExpression } from "../../policy/origins";
import { throughAddress } from "../through";
import { regexText } from "./patches";
import { formatText, namesOf, REDIRECT, REFUSED_HEAD, routeName } from "./names";

const CEL = {
  name: "envoy.access_loggers.extension_filters.cel",
  type: "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
};

const MESSAGES: Readonly<Record<number, string>> = {
  400: "The request has a form that is not accepted.",
  401: "A bearer token is needed.",
  403: "The request is not allowed here.",
  404: "There is nothing here.",
  405: "The method is not allowed.",
  408: "The request was not sent in time.",
  413: "The body is too large.",
  414: "The request target is too long.",
  429: "Too many requests from this address.",
  431: "The request's header fields are too large.",
  500: "The request could not be decided.",
  502: "The service gave no answer.",
  503: "The request cannot be decided now.",
  504: "The service did not answer in time.",
};

const cel = (expression: string): object => ({
  extension_filter: { name: CEL.name, typed_config: { "@type": CEL.type, expression } },
});

const overwrite = (key: string, value: string): object => ({
  header: { key, value },
  append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
});

function bodyFormat(config: ErrorBodyConfig, status: number, message: string): object {
  const fill = (text: string | boolean): string | boolean | number => {
    if (typeof text === "boolean") return text;
    if (text === "{status}") return status;
    // The flood guard's own.
    if (text === "{retryAfter}") return 1;
    return formatText(text)
      .replace(/\{reason\}/g, reasonPhrase(status))
      .replace(/\{message\}/g, message)
      .replace(/\{status\}/g, String(status))
      .replace(/\{requestId\}/g, "%REQ(X-REQUEST-ID)%");
  };
  return { json_format: Object.fromEntries(Object.entries(membersOf(config, status)).map(([k, v]) => [k, fill(v)])) };
}

const statusIs = (value: number): object => ({
  status_code_filter: { comparison: { op: "EQ", value: { default_value: value, runtime_key: "gatewright.local_reply" } } },
});

/** No connection, a reset, or all tries used up by them: 502 everywhere; Envoy says 503. */
const NO_ANSWER = { response_flag_filter: { flags: ["UF", "UC", "UR", "LR", "URX", "UH"] } };

/** Of a HEAD that the filter refuses no words have come, and Envoy drops their type: the guard sets it again. */
const IS_HEAD = 'request.method == "HEAD"';
const JSON_TYPE = "application/json";

const quote = (text: string): string => JSON.stringify(text);

/** A redirect carries the CORS headers too, which the CORS filter does not add there. */
function corsOnRedirects({ host, cors, redirect }: HostDraft): object[] {
  if (!cors || redirect === undefined) return [];
  const whole = cors.origins.filter((origin) => !isOriginPattern(origin));
  const said = 'request.headers["origin"]';
  const isListed = [
    `${said} in [${whole.map(quote).join(", ")}]`,
    ...cors.origins.filter(isOriginPattern).map((o) => `${said}.matches(${quote(`^${originExpression(o, regexText)}$`)})`),
  ].join(" || ");
  const mine = `xds.route_name == ${quote(routeName(host.name, REDIRECT))}`;
  return [
    {
      filter: cel(`${mine} && (${isListed})`),
      headers_to_add: [
        overwrite("access-control-allow-origin", "%REQ(ORIGIN)%"),
        overwrite("access-control-expose-headers", cors.exposeHeaders.join(",")),
        ...(cors.credentials ? [overwrite("access-control-allow-credentials", "true")] : []),
      ],
    },
  ];
}

function errorReplies(draft: IstioDraft, config: ErrorBodyConfig, only: object[]): object[] {
  const { host, port } = throughAddress(draft.input.model);
  const ofFilter = `xds.cluster_name == ${quote(`outbound|${String(port)}||${host}`)}`;
  const all = (...filters: object[]): object => {
    const list = [...only, ...filters];
    return list.length === 1 ? (list[0] as object) : { and_filter: { filters: list } };
  };
  const format = (code: number): object => bodyFormat(config, code, MESSAGES[code] ?? "The request failed.");
  return [
    {
      filter: all(cel('response.code_details == "ext_authz_error"')),
      headers_to_add: [overwrite("retry-after", "1")],
      body_format_override: format(503),
    },
    {
      filter: all(cel(`${ofFilter} && response.code in [503, 504]`)),
      headers_to_add: [overwrite("retry-after", "1")],
      status_code: 503,
      body_format_override: format(503),
    },
    {
      filter: all(statusIs(503), NO_ANSWER),
      status_code: 502,
      body_format_override: format(502),
    },
    ...Object.keys(MESSAGES).map((code) => ({
      filter: all(statusIs(Number(code))),
      body_format_override: format(Number(code)),
    })),
  ];
}

const namesRoute = (names: readonly string[]): string => `xds.route_name in [${names.map(quote).join(", ")}]`;

interface Fallbacks {
  config: FallbackConfig;
  names: string[];
}

/** Routes by what they say in place of answers that they have not had. */
function fallbacksOf(draft: IstioDraft): Fallbacks[] {
  const found = new Map<string, Fallbacks>();
  for (const { host, routes } of draft.hosts.values()) {
    for (const route of routes.values()) {
      const { fallback: config } = route;
      if (!config) continue;
      const key = JSON.stringify(config);
      found.set(key, { config, names: [...(found.get(key)?.names ?? []), ...namesOf(host.name, route)] });
    }
  }
  return [...found.values()];
}

/** Refusals of the door that Envoy would take for its failure: they get their status, and keep their words. */
function refusals(draft: IstioDraft): object[] {
  const told = (status: number): string => `response.code_details == "ext_authz_denied" && response.code == ${String(status)}`;
  const to = (expression: string, status: number, type: string): object[] => [
    { filter: cel(`${expression} && ${IS_HEAD}`), status_code: status, headers_to_add: [overwrite(REFUSED_HEAD, type)] },
    { filter: cel(expression), status_code: status },
  ];
  const open = fallbacksOf(draft).filter(({ config }) => config.on.includes("breaker-open"));
  return [
    ...open.flatMap(({ config: { status, contentType }, names }) =>
      to(`${told(toldStatus(status))} && ${namesRoute(names)}`, status, contentType),
    ),
    ...to(told(TOLD_AS[503]), 503, JSON_TYPE),
  ];
}

function fallbacks(draft: IstioDraft): object[] {
  return fallbacksOf(draft).flatMap(({ config, names }) => {
    const mine = cel(namesRoute(names));
    const when = {
      "breaker-open": [],
      "no-answer": [[statusIs(503), NO_ANSWER], [statusIs(502)]],
      timeout: [[statusIs(504)]],
    };
    const { status, contentType, body, retryAfter } = config;
    return config.on
      .flatMap((cause) => when[cause])
      .map((filters) => ({
        filter: { and_filter: { filters: [mine, ...filters] } },
        ...(retryAfter !== undefined && { headers_to_add: [overwrite("retry-after", String(retryAfter / 1000))] }),
        status_code: status,
        body_format_override: { text_format_source: { inline_string: formatText(body) }, content_type: contentType },
      }));
  });
}

/** Hosts that nobody has named: their answers are the system's. */
function otherHosts({ input: { gateway, model } }: IstioDraft): object[] {
  const policies = gateway.otherHosts?.policies ?? [];
  const form = configOf(policies, "errorBody") as ErrorBodyConfig | undefined;
  const security = configOf(policies, "securityHeaders") as SecurityHeadersConfig | undefined;
  const lines = Object.entries(security ? securityHeaderLines(security) : {});
  const { containerPort } = model.listeners.http;
  const on = (where: string, headers: typeof lines): object => ({
    filter: cel(`response.code_details == "route_not_found"${where}`),
    ...(headers.length > 0 && { headers_to_add: headers.map(([name, value]) => overwrite(name, formatText(value))) }),
    body_format_override: bodyFormat(form ?? errorBodyKind.schema.parse({}), 404, MESSAGES[404] ?? ""),
  });
  const plain = lines.filter(([name]) => name !== HTTPS_ONLY);
  return [...(plain.length < lines.length ? [on(` && destination.port == ${String(containerPort)}`, plain)] : []), on("", lines)];
}

/** Answers that Envoy makes itself: the first mapper that fits is taken. */
export function localReplies(draft: IstioDraft): object[] {
  const hosts = [...draft.hosts.values()];
  const forms = new Map(hosts.map((h) => [JSON.stringify(h.errorBody), h.errorBody]));
  const replies = [...forms.entries()].flatMap(([key, config]) => {
    const names = hosts.filter((h) => JSON.stringify(h.errorBody) === key).map((h) => h.host.name);
    const mine = names.map((n) => `xds.route_name.startsWith(${quote(`${n}/`)})`).join(" || ");
    return errorReplies(draft, config, forms.size > 1 ? [cel(mine)] : []);
  });
  return [
    ...otherHosts(draft),
    ...[...draft.hosts.values()].flatMap(corsOnRedirects),
    ...(hasDoor(draft) ? refusals(draft) : []),
    ...(replies.length > 0
      ? [{ filter: cel(`response.code_details == "ext_authz_denied" && ${IS_HEAD}`), headers_to_add: [overwrite(REFUSED_HEAD, JSON_TYPE)] }]
      : []),
    // What the filter or the model has put into words stays as it is.
    ...(replies.length > 0 ? [{ filter: cel('response.code_details in ["ext_authz_denied", "direct_response"]') }] : []),
    ...fallbacks(draft),
    ...replies,
    // Hosts that nobody has named.
    ...(forms.size > 1 ? errorReplies(draft, errorBodyKind.schema.parse({}), []) : []),
  ];
}
