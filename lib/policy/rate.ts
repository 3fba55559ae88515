import { z } from "zod";
import { duration } from "./values";

/**
 * A sustained rate and how much may come at once: `requests` per `per`, at most `burst + 1` at the same moment. Without
 * `burst` it is `requests - 1`: "100 a minute" admits 100 at once.
 */
export const rateShape = {
  requests: z.int().min(1).max(1_000_000),
  per: duration,
  burst: z.int().min(0).max(1_000_000).optional(),
};

export function burstOf(rate: { requests: number; burst?: number | undefined }): number {
  return rate.burst ?? rate.requests - 1;
}

/** Whole seconds for `Retry-After`, never 0. */
export function retryAfter(waitMs: number): string {
  return String(Math.max(1, Math.ceil(waitMs / 1000)));
}
