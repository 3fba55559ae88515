import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { KEY_TIMES } from "../lib/filter/keys";
import { SECRET_TIMES } from "../lib/filter/secrets";
import { readPlan } from "../lib/filter/plan-file";
import { startFilter } from "../lib/filter/server";
import { superviseWorkers } from "../lib/filter/workers";
import type { FilterPlan } from "../lib/policy/filter-plan";

const number = (name: string): number | undefined => {
  const text = process.env[name];
  return text === undefined || text === "" ? undefined : Number(text);
};

/**
 * Starts the filter service: `filter PLAN`, the plan as `synth` wrote it. LISTEN_HOST (127.0.0.1), LISTEN_PORT (9000: the
 * door), THROUGH_PORT (9001) and ADMIN_PORT (9002) say where; HTTP_PORT and HTTPS_PORT, with TLS_CERTIFICATE and TLS_KEY,
 * where it is the gateway itself. REDIS_URL names the shared store (the plan's by default). SIGHUP reads the plan anew.
 * FILTER_WORKERS starts that many processes on the same ports; DRAIN_MS is how long one that is stopped still takes
 * requests after it has said that it is not ready.
 */
async function main(): Promise<void> {
  const [file = process.env["FILTER_PLAN"] ?? ""] = process.argv.slice(2);
  const read = (): FilterPlan => readPlan(readFileSync(file, "utf8"));
  const plan = read();
  const https = number("HTTPS_PORT");
  const [cert, key] = [process.env["TLS_CERTIFICATE"], process.env["TLS_KEY"]];
  const certificate = cert && key ? { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") } : undefined;
  const filter = await startFilter({
    plan,
    host: process.env["LISTEN_HOST"] ?? "127.0.0.1",
    port: number("LISTEN_PORT") ?? 9000,
    throughPort: number("THROUGH_PORT") ?? 9001,
    adminPort: (number("ADMIN_PORT") ?? 9002) + (number("FILTER_WORKER") ?? 0),
    drainMs: number("DRAIN_MS") ?? 0,
    keyTimes: {
      refreshMs: number("KEYS_REFRESH_MS") ?? KEY_TIMES.refreshMs,
      maxStaleMs: number("KEYS_MAX_STALE_MS") ?? KEY_TIMES.maxStaleMs,
      directory: process.env["KEYS_CACHE_DIR"],
    },
    secretTimes: { refreshMs: number("SECRETS_REFRESH_MS") ?? SECRET_TIMES.refreshMs },
    tokenCacheBytes: number("TOKEN_CACHE_BYTES"),
    storeTimeoutMs: number("STORE_TIMEOUT_MS"),
    redis: process.env["REDIS_URL"] ?? plan.redis,
    ...(https !== undefined && {
      gateway: { http: number("HTTP_PORT") ?? 0, https, ...(certificate && { certificate }) },
    }),
  });
  const stop = (): void => {
    void filter.stop().then(() => process.exit(0));
  };
  process.on("SIGHUP", () => void filter.reload(read));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

const workers = number("FILTER_WORKERS") ?? 1;
if (workers > 1 && cluster.isPrimary) {
  superviseWorkers(workers, (text) => process.stderr.write(`filter: ${text}\n`));
} else {
  main().catch(failed);
}

function failed(error: unknown): void {
  process.stderr.write(`filter: ${String(error)}\n`);
  process.exit(2);
}
