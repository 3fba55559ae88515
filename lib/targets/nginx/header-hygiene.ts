import type { Enforcer } from "../target";
import { serverOf, type NginxDraft } from "./draft";

/** nginx drops names with `_` or `.` itself; the directives say so, whatever the defaults of a build are. */
export const headerHygiene: Enforcer<NginxDraft> = {
  supports: ["HeaderMalformedNames", "HeaderNamedRemoval"],
  stage: "beforeDoor",
  apply(placement, draft) {
    const { drop } = placement.config as { drop: string[] };
    draft.dropsMalformedNames = true;
    serverOf(draft, placement).requestHeaders.push(...drop.map((name) => [name, '""'] as const));
  },
};
