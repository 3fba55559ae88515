import type { Counter, CounterStore, Taken } from "./store";

/** A step of a number as large as the time of today, in milliseconds. */
const STEP_MS = 2 ** -12;

/** What the roundings of a whole burst may come to, and never half a request. */
const tolerance = (interval: number, burst: number): number => Math.min(interval / 2, (burst + 1) * STEP_MS);

/** The generic cell rate algorithm: `tat` is the theoretical arrival time kept for a key. */
export function gcra(tat: number | undefined, counter: Counter, nowMs: number): { waitMs: number; tat: number } {
  const interval = counter.perMs / counter.requests;
  const start = Math.max(tat ?? nowMs, nowMs);
  const waitMs = start - nowMs - counter.burst * interval;
  return waitMs > tolerance(interval, counter.burst) ? { waitMs, tat: start } : { waitMs: 0, tat: start + interval };
}

/** Counters of one process, at most `capacity` of them: beyond that the one that is free soonest is forgotten. */
export class MemoryCounters implements CounterStore {
  readonly #tats = new Map<string, number>();

  constructor(private readonly capacity = 100_000) {}

  take(counters: readonly Counter[], nowMs: number): Taken {
    const taken = counters.map((counter) => ({ counter, ...gcra(this.#tats.get(counter.key), counter, nowMs) }));
    const waitMs = Math.max(0, ...taken.map((t) => t.waitMs));
    if (waitMs > 0)
      return { waitMs, usedMs: counters.map(({ key }) => Math.max(0, (this.#tats.get(key) ?? 0) - nowMs)) };
    for (const { counter, tat } of taken) {
      this.#tats.delete(counter.key);
      this.#tats.set(counter.key, tat);
    }
    if (this.#tats.size > this.capacity) this.#forget(nowMs);
    return { waitMs: 0, usedMs: taken.map(({ tat }) => tat - nowMs) };
  }

  #forget(nowMs: number): void {
    for (const [key, tat] of this.#tats) if (tat <= nowMs) this.#tats.delete(key);
    const oldest = this.#tats.keys();
    while (this.#tats.size > this.capacity) this.#tats.delete(oldest.next().value as string);
  }
}
