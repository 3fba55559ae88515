import { headerVariable } from "../nginx-syntax";
import type { Enforcer } from "../target";
import { serverOf, type NginxDraft } from "./draft";

/** nginx drops names with `_` or `.` itself; the directives say so, whatever the defaults of a build are. */
export const headerHygiene: Enforcer<NginxDraft> = {
  supports: ["HeaderMalformedNames", "HeaderNamedRemoval", "HeaderForwardedPass", "HeaderSingleValue"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const { drop, single } = placement.config as { drop: string[]; single: string[] };
    const server = serverOf(draft, placement);
    draft.dropsMalformedNames = true;
    server.requestHeaders.push(...drop.map((name) => [name, '""'] as const));
    // Several lines of one name are one variable, joined by commas.
    server.checks.push(...single.map((name) => ({ condition: `$http_${headerVariable(name)} ~ ","`, status: 400 })));
  },
};
