import { z } from "zod";
import { timer } from "../policy/values";

/** What is promised of answers over thirty days; recording rules and alerts are made from it (lib/observability). */
export const slo = z.strictObject({
  /** Percent of requests that are not answered by 5xx, whoever makes the answer. */
  availability: z.number().min(50).max(99.999).default(99.9),
  /** Percentiles, and the time by which so many are answered whole. Streams and WebSockets are left out. */
  latency: z
    .strictObject({ p50: timer, p90: timer, p95: timer, p99: timer })
    .partial()
    .refine((of) => Object.values(of).some((ms) => ms !== undefined), "name at least one of p50, p90, p95, p99")
    .optional(),
});

export type Slo = z.output<typeof slo>;

/** How rules, alerts and dashboards find what they ask for. */
export const monitoring = z.strictObject({
  /** Labels by which Prometheus' operator finds PodMonitors and PrometheusRules, such as `release: prometheus`. */
  labels: z.record(z.string().min(1).max(63), z.string().max(63)).default({}),
  /** How often metrics are collected. */
  interval: timer.prefault("30s"),
  /** Where the pages of docs/runbooks are read; each alert links its own below. */
  runbooks: z.url({ protocol: /^https?$/ }).optional(),
});

/** Percentiles with their times in seconds. */
export const latenciesOf = (promised: Slo | null | undefined): { percentile: number; bound: number }[] =>
  Object.entries(promised?.latency ?? {}).flatMap(([name, ms]) =>
    ms === undefined ? [] : [{ percentile: Number(name.slice(1)), bound: ms / 1000 }],
  );
