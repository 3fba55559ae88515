import { z } from "zod";
import type { Feature } from "../feature";
import { headerValues, policyKind, type GatewayRequest } from "../kind";
import { isListed, isOriginPattern } from "../origins";
import { wholeSeconds, headerName, method, originPattern } from "../values";

/** A preflight is OPTIONS with `Origin` and `Access-Control-Request-Method`, and nothing else is (Fetch standard). */
export function isPreflight(request: GatewayRequest): boolean {
  return (
    request.method === "OPTIONS" &&
    headerValues(request, "origin").some((value) => value !== "") &&
    headerValues(request, "access-control-request-method").some((value) => value !== "")
  );
}

/** Headers of an upstream's own CORS, which are dropped. */
export const CORS_HEADERS = [
  "allow-origin",
  "allow-credentials",
  "allow-methods",
  "allow-headers",
  "expose-headers",
  "max-age",
].map((name) => `access-control-${name}`);

/** Cross-origin answers (Fetch standard). Origins are compared whole, or with a star for names below a domain; every refusal carries the headers as well. */
export const cors = policyKind({
  kind: "cors",
  schema: z.strictObject({
    origins: z.array(originPattern).min(1),
    methods: z.array(method).min(1).default(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
    requestHeaders: z.array(headerName).default(["authorization", "content-type"]),
    exposeHeaders: z.array(headerName).default(["retry-after", "x-request-id"]),
    credentials: z.boolean().default(false),
    maxAge: wholeSeconds.prefault("10m"),
  }),
  phase: "cors",
  sees: "head",
  perHost: true,
  requires: (config): Feature[] => [
    ...(["CorsPreflight", "CorsOnRefusals"] as const),
    ...(config.credentials ? (["CorsCredentials"] as const) : []),
    ...(config.origins.some(isOriginPattern) ? (["CorsOriginPatterns"] as const) : []),
  ],
  decide(config, { request, response }) {
    // Who may read an answer is the gateway's word alone.
    for (const name of CORS_HEADERS) response.remove.add(name);
    response.set.set("vary", "Origin");
    const from = headerValues(request, "origin").join(", ");
    const listed = isListed(config.origins, from);
    if (listed) {
      response.set.set("access-control-allow-origin", from);
      response.set.set("access-control-expose-headers", config.exposeHeaders.join(", "));
      if (config.credentials) response.set.set("access-control-allow-credentials", "true");
    }
    if (!isPreflight(request)) return undefined;
    const headers = listed
      ? {
          "access-control-allow-methods": config.methods.join(", "),
          "access-control-allow-headers": config.requestHeaders.join(", "),
          "access-control-max-age": String(config.maxAge / 1000),
        }
      : {};
    const reason = listed ? "preflight" : "preflight-unlisted";
    return { status: 204, reason, message: "Preflight.", headers, answer: true };
  },
});
