import { Redis } from "ioredis";

/** What a store has done since it started: scripts run, and microseconds of CPU. */
export async function storeUse(url: string): Promise<{ scripts: number; cpuUs: number }> {
  const redis = new Redis(url);
  const info = `${await redis.info("commandstats")}\n${await redis.info("cpu")}`;
  redis.disconnect();
  const number = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0);
  const scripts = ["eval", "evalsha", "fcall"].map((name) => number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, "m")));
  const seconds = number(/^used_cpu_sys:([\d.]+)/m) + number(/^used_cpu_user:([\d.]+)/m);
  return { scripts: scripts.reduce((sum, n) => sum + n, 0), cpuUs: seconds * 1e6 };
}
