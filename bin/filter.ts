#!/usr/bin/env node
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import {
  BadEnvironment,
  coreOptions,
  filterEnvironment,
  unsetSecrets,
  type Environment,
} from "../lib/filter/environment";
import { readPlan } from "../lib/decision/plan-text";
import { startFilter } from "../lib/filter/server";
import { superviseWorkers } from "../lib/filter/workers";
import type { FilterPlan } from "../lib/decision/filter-plan";

const LARGEST_PLAN_BYTES = 256 * 1024 ** 2;

/** A plan that is packed is named so. */
function planText(file: string): string {
  const bytes = readFileSync(file);
  return (file.endsWith(".gz") ? gunzipSync(bytes, { maxOutputLength: LARGEST_PLAN_BYTES }) : bytes).toString("utf8");
}

/**
 * Starts the filter service: `filter PLAN`, the plan as `synth` wrote it, or packed (`.gz`). LISTEN_HOST (127.0.0.1), LISTEN_PORT (9000: the
 * door), THROUGH_PORT (9001), REPORT_PORT (8999) and ADMIN_PORT (9002) say where; HTTP_PORT and HTTPS_PORT, with TLS_CERTIFICATE and TLS_KEY,
 * where it is the gateway itself. REDIS_URL names the shared store (the plan's by default). SIGHUP reads the plan anew.
 * FILTER_WORKERS starts that many processes on the same ports; DRAIN_MS is how long one that is stopped still takes
 * requests after it has said that it is not ready.
 */
async function main(env: Environment): Promise<void> {
  const [file = env.FILTER_PLAN ?? ""] = process.argv.slice(2);
  const read = (): FilterPlan => readPlan(planText(file));
  const plan = read();
  const unset = unsetSecrets(plan, process.env);
  if (unset.length > 0) throw new BadEnvironment(`${unset.join(", ")}: the plan's secrets are in no such variable.`);
  const { HTTPS_PORT: https, TLS_CERTIFICATE: cert, TLS_KEY: key } = env;
  const certificate = cert && key ? { cert, key } : undefined;
  const filter = await startFilter({
    ...coreOptions(env),
    plan,
    host: env.LISTEN_HOST ?? "127.0.0.1",
    port: env.LISTEN_PORT ?? 9000,
    throughPort: env.THROUGH_PORT ?? 9001,
    reportPort: env.REPORT_PORT ?? 8999,
    adminPort: (env.ADMIN_PORT ?? 9002) + (env.FILTER_WORKER ?? 0),
    redis: env.REDIS_URL ?? plan.redis,
    ...(https !== undefined && {
      gateway: { http: env.HTTP_PORT ?? 0, https, ...(certificate && { certificate }) },
    }),
  });
  const stop = (): void => {
    void filter.stop().then(() => process.exit(0));
  };
  process.on("SIGHUP", () => void filter.reload(read));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

function failed(error: unknown): void {
  const said = error instanceof BadEnvironment ? error.message : String(error);
  process.stderr.write(`filter: ${said}\n`);
  process.exit(2);
}

try {
  // Before there are workers: one that cannot start is replaced for ever.
  const env = filterEnvironment(process.env);
  if (env.HTTP_PORT !== undefined && env.HTTPS_PORT === undefined)
    throw new BadEnvironment("HTTP_PORT needs HTTPS_PORT.");
  const workers = env.FILTER_WORKERS ?? 1;
  if (workers > 1 && cluster.isPrimary) {
    superviseWorkers(workers, (text) => process.stderr.write(`filter: ${text}\n`));
  } else {
    main(env).catch(failed);
  }
} catch (error) {
  failed(error);
}
