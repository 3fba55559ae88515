import { z } from "zod";
import type { Feature } from "./feature";
import { policyKind } from "./kind";
import { headerName } from "./values";

/**
 * Header names with `_` or `.` are dropped, since back ends read them as others (`x_user_id` as `x-user-id`). `drop`
 * lists more names that clients may not send; the model adds every header that it sets from an identity.
 */
export const headerHygiene = policyKind({
  kind: "headerHygiene",
  schema: z.strictObject({ drop: z.array(headerName).default([]) }),
  phase: "headers",
  sees: "head",
  perHost: true,
  requires: (config): Feature[] =>
    config.drop.length > 0 ? ["HeaderMalformedNames", "HeaderNamedRemoval"] : ["HeaderMalformedNames"],
  decide(config, { request, upstream }) {
    for (const [name] of request.headers) {
      if (/[_.]/.test(name)) upstream.remove.add(name.toLowerCase());
    }
    for (const name of config.drop) upstream.remove.add(name);
    return undefined;
  },
});
