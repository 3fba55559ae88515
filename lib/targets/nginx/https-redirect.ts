import type { Enforcer } from "../target";
import { serverOf, type NginxDraft } from "./draft";

export const httpsRedirect: Enforcer<NginxDraft> = {
  supports: ["HttpsRedirect"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    serverOf(draft, placement).redirect = (placement.config as { status: number }).status;
  },
};
