import { z } from "zod";
import type { Feature } from "./feature";
import { headerValues, policyKind } from "./kind";
import { headerName } from "./values";

/** Headers by which proxies speak to each other: a client's are never passed on. */
export const PROXY_HEADERS = [
  "x-gateway-client",
  "x-gateway-host",
  "x-gateway-method",
  "x-gateway-route",
  "x-gateway-target",
  "x-envoy-external-address",
  "x-envoy-internal",
  "x-envoy-original-path",
  "x-forwarded-client-cert",
];

/**
 * Header names with `_` or `.` are dropped, since back ends read them as others (`x_user_id` as `x-user-id`). `drop`
 * lists more names that clients may not send; the model adds every header that it sets from an identity.
 */
export const headerHygiene = policyKind({
  kind: "headerHygiene",
  schema: z.strictObject({
    drop: z.array(headerName).default([]),
    /** Headers that may come once and with one value; the model adds those that routes are chosen by. */
    single: z.array(headerName).default([]),
  }),
  phase: "headers",
  sees: "head",
  perHost: true,
  requires(config) {
    const features: Feature[] = ["HeaderMalformedNames"];
    if (config.drop.length > 0) features.push("HeaderNamedRemoval");
    if (config.single.length > 0) features.push("HeaderSingleValue");
    return features;
  },
  decide(config, { request, upstream }) {
    for (const [name] of request.headers) {
      if (/[_.]/.test(name)) upstream.remove.add(name.toLowerCase());
    }
    for (const name of [...config.drop, ...PROXY_HEADERS]) upstream.remove.add(name);
    if (headerValues(request, "authorization").filter((value) => value !== "").length > 1) {
      return { status: 400, reason: "repeated-header", message: "authorization may come once only." };
    }
    // Some proxies look at every line, some at all of them joined: they would choose different routes.
    const listed = config.single.find((name) => headerValues(request, name).join(",").includes(","));
    if (listed === undefined) return undefined;
    return { status: 400, reason: "repeated-header", message: `${listed} may have one value only.` };
  },
});
