import { z } from "zod";
import { addressGroup } from "../client-address";
import { policyKind } from "../kind";
import { burstOf, rateShape, retryAfter } from "../rate";

/**
 * A coarse limit by client address in each replica, kept by the proxy itself: it shields what is behind it, so calls
 * that are refused later count too.
 */
export const floodGuard = policyKind({
  kind: "floodGuard",
  schema: z.strictObject({
    ...rateShape,
    requests: rateShape.requests.default(200),
    /** A second or a minute: proxies count in these. */
    per: z
      .enum(["1s", "1m"])
      .default("1s")
      .transform((text) => (text === "1s" ? 1_000 : 60_000)),
    burst: rateShape.burst.default(400),
    key: z.literal("clientAddress").default("clientAddress"),
    scope: z.literal("replica").default("replica"),
  }),
  phase: "address",
  sees: "head",
  perHost: true,
  requires: () => ["FloodGuardByClientAddress"],
  async decide(config, { request, hostName }, state) {
    const counter = {
      key: `guard:${hostName ?? request.host}:${addressGroup(request.client)}`,
      requests: config.requests,
      perMs: config.per,
      burst: burstOf(config),
    };
    const { waitMs } = await state.local.take([counter], state.nowMs());
    if (waitMs === 0) return undefined;
    const headers = { "retry-after": retryAfter(waitMs) };
    return { status: 429, reason: "flood", message: "Too many requests from this address.", headers };
  },
});
