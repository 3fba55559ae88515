import { securityHeaderLines, type ErrorBodyConfig, type securityHeaders as securityKind } from "../../policy/response";
import type { z } from "zod";
import type { HeaderChangeConfig } from "../../policy/upstream";
import type { Enforcer } from "../target";
import { routeOf, serverOf, type NginxDraft } from "./draft";
import { escapeText, text } from "../nginx-syntax";

export const requestId: Enforcer<NginxDraft> = {
  supports: ["RequestIdKept"],
  stage: "afterDoor",
  apply(placement, draft) {
    const server = serverOf(draft, placement);
    server.requestHeaders.push(["X-Request-Id", "$gateway_request_id"]);
    server.responseHeaders.push(["X-Request-Id", "$gateway_request_id"]);
    server.hiddenHeaders.push("X-Request-Id");
  },
};

export const securityHeaders: Enforcer<NginxDraft> = {
  supports: ["ResponseHeaderSet"],
  stage: "afterDoor",
  apply(placement, draft) {
    const server = serverOf(draft, placement);
    const lines = Object.entries(securityHeaderLines(placement.config as z.output<(typeof securityKind)["schema"]>));
    server.responseHeaders.push(...lines.map(([name, value]) => [name, text(value)] as const));
    server.hiddenHeaders.push(...lines.map(([name]) => name));
  },
};

export const responseHeaders: Enforcer<NginxDraft> = {
  supports: ["ResponseHeaderSet", "ResponseHeaderRemove"],
  stage: "afterDoor",
  apply(placement, draft) {
    const { set, remove } = placement.config as HeaderChangeConfig;
    const route = routeOf(draft, placement);
    route.responseHeaders.push(...Object.entries(set).map(([name, value]) => [name, text(value)] as const));
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
  const inside = value
    .split(/(\{(?:reason|message|requestId|status)\})/)
    .map((part) => (part in WORDS ? WORDS[part as keyof typeof WORDS] : escapeText(JSON.stringify(part).slice(1, -1))));
  return `\\"${inside.join("")}\\"`;
}

export const errorBody: Enforcer<NginxDraft> = {
  supports: ["ErrorBody"],
  stage: "afterDoor",
  apply(placement, draft) {
    const { members } = placement.config as ErrorBodyConfig;
    const pairs = Object.entries(members).map(([name, value]) => `\\"${name}\\":${jsonValue(value)}`);
    serverOf(draft, placement).errorBody = `"{${pairs.join(",")}}"`;
  },
};

export const audit: Enforcer<NginxDraft> = {
  supports: ["AuditLine"],
  stage: "afterDoor",
  apply(placement, draft) {
    serverOf(draft, placement).log = true;
  },
};
