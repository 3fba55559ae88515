import { z } from "zod";
import { headerValues, policyKind, TOO_LARGE } from "../kind";
import { size } from "../values";

/** Largest body by its declared length, refused before anyone is asked who they are. */
export const bodySize = policyKind({
  kind: "bodySize",
  schema: z.strictObject({ max: size }),
  phase: "declaredBody",
  sees: "head",
  perHost: false,
  requires: () => ["BodySizeDeclared"],
  decide(config, { request }) {
    const declared = Number(headerValues(request, "content-length")[0] ?? 0);
    if (declared <= config.max) return undefined;
    return TOO_LARGE;
  },
});
