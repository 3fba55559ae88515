import { trustedHops, usesProxyProtocol } from "../front";
import { connectionRule } from "../through";
import type { TargetInput } from "../target";

/**
 * Who calls, as nginx' realip module reads it from who is in front. Not by `trusted_ips`, by which Kong would believe a
 * client's X-Forwarded-Path and -Proto as well wherever what is in front passes them on (kong/runloop/handler.lua).
 */
export function edgeDirectives(input: TargetInput): string {
  const { front } = input.model;
  const header = usesProxyProtocol(front) ? "proxy_protocol" : trustedHops(front) === 1 ? "X-Forwarded-For" : undefined;
  const lines = header === undefined ? [] : front.networks.map((network) => `set_real_ip_from ${network};`);
  return `${[
    "# Directives of Kong's server of clients.",
    ...lines,
    // Kong would take every header away that Connection names, those that frame a body included.
    connectionRule(input.gateway),
  ].join("\n")}\n`;
}
