import type { AuditConfig } from "../../policy/kinds/response";
import { text } from "../nginx-syntax";
import { addMap, type NginxDraft, type ServerDraft } from "./draft";

/** What lines of the log have besides, by host; a format of nginx for each. */

const REFERER = "gateway_referer";

const formatName = (fields: AuditConfig["fields"]): string => ["gateway", ...[...fields].sort()].join("_");

/** The format that a server's log has. */
export const logFormatOf = ({ logFields }: ServerDraft): string => formatName(logFields);

/** Each format, and how its lines end: with the members behind those that all have. */
export function logFormats(draft: NginxDraft): { name: string; end: string }[] {
  const servers = [...draft.servers.values()].filter((server) => server.log);
  const labels = new Map<string, Map<string, string>>();
  for (const { route, labels: own } of servers.flatMap((server) => [...server.routes.values()])) {
    for (const [name, value] of Object.entries(own ?? {})) labels.set(name, (labels.get(name) ?? new Map<string, string>()).set(route.name, value));
  }
  const members = [...labels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, routes]) => {
    const lines = [["default", '""'] as const, ...[...routes].map(([route, value]) => [text(route), text(value)] as const)];
    return `"${name}":"${addMap(draft, { from: "$gateway_route", variable: `gateway_label_${name}`, lines })}"`;
  });
  const told = members.length > 0 ? `,"labels":{${members.join(",")}}` : "";
  const values: Record<AuditConfig["fields"][number], string> = { userAgent: "$http_user_agent", referer: `$${REFERER}` };
  if (servers.some(({ logFields }) => logFields.includes("referer"))) {
    const lines = [["default", '""'], ['"~^(?<gateway_page>[^?#]*)"', "$gateway_page"]] as const;
    addMap(draft, { from: "$http_referer", variable: REFERER, lines: [...lines] });
  }
  const formats = new Map(servers.map(({ logFields }) => [formatName(logFields), logFields]));
  return [...formats].map(([name, fields]) => ({
    name,
    end: `${[...fields].sort().map((field) => `,"${field}":"${values[field]}"`).join("")}${told}}`,
  }));
}
