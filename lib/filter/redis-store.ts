import { createHash, randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import type { AttemptOutcome, Counter, SharedStore, Taken } from "../policy";
import { InFlight } from "./in-flight";

/**
 * GCRA for several keys at once, by the store's own clock: all admit and count, or none counts. Times are microseconds;
 * the answer is how long to wait, 0 for admitted, and how much of each is used.
 */
const SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local wait, tats, used = 0, {}, {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tat = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local early = tat - now - burst * interval
  -- What the roundings of a whole burst may come to, and never half a request.
  if early > math.min(interval / 2, burst + 1) then wait = math.max(wait, early) end
  tats[i] = tat + interval
  used[i + 1] = math.ceil(tat - now)
end
used[1] = math.ceil(wait)
if wait > 0 then return used end
for i, key in ipairs(KEYS) do
  used[i + 1] = math.ceil(tats[i] - now)
  redis.call('SET', key, string.format('%.0f', tats[i]), 'PX', math.ceil((tats[i] - now) / 1000) + 1)
end
return used
`;

/** A version outlives what was kept under it, by far. */
const VERSION_MS = 24 * 3_600_000;

/** Keeps a value when its group is still of the version that was read, or has none yet. */
const KEEP = `
local version = redis.call('GET', KEYS[1])
if version and version ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ${String(VERSION_MS)})
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
`;

/** Slots that are taken, each until a time; the ones whose time is over are free. */
const LEASE = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local held = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not held and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`;

/**
 * Begins an attempt, in a window that begins with the first, where fewer than allowed are open or have failed; else says
 * how long none is left.
 */
const ATTEMPT = `
local blocked = redis.call('PTTL', KEYS[2])
if blocked > 0 then return blocked end
local counts = redis.call('HMGET', KEYS[1], 'open', 'failed')
if tonumber(counts[1] or '0') + tonumber(counts[2] or '0') >= tonumber(ARGV[1]) then
  return math.max(1, redis.call('PTTL', KEYS[1]))
end
redis.call('HINCRBY', KEYS[1], 'open', 1)
if not counts[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
`;

/** Ends an attempt whose window is still open: as many failures as allowed block. */
const ATTEMPTED = `
if tonumber(redis.call('HGET', KEYS[1], 'open') or '0') > 0 then redis.call('HINCRBY', KEYS[1], 'open', -1) end
if redis.call('EXISTS', KEYS[1]) == 0 or ARGV[1] == 'unknown' then return 0 end
if ARGV[1] == 'passed' then return redis.call('HSET', KEYS[1], 'failed', 0) end
if redis.call('HINCRBY', KEYS[1], 'failed', 1) < tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
return redis.call('DEL', KEYS[1])
`;

interface Commands {
  gcra(keys: number, ...rest: string[]): Promise<number[]>;
  lease(key: string, id: string, max: number, ttlMs: number): Promise<number>;
  attempt(count: string, block: string, attempts: number, perMs: number): Promise<number>;
  attempted(count: string, block: string, outcome: string, attempts: number, blockMs: number): Promise<number>;
  keep(version: string, entry: string, name: string, value: Buffer, ttlMs: number): Promise<number>;
}

/** After so many late answers in a row nobody asks for this long. */
const LATE_TURNS = 3;
const REST_MS = 500;

/** One slot for all keys of a group, as a cluster wants it (keys with braces). */
const versionKey = (group: string): string => `cache:{${group}}`;
const entryKey = (group: string, key: string): string =>
  `cache:{${group}}:${createHash("sha256").update(key).digest("base64url")}`;

const blockKey = (key: string): string => `${key}:blocked`;

/** What all replicas share. While the store is away every call fails at once or within the time stated. */
export class RedisStore implements SharedStore {
  readonly #redis: Redis & Commands;
  #restUntilMs = 0;
  #answers = false;
  #lateTurns = 0;
  #noted = false;
  #turn: InFlight<(error: Error) => void> | undefined;

  constructor(
    url: string,
    private readonly timeoutMs = 50,
  ) {
    this.#redis = new Redis(url, {
      lazyConnect: true,
      // A queue would send counts late, into another window, and a resend would count twice.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 500,
      retryStrategy: (attempt) => Math.min(100 * attempt, 1_000),
      scripts: {
        gcra: { lua: SCRIPT },
        keep: { lua: KEEP, numberOfKeys: 2 },
        lease: { lua: LEASE, numberOfKeys: 1 },
        attempt: { lua: ATTEMPT, numberOfKeys: 2 },
        attempted: { lua: ATTEMPTED, numberOfKeys: 2 },
      },
    }) as Redis & Commands;
  }

  get ready(): boolean {
    return this.#redis.status === "ready";
  }

  /** Connected, and its last answer was one. */
  get up(): boolean {
    return this.ready && this.#answers;
  }

  start({ onError, onReady }: { onError: (error: unknown) => void; onReady: () => void }): void {
    this.#redis.on("error", onError);
    this.#redis.on("ready", () => {
      this.#answers = true;
      onReady();
    });
    this.#redis.connect().catch(() => undefined);
  }

  async take(counters: readonly Counter[]): Promise<Taken> {
    const keys = counters.map((c) => c.key);
    const rates = counters.flatMap((c) => [String((c.perMs * 1000) / c.requests), String(c.burst)]);
    const [wait = 0, ...used] = await this.#ask(() => this.#redis.gcra(keys.length, ...keys, ...rates));
    return { waitMs: wait / 1000, usedMs: used.map((us) => us / 1000) };
  }

  async cached(group: string, key: string): Promise<{ version: string | undefined; value: Buffer | undefined }> {
    const [version, stored] = await this.#ask(() => this.#redis.mgetBuffer(versionKey(group), entryKey(group, key)));
    const name = version?.toString("latin1");
    // The entry begins with the version that it was kept under.
    const good = name !== undefined && stored?.subarray(0, name.length).toString("latin1") === name;
    return { version: name, value: good ? stored.subarray(name.length) : undefined };
  }

  async keep(group: string, key: string, version: string | undefined, value: Buffer, ttlMs: number): Promise<void> {
    const own = version ?? randomUUID();
    const stored = Buffer.concat([Buffer.from(own, "latin1"), value]);
    await this.#ask(() => this.#redis.keep(versionKey(group), entryKey(group, key), own, stored, ttlMs));
  }

  async drop(group: string): Promise<void> {
    await this.#ask(() => this.#redis.set(versionKey(group), randomUUID(), "PX", VERSION_MS));
  }

  async has(key: string): Promise<boolean> {
    return (await this.#ask(() => this.#redis.exists(key))) === 1;
  }

  async once(key: string, ttlMs: number): Promise<boolean> {
    return (await this.#ask(() => this.#redis.set(key, "1", "PX", ttlMs, "NX"))) === "OK";
  }

  async lease(key: string, id: string, max: number, ttlMs: number): Promise<boolean> {
    const most = Math.min(max, Number.MAX_SAFE_INTEGER);
    return (await this.#ask(() => this.#redis.lease(key, id, most, ttlMs))) === 1;
  }

  async release(key: string, id: string): Promise<void> {
    await this.#ask(() => this.#redis.zrem(key, id));
  }

  attempt(key: string, attempts: number, perMs: number): Promise<number> {
    return this.#ask(() => this.#redis.attempt(key, blockKey(key), attempts, perMs));
  }

  async attempted(key: string, outcome: AttemptOutcome, attempts: number, blockMs: number): Promise<void> {
    await this.#ask(() => this.#redis.attempted(key, blockKey(key), outcome, attempts, blockMs));
  }

  /** Writes fields of a hash, and gives all of them; nobody writes for `ttlMs`, and it is gone. */
  async swap(key: string, fields: Readonly<Record<string, string>>, ttlMs: number): Promise<Record<string, string>> {
    if (Object.keys(fields).length > 0) {
      await this.#ask(() => this.#redis.hset(key, fields));
      await this.#ask(() => this.#redis.pexpire(key, ttlMs));
    }
    return this.#ask(() => this.#redis.hgetall(key));
  }

  async forget(key: string, fields: readonly string[]): Promise<void> {
    await this.#ask(() => this.#redis.hdel(key, ...fields));
  }

  /**
   * A store that hangs costs a few questions the time stated, and the others nothing until it may be well again. A pause
   * of this process is no fault of the store: what lies in the socket is read before anything counts as late.
   */
  #ask<T>(command: () => Promise<T>): Promise<T> {
    if (!this.ready || Date.now() < this.#restUntilMs) return Promise.reject(new Error("The shared store is away."));
    const turn = (this.#turn ??= this.#beginTurn());
    return new Promise((resolve, reject) => {
      const slot = turn.add(reject);
      command().then(
        (answer) => {
          this.#lateTurns = 0;
          this.#answers = true;
          turn.delete(slot, reject);
          resolve(answer);
        },
        (error: unknown) => {
          this.#answers = false;
          turn.delete(slot, reject);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /** All questions of one turn of the loop are one write, and have one timer. */
  #beginTurn(): InFlight<(error: Error) => void> {
    const waiting = new InFlight<(error: Error) => void>();
    const { stream } = this.#redis;
    stream.cork();
    setImmediate(() => {
      this.#turn = undefined;
      stream.uncork();
    });
    const refuse = (): void => {
      if (waiting.size === 0) return;
      this.#noteLate();
      for (const [, reject] of waiting.entries()) reject(new Error("The shared store is late."));
    };
    setTimeout(() => {
      if (waiting.size > 0) setImmediate(refuse);
    }, this.timeoutMs).unref();
    return waiting;
  }

  /** However many wait, one turn of the loop is one sign. */
  #noteLate(): void {
    if (this.#noted) return;
    this.#noted = true;
    setImmediate(() => (this.#noted = false));
    this.#lateTurns += 1;
    this.#answers = false;
    if (this.#lateTurns >= LATE_TURNS) this.#restUntilMs = Date.now() + REST_MS;
  }

  stop(): void {
    this.#redis.disconnect();
  }
}
