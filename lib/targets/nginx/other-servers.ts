import { configOf } from "../../decision/gateway";
import { errorBody, HTTPS_ONLY, type ErrorBodyConfig, type SecurityHeadersConfig } from "../../policy/kinds/response";
import type { NginxDraft } from "./draft";
import { responseHeaderLines } from "./header-lines";
import { errorText, securityLines } from "./response";

/** Servers that lead to no route: plain http of hosts that redirect, and hosts that nobody has named. */

const NOT_ON_REDIRECTS = new RegExp(`^(${HTTPS_ONLY}|Allow|Access-Control-(Allow-Methods|Allow-Headers|Max-Age))$`);

interface Redirect {
  status: number;
  unknownHost: string;
  lines: string[];
}

/** Hosts whose plain http is redirected, by what the redirect carries. */
export function redirects(draft: NginxDraft): (Redirect & { names: string })[] {
  const groups = new Map<string, Redirect & { names: string[] }>();
  for (const { names, unknownHost = "", redirect, responseHeaders } of draft.servers.values()) {
    if (redirect === undefined) continue;
    const lines = responseHeaderLines(responseHeaders.filter(([name]) => !NOT_ON_REDIRECTS.test(name)));
    const key = [redirect, unknownHost, ...lines].join("\n");
    const group = groups.get(key) ?? { names: [], status: redirect, unknownHost, lines };
    groups.set(key, { ...group, names: [...group.names, ...names] });
  }
  return [...groups.values()].map(({ names, ...group }) => ({ names: names.join(" "), ...group }));
}

/** What hosts that nobody has named are answered. */
export function otherHosts(draft: NginxDraft): { lines: string[]; body: string } {
  const { otherHosts: host } = draft.input.gateway;
  const policies = host?.policies ?? [];
  const form = configOf(policies, "errorBody") as ErrorBodyConfig | undefined;
  const security = configOf(policies, "securityHeaders") as SecurityHeadersConfig | undefined;
  return {
    lines: responseHeaderLines([
      ...(configOf(policies, "requestId") ? [["X-Request-Id", "$gateway_request_id"] as const] : []),
      ...(security ? securityLines(draft, security) : []),
    ]),
    body: errorText(form ?? errorBody.schema.parse({}), 404),
  };
}
