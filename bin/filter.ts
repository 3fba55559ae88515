import { readFileSync } from "node:fs";
import { startFilter } from "../lib/filter/server";
import type { FilterPlan } from "../lib/policy/filter-plan";

/**
 * Starts the filter service: `filter PLAN`, the plan as `synth` wrote it. LISTEN_HOST and LISTEN_PORT say where
 * (127.0.0.1:9000 by default), REDIS_URL where the shared counters are (the plan's by default).
 */
async function main(): Promise<void> {
  const [file = process.env["FILTER_PLAN"] ?? ""] = process.argv.slice(2);
  const plan = JSON.parse(readFileSync(file, "utf8")) as FilterPlan;
  if ((plan.formatVersion as number) !== 1)
    throw new Error(`The plan's format ${String(plan.formatVersion)} is not known.`);
  const filter = await startFilter({
    plan,
    host: process.env["LISTEN_HOST"] ?? "127.0.0.1",
    port: Number(process.env["LISTEN_PORT"] ?? 9000),
    redis: process.env["REDIS_URL"] ?? plan.redis,
  });
  const stop = (): void => {
    void filter.stop().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`filter: ${String(error)}\n`);
  process.exit(2);
});
