import { existsSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { diagnostic, type Diagnostic, type Result } from "../diagnostics";
import { readModel } from "../model/read";
import { cpu, memory } from "./pods";

/** What runs in the cluster and is in no manifest of ours: services, what a mesh brings, the identity provider. */
const workload = z.strictObject({
  replicas: z.int().min(1),
  /** Request of one pod, in Kubernetes' words: `250m`, `1`. */
  cpu,
  /** Request of one pod: `256Mi`, `1Gi`. */
  memory,
  /** Istio puts a sidecar beside it where Istio is the gateway. */
  inMesh: z.boolean().default(false),
  /** It grows with the requests. */
  scales: z.boolean().default(false),
  /** The gateways that need it; all by default. */
  only: z.array(z.enum(["node-gateway", "nginx", "ingress-nginx", "istio", "kong"])).optional(),
});

const share = z.number().min(0).max(1);

/** A figure that somebody else gave for this system, and what is to be said of it. */
const estimate = z.strictObject({
  what: z.string(),
  usd: z.number().min(0),
  /** Words of our lines that are the same thing: see `Group` and the lines' `what`. */
  is: z.array(z.string()),
  remark: z.string(),
});

/** How much one environment is used: what neither a template nor a manifest says. A month has 365 / 12 days. */
export const environmentUsage = z.strictObject({
  requestsPerDay: z.int().min(1),
  /** Bytes of a request and of an answer, with their heads. */
  requestBytes: z.int().min(0).default(1_700),
  answerBytes: z.int().min(0).default(3_300),
  /** The busiest second, as a multiple of the mean. */
  peak: z.number().min(1).default(3),
  requestsPerConnection: z.number().min(1).default(10),
  /** Calls in the cluster that a request makes, one after the other: client's and gateway's. */
  hops: z.int().min(1).default(2),
  /** Requests a second that one CPU serves on one hop, with room for its peaks. */
  requestsPerCpu: z.int().min(1).default(300),
  /** Share of the requests that reach the database, and how many a second one CPU of it answers. */
  databaseShare: share.default(0.4),
  databasePerCpu: z.int().min(1).default(500),
  /** Commands that a request asks of the shared store, and how many a second its primary answers. */
  cacheCommands: z.number().min(0.1).default(3),
  cachePerNode: z.int().min(1).default(50_000),
  /** Share of the requests that come through CloudFront. */
  websiteShare: share.default(0.5),
  staticGiB: z.number().min(0).default(1),
  /** Share of CloudFront's requests that are for static files. */
  staticShare: share.default(0.5),
  /** Calls of AWS's own and images, through NAT. */
  natGiB: z.number().min(0).default(30),
  backupGiB: z.number().min(0).default(0),
  documentsGiB: z.number().min(0).default(20),
  /** What CloudWatch takes in, beside what grows with the requests. */
  controlPlaneLogGiB: z.number().min(0).default(5),
  flowLogBytesPerRequest: z.int().min(0).default(150),
  firewallLogBytesPerRequest: z.int().min(0).default(1_200),
  /** Share of the requests that a rule of the firewall refuses or counts. */
  matchedShare: share.default(0.02),
  accessLogBytesPerRequest: z.int().min(0).default(600),
  /** Pods' own lines, kept in CloudWatch where there is no search for them. */
  podLogBytesPerRequest: z.int().min(0).default(500),
  messages: z.int().min(0).default(0),
  workloads: z.record(z.string(), workload).default({}),
  estimate: z.array(estimate).default([]),
  /** What that source had for the Node gateway, Kong and Istio. */
  solutions: z.array(z.number().min(0)).default([]),
  estimateRemark: z.string().optional(),
});

const usageSchema = z.record(z.string(), z.record(z.string(), environmentUsage));

export type Workload = z.output<typeof workload>;
export type Estimate = z.output<typeof estimate>;
export type Usage = z.output<typeof environmentUsage>;
/** By system and environment. */
export type UsageFile = z.output<typeof usageSchema>;

/** Where the usage of all systems stands. */
export const USAGE_FILE = path.join("policies", "usage.yaml");

/** Days of a month, as AWS counts 730 hours of it. */
export const MONTH_DAYS = 365 / 12;

/** Requests of a month, by what they reach. */
export interface Traffic {
  all: number;
  /** Through CloudFront, and of those the ones for its own static files. */
  website: number;
  files: number;
  /** Straight to the balancer. */
  direct: number;
  /** By CloudFront, from the gateway. */
  fetched: number;
  /** At a balancer, and so in the cluster. */
  balancer: number;
}

export function trafficOf({ requestsPerDay, websiteShare, staticShare }: Usage, hasWebsite: boolean): Traffic {
  const all = requestsPerDay * MONTH_DAYS;
  const website = hasWebsite ? all * websiteShare : 0;
  const files = website * staticShare;
  return { all, website, files, direct: all - website, fetched: website - files, balancer: all - files };
}

export const requestsOf = ({ requestsPerDay }: Usage): number => requestsPerDay * MONTH_DAYS;
export const peakPerSecond = ({ requestsPerDay, peak }: Usage): number => (requestsPerDay / 86_400) * peak;

export function readUsage(file = USAGE_FILE): Result<UsageFile> {
  const fix = `Write it into ${file}; docs/cost.md lists what it takes.`;
  if (!existsSync(file)) {
    return { diagnostics: [diagnostic("cost/no-usage", file, "There is no such file.", fix, { file })] };
  }
  const { raw, diagnostics } = readModel(file);
  if (!raw) return { diagnostics };
  const parsed = usageSchema.safeParse(raw.value);
  if (parsed.success) return { value: parsed.data, diagnostics: [] };
  return {
    diagnostics: parsed.error.issues.map((issue): Diagnostic => {
      const at = ["usage", ...issue.path.map(String)].join("/");
      return diagnostic("cost/invalid-usage", at, `${issue.message}.`, fix, raw.locate(issue.path));
    }),
  };
}
