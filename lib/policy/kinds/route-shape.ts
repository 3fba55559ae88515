import { z } from "zod";
import type { Feature } from "../feature";
import { policyKind } from "../kind";

/**
 * What a route's own shape asks of a target. The model makes these from `match`, `backends` and `respond`, so that a
 * target which cannot route in that way refuses, instead of losing a part of it.
 */

/** Routes that take one path by method or by header, and lead to different places. */
export const matching = policyKind({
  kind: "matching",
  schema: z.strictObject({ byMethod: z.boolean(), byHeader: z.boolean() }),
  phase: "route",
  sees: "head",
  perHost: false,
  requires(config) {
    const features: Feature[] = [];
    if (config.byMethod) features.push("RouteByMethod");
    if (config.byHeader) features.push("RouteByHeader");
    return features;
  },
});

/** Routes that answer by themselves. */
export const respond = policyKind({
  kind: "respond",
  schema: z.strictObject({ status: z.int(), contentType: z.string(), body: z.string() }),
  phase: "route",
  sees: "head",
  perHost: false,
  requires: () => ["RouteRespond"],
});

/** Share of requests by backend, in parts of the sum of the weights. */
export const weights = policyKind({
  kind: "weights",
  schema: z.strictObject({
    backends: z.array(z.strictObject({ service: z.string(), weight: z.int() })),
    /** A request that one backend has not answered is asked of the others. */
    triesOthers: z.boolean(),
  }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: (config): Feature[] => [
    "BackendWeights",
    ...(config.backends.length > 2 ? (["BackendWeightsSeveral"] as const) : []),
    ...(config.triesOthers ? (["RetryOtherBackend"] as const) : []),
  ],
});

export type RespondConfig = z.output<(typeof respond)["schema"]>;
export type WeightsConfig = z.output<(typeof weights)["schema"]>;

/** Kinds that nobody writes as a policy: the model makes them. */
export const SHAPE_KINDS: readonly string[] = [matching.kind, respond.kind, weights.kind, "bodyCount"];
