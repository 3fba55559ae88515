import { z } from "zod";
import { duration, name } from "../policy/values";

/** One service in the place of another, step by step, as people write it. */

const gate = z.strictObject({
  /** The part of requests that may be answered with 5xx, of those that the new service has had. */
  errorRatio: z.number().gt(0).max(1).default(0.01),
  /** What 95 of a hundred must not take longer than; where nothing is said, no time is looked at. */
  p95: duration.optional(),
  /** The window. */
  over: duration.prefault("10m"),
  /** Fewer requests in it say nothing. */
  requests: z.int().min(1).default(100),
});

export const rollout = z
  .strictObject({
    /** Routes that name this service are shared with the other one. */
    from: name,
    to: name,
    /** Percent of the requests that the new service has at each step. */
    steps: z
      .array(z.int().min(1).max(100))
      .min(1)
      .refine((steps) => steps.every((s, i) => s > (steps[i - 1] ?? 0)), "let each step be larger than the one before")
      .refine((steps) => steps.at(-1) === 100, "end with 100")
      .default([10, 50, 100]),
    /** Who stays where he has been once he has been on the new side. Who is not known is shared by chance. */
    sticky: z.enum(["none", "user", "tenant"]).default("none"),
    /** What has to hold before the next step. */
    gate: gate.prefault({}),
    /** How far it is, in percent by environment; `rollouts.json` beside the model, which `gatewright rollout` writes, comes first. */
    at: z.record(name, z.int().min(0).max(100)).default({}),
  })
  .refine((r) => r.from !== r.to, "name two services");

export type Rollout = z.output<typeof rollout>;
