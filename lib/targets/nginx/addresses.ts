import type { Enforcer } from "../target";
import { routeOf, serverOf, type NginxDraft } from "./draft";
import { variablePart } from "../nginx-syntax";

/** By `geo` and `return`: `allow` and `deny` run after the flood guard (access after preaccess). */
export const addresses: Enforcer<NginxDraft> = {
  supports: ["AddressAllowList", "AddressDenyList"],
  stage: "beforeDoor",
  apply(placement, draft) {
    const lists = placement.config as { allow: string[]; deny: string[] };
    const route = routeOf(draft, placement);
    const id = `${serverOf(draft, placement).id}_${variablePart(placement.route ?? "")}`;
    if (lists.deny.length > 0) {
      draft.geos.push({ variable: `gateway_denied_${id}`, networks: lists.deny });
      route.checks.push({ condition: `$gateway_denied_${id}`, status: 403 });
    }
    if (lists.allow.length > 0) {
      draft.geos.push({ variable: `gateway_allowed_${id}`, networks: lists.allow });
      route.checks.push({ condition: `$gateway_allowed_${id} = ""`, status: 403 });
    }
  },
};
