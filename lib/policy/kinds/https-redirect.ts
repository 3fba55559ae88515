import { z } from "zod";
import { policyKind } from "../kind";
import { UNCLEAN } from "./path-hygiene";

/** Plain http is answered with a redirect to the same host, path and query; nobody is asked who they are. */
export const httpsRedirect = policyKind({
  kind: "httpsRedirect",
  schema: z.strictObject({ status: z.union([z.literal(301), z.literal(308)]).default(301) }),
  phase: "listener",
  sees: "head",
  perHost: true,
  requires: () => ["HttpsRedirect"],
  decide(config, { request }) {
    if (request.scheme !== "http") return undefined;
    // An absolute form, or no path at all: it would be the rest of a host's name.
    if (!request.target.startsWith("/")) return UNCLEAN;
    const location = `https://${request.host}${request.target}`;
    return {
      status: config.status,
      reason: "https-redirect",
      message: "Use https.",
      headers: { location },
      answer: true,
    };
  },
});
