import { trustedHops, usesProxyProtocol } from "../front";
import { identityHeaders } from "../identity-headers";
import { CONNECTION_OPTIONS, namesOnly } from "../nginx-syntax";
import type { TargetInput } from "../target";

/** Kong takes every header away that Connection names, those that frame a body included: it may name what no client says anyway. */
function connectionRule({ gateway }: TargetInput): string {
  const own = new Set(gateway.hosts.flatMap(identityHeaders));
  return `if ($http_connection !~* "${namesOnly([...CONNECTION_OPTIONS, ...[...own].sort()])}") { return 400; }`;
}

/**
 * Who calls, as nginx' realip module reads it from who is in front. Not by `trusted_ips`, by which Kong would believe a
 * client's X-Forwarded-Path and -Proto as well wherever what is in front passes them on (kong/runloop/handler.lua).
 */
export function edgeDirectives(input: TargetInput): string {
  const { front } = input.model;
  const header = usesProxyProtocol(front) ? "proxy_protocol" : trustedHops(front) === 1 ? "X-Forwarded-For" : undefined;
  const lines = header === undefined ? [] : front.networks.map((network) => `set_real_ip_from ${network};`);
  return `${["# Directives of Kong's server of clients.", ...lines, connectionRule(input)].join("\n")}\n`;
}
