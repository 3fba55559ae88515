import { namesOfHost } from "../../decision/gateway";
import type { Enforcer } from "../target";
import { addMap, serverOf, type NginxDraft } from "./draft";

/** One server for all tenants of a host, and a table of their names: whoever asks for another asks for an unknown host. */
export const hostTenants: Enforcer<NginxDraft> = {
  supports: ["HostTenants"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const server = serverOf(draft, placement);
    const lines = [["default", "1"] as const, ...namesOfHost(server.host).map(([name]) => [name, '""'] as const)];
    const condition = addMap(draft, { from: "$host", variable: `gateway_no_tenant_${server.id}`, lines });
    server.unknownHost = condition;
    server.checks.unshift({ condition, status: 404 });
  },
};
