import { Redis } from "ioredis";
import type { Counter, CounterStore } from "../policy";

/**
 * GCRA for several keys at once, by the store's own clock: all admit and count, or none counts. Times are microseconds;
 * the answer is how long to wait, 0 for admitted.
 */
const SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local wait, tats = 0, {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tat = math.max(tonumber(redis.call('GET', key) or '0'), now)
  wait = math.max(wait, tat - now - burst * interval)
  tats[i] = tat + interval
end
if wait > 0 then return math.ceil(wait) end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', tats[i]), 'PX', math.ceil((tats[i] - now) / 1000) + 1)
end
return 0
`;

interface Commands {
  gcra(keys: number, ...rest: string[]): Promise<number>;
}

/** Counters that all replicas share. While the store is away every call fails at once or within the time stated. */
export class RedisCounters implements CounterStore {
  readonly #redis: Redis & Commands;

  constructor(url: string, commandTimeoutMs = 50) {
    this.#redis = new Redis(url, {
      lazyConnect: true,
      // A queue would send counts late, into another window, and a resend would count twice.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 500,
      commandTimeout: commandTimeoutMs,
      retryStrategy: (attempt) => Math.min(100 * attempt, 1_000),
      scripts: { gcra: { lua: SCRIPT } },
    }) as Redis & Commands;
  }

  get ready(): boolean {
    return this.#redis.status === "ready";
  }

  start(onError: (error: unknown) => void): void {
    this.#redis.on("error", onError);
    this.#redis.connect().catch(() => undefined);
  }

  async take(counters: readonly Counter[]): Promise<number> {
    if (!this.ready) throw new Error("The counters' store is away.");
    const keys = counters.map((c) => c.key);
    const rates = counters.flatMap((c) => [String((c.perMs * 1000) / c.requests), String(c.burst)]);
    return (await this.#redis.gcra(keys.length, ...keys, ...rates)) / 1000;
  }

  stop(): void {
    this.#redis.disconnect();
  }
}
