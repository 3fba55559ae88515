import { z } from "zod";
import { notNow, policyKind } from "../kind";
import { name, ownHeaderName } from "../values";

const AWAY = notNow("secrets-away", "The service cannot be called now.");

/** What a header may hold, and every proxy delivers. */
const VISIBLE = /^[\x21-\x7e]{1,4096}$/;

/**
 * Headers for the upstream whose values are secrets: `requestHeaders.set` with `{ secret }`. They stand in no output; the filter
 * sets the version that is in use, so that one that is rotated needs no restart. Without it no service is called.
 */
export const secretHeaders = policyKind({
  kind: "secretHeaders",
  schema: z.strictObject({ set: z.record(ownHeaderName, name) }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: () => ["RequestHeaderFromSecret"],
  decide({ set }, { upstream }, state) {
    for (const [header, secret] of Object.entries(set)) {
      const value = state.secrets.versions(secret)?.[0]?.trim() ?? "";
      if (!VISIBLE.test(value)) return AWAY;
      upstream.set.set(header, value);
    }
    return undefined;
  },
});
