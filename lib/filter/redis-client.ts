import { Cluster, Redis, type RedisOptions } from "ioredis";
import { CLUSTER_ADDRESS } from "../policy/values";

/** The client of a store, or of a cluster of such, with the steps that it does at once. */

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

/** Takes back what was counted, where another key has refused. */
const UNDO = `
local tat = redis.call('GET', KEYS[1])
if not tat then return 0 end
redis.call('SET', KEYS[1], string.format('%.0f', tonumber(tat) - ARGV[1]), 'KEEPTTL')
return 1
`;

/** A version outlives what was kept under it, by far. */
export const VERSION_MS = 24 * 3_600_000;

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

export interface Commands {
  gcra(keys: number, ...rest: string[]): Promise<number[]>;
  undo(key: string, intervalUs: string): Promise<number>;
  lease(key: string, id: string, max: number, ttlMs: number): Promise<number>;
  attempt(count: string, block: string, attempts: number, perMs: number): Promise<number>;
  attempted(count: string, block: string, outcome: string, attempts: number, blockMs: number): Promise<number>;
  keep(version: string, entry: string, name: string, value: Buffer, ttlMs: number): Promise<number>;
}

const OPTIONS = {
  // A queue would send counts late, into another window, and a resend would count twice.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 500,
} satisfies RedisOptions;

const SCRIPTS = {
  gcra: { lua: SCRIPT },
  undo: { lua: UNDO, numberOfKeys: 1 },
  keep: { lua: KEEP, numberOfKeys: 2 },
  lease: { lua: LEASE, numberOfKeys: 1 },
  attempt: { lua: ATTEMPT, numberOfKeys: 2 },
  attempted: { lua: ATTEMPTED, numberOfKeys: 2 },
};

const pauseMs = (attempt: number): number => Math.min(100 * attempt, 1_000);

export function clientOf(url: string): Redis | Cluster {
  const [cluster, secure, username, password, nodes = ""] = CLUSTER_ADDRESS.exec(url) ?? [];
  const scripts = SCRIPTS;
  if (cluster === undefined) return new Redis(url, { ...OPTIONS, lazyConnect: true, retryStrategy: pauseMs, scripts });
  const login =
    username === undefined
      ? {}
      : { username: decodeURIComponent(username), password: decodeURIComponent(password ?? "") };
  return new Cluster(nodes.split(","), {
    ...{ scripts, lazyConnect: true, enableOfflineQueue: false, clusterRetryStrategy: pauseMs },
    // A node that is being replaced is looked for anew, and not waited for.
    ...{ retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, slotsRefreshInterval: 5_000 },
    // Certificates are of the name that was given.
    ...(secure === "s" && {
      dnsLookup: (host, found) => {
        found(null, host);
      },
    }),
    redisOptions: { ...OPTIONS, ...login, ...(secure === "s" && { tls: {} }) },
  });
}
