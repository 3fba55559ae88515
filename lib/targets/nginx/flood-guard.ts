import type { Enforcer } from "../target";
import { serverOf, type NginxDraft } from "./draft";

export const floodGuard: Enforcer<NginxDraft> = {
  supports: ["FloodGuardByClientAddress"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const config = placement.config as { requests: number; per: number; burst?: number };
    const server = serverOf(draft, placement);
    const zone = `gateway_flood_${server.id}`;
    draft.zones.push({ name: zone, rate: `${String(config.requests)}r/${config.per === 1000 ? "s" : "m"}` });
    server.guard = { zone, burst: config.burst ?? config.requests - 1 };
  },
};
