import { namesOfHost, type Host } from "../../decision/gateway";
import type { Enforcer } from "../target";
import { serverOf, type NginxDraft } from "./draft";

/** A server for all tenants of a host: each has a name, and a name that nobody has is an unknown host's. */
export const hostTenants: Enforcer<NginxDraft> = {
  supports: ["HostTenants"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const server = serverOf(draft, placement);
    server.names = namesOfHost(server.host).map(([name]) => name);
  },
};

const A_LINE = 8;

/** Names of a server, a few in a line. */
export function nameLines(names: readonly string[]): string {
  const lines = Array.from({ length: Math.ceil(names.length / A_LINE) }, (_, i) =>
    names.slice(i * A_LINE, (i + 1) * A_LINE).join(" "),
  );
  return lines.join(`\n${" ".repeat(12)}`);
}

/** What nginx hashes server names in: it refuses to start where they do not fit. */
export function namesHashSize(hosts: readonly Host[]): number {
  const names = hosts.reduce((sum, host) => sum + namesOfHost(host).length, 0);
  return Math.max(4096, 2 ** Math.ceil(Math.log2(names * 2)));
}
