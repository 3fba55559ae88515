import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { CORES, pinned } from "./cores";
import { goProgram } from "./go-build";

const run = promisify(execFile);

export interface LoadOptions {
  port: number;
  /** File of `writeRequests`. */
  requests: string;
  seconds?: number;
  count?: number;
  first?: number;
  /** Requests a second; without it each connection sends as soon as it has its answer. */
  rate?: number;
  expect?: number;
  contains?: string;
}

/** What tools/load prints; times in milliseconds. */
export interface LoadReport {
  sent: number;
  answered: number;
  statuses: Record<string, number>;
  unexpected: number;
  rps: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
  opened: number;
  errors: number;
  unsent: number;
  /** Of the client itself. */
  cpuUs: number;
}

export const CONNECTIONS = 32;

export async function load(options: LoadOptions): Promise<LoadReport> {
  const { port, requests, seconds, count, first, rate, expect, contains } = options;
  const args = ["-url", `127.0.0.1:${String(port)}`, "-requests", requests, "-conns", String(CONNECTIONS)];
  if (seconds !== undefined) args.push("-duration", `${String(seconds)}s`);
  if (count !== undefined) args.push("-count", String(count));
  if (first !== undefined) args.push("-first", String(first));
  if (rate !== undefined) args.push("-rate", String(rate));
  if (expect !== undefined) args.push("-expect", String(expect));
  if (contains !== undefined) args.push("-contains", contains);
  const { stdout } = await run(...pinned(CORES.client, await goProgram("load"), args));
  return JSON.parse(stdout) as LoadReport;
}
