import { setTimeout as sleep } from "node:timers/promises";

export { sleep };

/** Milliseconds until the probe holds, or more than the limit when it did not. */
export async function timeUntil(probe: () => Promise<boolean> | boolean, limitMs: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    if (await Promise.resolve(probe()).catch(() => false)) return performance.now() - start;
    if (performance.now() - start > limitMs) return Infinity;
    await sleep(20);
  }
}
