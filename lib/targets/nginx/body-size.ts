import type { Enforcer } from "../target";
import { routeOf, type NginxDraft } from "./draft";

export const bodySize: Enforcer<NginxDraft> = {
  supports: ["BodySizeDeclared"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).maxBodyBytes = (placement.config as { max: number }).max;
  },
};

/** The same directive counts a body that declares nothing. */
export const bodyCount: Enforcer<NginxDraft> = { ...bodySize, supports: ["BodySizeCounted", "BodySizeAbove4GiB"], stage: "afterExtAuth" };
