import { Redis } from "ioredis";

export interface StoreUse {
  /** Scripts that were run. */
  scripts: number;
  cpuUs: number;
}

/** What a store has done since it started. */
export async function storeUse(url: string): Promise<StoreUse> {
  const redis = new Redis(url);
  const info = `${await redis.info("commandstats")}\n${await redis.info("cpu")}`;
  redis.disconnect();
  const number = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0);
  const scripts = ["eval", "evalsha", "fcall"].map((name) => number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, "m")));
  const seconds = number(/^used_cpu_sys:([\d.]+)/m) + number(/^used_cpu_user:([\d.]+)/m);
  return { scripts: scripts.reduce((sum, n) => sum + n, 0), cpuUs: seconds * 1e6 };
}
