import type { Enforcer } from "../target";
import { serverOf, type NginxDraft } from "./draft";

export const floodGuard: Enforcer<NginxDraft> = {
  supports: ["FloodGuardByClientAddress"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const config = placement.config as { requests: number; per: number; burst?: number };
    const server = serverOf(draft, placement);
    const zone = `gateway_flood_${server.id}`;
    // Each host has one, those that share a server too; of tenants all share theirs.
    const key = server.names.length > 1 && !server.host.tenants ? '"$host $gateway_client_group"' : "$gateway_client_group";
    draft.zones.push({ name: zone, key, rate: `${String(config.requests)}r/${config.per === 1000 ? "s" : "m"}` });
    server.guard = { zone, burst: config.burst ?? config.requests - 1 };
  },
};
