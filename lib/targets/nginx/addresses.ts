import type { Enforcer } from "../target";
import { nameFor, routeOf, type NginxDraft } from "./draft";

/** By `geo` and `return`: `allow` and `deny` run after the flood guard (access after preaccess). */
export const addresses: Enforcer<NginxDraft> = {
  supports: ["AddressAllowList", "AddressDenyList"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const lists = placement.config as { allow: string[]; deny: string[] };
    const route = routeOf(draft, placement);
    const name = (list: string): string => nameFor(draft.names, list, placement.host, placement.route ?? "");
    if (lists.deny.length > 0) {
      const variable = name("gateway_denied");
      draft.geos.push({ variable, networks: [...new Set(lists.deny)] });
      route.checks.push({ condition: `$${variable}`, status: 403 });
    }
    if (lists.allow.length > 0) {
      const variable = name("gateway_allowed");
      draft.geos.push({ variable, networks: [...new Set(lists.allow)] });
      route.checks.push({ condition: `$${variable} = ""`, status: 403 });
    }
  },
};
