import { type AuditConfig, type AuditLabelsConfig,
  HTTPS_ONLY,
  securityHeaderLines,
  type ErrorBodyConfig,
  type ResponseHeadersConfig,
  type SecurityHeadersConfig,
  membersOf,
} from "../../policy/kinds/response";
import type { Enforcer } from "../target";
import { addMap, nameFor, routeOf, serverOf, type HeaderExpression, type NginxDraft, type RouteDraft } from "./draft";
import { escapeText, headerVariable, text } from "../nginx-syntax";

export const requestId: Enforcer<NginxDraft> = {
  supports: ["RequestIdKept"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const server = serverOf(draft, placement);
    server.requestHeaders.push(["X-Request-Id", "$gateway_request_id"]);
    server.responseHeaders.push(["X-Request-Id", "$gateway_request_id"]);
    server.hiddenHeaders.push("X-Request-Id");
  },
};

/** Security headers of a server that listens to http as well, unless it is `secure`. */
export function securityLines(draft: NginxDraft, config: SecurityHeadersConfig, secure = false): HeaderExpression[] {
  return Object.entries(securityHeaderLines(config)).map(([name, value]): HeaderExpression => {
    if (name !== HTTPS_ONLY || secure) return [name, text(value)];
    const variable = nameFor(draft.names, "gateway_hsts", value);
    return [name, addMap(draft, { from: "$gateway_scheme", variable, lines: [["default", text(value)], ["http", '""']] })];
  });
}

export const securityHeaders: Enforcer<NginxDraft> = {
  supports: ["ResponseHeaderSet"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const server = serverOf(draft, placement);
    const lines = securityLines(draft, placement.config as SecurityHeadersConfig, server.redirect !== undefined);
    server.responseHeaders.push(...lines);
    server.hiddenHeaders.push(...lines.map(([name]) => name));
  },
};

/** On 2xx and 3xx the model's value, else the service's own, if there is one. */
const onSuccess = (draft: NginxDraft, server: string, { route }: RouteDraft, name: string, value: string): string =>
  addMap(draft, {
    from: "$status",
    variable: nameFor(draft.names, "gateway_answer", server, route.name, name),
    lines: [
      ["default", `$upstream_http_${headerVariable(name)}`],
      ['"~^[23]"', value],
    ],
  });

export const responseHeaders: Enforcer<NginxDraft> = {
  supports: ["ResponseHeaderSet", "ResponseHeaderRemove"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { set, remove, on } = placement.config as ResponseHeadersConfig;
    const route = routeOf(draft, placement);
    const { id } = serverOf(draft, placement);
    const lines = Object.entries(set).map(([name, value]) => [name, text(value)] as const);
    if (on === "always") route.alwaysHeaders.push(...lines);
    else route.responseHeaders.push(...lines.map(([name, value]) => [name, onSuccess(draft, id, route, name, value)] as const));
    route.hiddenHeaders.push(...remove, ...Object.keys(set));
  },
};

const WORDS = {
  "{reason}": "${gateway_status_reason}",
  "{message}": "${gateway_message}",
  "{requestId}": "${gateway_request_id_in_json}",
  "{status}": "${status}",
} as const;

function jsonValue(value: string | boolean): string {
  if (typeof value === "boolean") return String(value);
  if (value === "{status}") return WORDS["{status}"];
  if (value === "{retryAfter}") return "$gateway_retry_after";
  const inside = value
    .split(/(\{(?:reason|message|requestId|status)\})/)
    .map((part) => (part in WORDS ? WORDS[part as keyof typeof WORDS] : escapeText(JSON.stringify(part).slice(1, -1))));
  return `\\"${inside.join("")}\\"`;
}

/** The body of an error, an nginx string. */
export function errorText(config: ErrorBodyConfig, status: number): string {
  const pairs = Object.entries(membersOf(config, status)).map(([name, value]) => `\\"${name}\\":${jsonValue(value)}`);
  return `"{${pairs.join(",")}}"`;
}

export const errorBody: Enforcer<NginxDraft> = {
  supports: ["ErrorBody"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    serverOf(draft, placement).errorBody = placement.config as ErrorBodyConfig;
  },
};

export const audit: Enforcer<NginxDraft> = {
  supports: ["AuditLine", "AuditFields"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { fields } = placement.config as AuditConfig;
    Object.assign(serverOf(draft, placement), { log: true, logFields: fields });
  },
};

export const auditLabels: Enforcer<NginxDraft> = {
  supports: ["AuditLabels"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).labels = (placement.config as AuditLabelsConfig).labels;
  },
};
