import { createHash, randomUUID } from "node:crypto";
import { Cluster, type Redis } from "ioredis";
import type { AttemptOutcome, Counter, SharedStore, Taken } from "../policy";
import { InFlight } from "./in-flight";
import { clientOf, VERSION_MS, type Commands } from "./redis-client";

/** After so many late answers in a row nobody asks for this long. */
const LATE_TURNS = 3;
const REST_MS = 500;

/** One slot for all keys of a group, as a cluster wants it (keys with braces). */
const versionKey = (group: string): string => `cache:{${group}}`;
const entryKey = (group: string, key: string): string =>
  `cache:{${group}}:${createHash("sha256").update(key).digest("base64url")}`;

/** Two keys of one slot: a name may have braces of its own, by which a cluster would choose. */
function attemptKeys(key: string, inCluster: boolean): [count: string, block: string] {
  if (!inCluster) return [key, `${key}:blocked`];
  const bare = key.replace(/[{}]/g, (brace) => (brace === "{" ? "%7B" : "%7D"));
  return [bare, `{${bare}}:blocked`];
}

/** What of a key says its slot in a cluster. */
const tagOf = (key: string): string => /\{([^}]+)\}/.exec(key)?.[1] ?? key;

/** What all replicas share. While the store is away every call fails at once or within the time stated. */
export class RedisStore implements SharedStore {
  readonly #redis: (Redis | Cluster) & Commands;
  #restUntilMs = 0;
  #answers = false;
  #lateTurns = 0;
  #noted = false;
  #turn: InFlight<(error: Error) => void> | undefined;

  constructor(
    url: string,
    private readonly timeoutMs = 50,
  ) {
    this.#redis = clientOf(url) as (Redis | Cluster) & Commands;
  }

  get #inCluster(): boolean {
    return this.#redis instanceof Cluster;
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

  /** In a cluster each owner's counters are one step, and what has counted where another refuses is taken back. */
  async take(counters: readonly Counter[]): Promise<Taken> {
    const tags = this.#inCluster ? [...new Set(counters.map(({ key }) => tagOf(key)))] : [];
    if (tags.length < 2) return this.#takeAtOnce(counters);
    const groups = tags.map((tag) => counters.filter(({ key }) => tagOf(key) === tag));
    const asked = await Promise.allSettled(groups.map((group) => this.#takeAtOnce(group)));
    const taken = asked.map((one) => (one.status === "fulfilled" ? one.value : undefined));
    const away = asked.find((one) => one.status === "rejected");
    const waitMs = Math.max(...taken.map((t) => t?.waitMs ?? 0));
    const admitted = waitMs > 0 || away ? groups.filter((_, i) => taken[i]?.waitMs === 0).flat() : [];
    for (const { key, perMs, requests } of admitted)
      this.#ask(() => this.#redis.undo(key, String((perMs * 1000) / requests))).catch(() => undefined);
    // Who is refused is refused, whatever cannot be asked.
    if (away && waitMs === 0) throw away.reason;
    const usedMs = counters.map((c) => {
      const at = tags.indexOf(tagOf(c.key));
      return taken[at]?.usedMs[groups[at]?.indexOf(c) ?? -1] ?? 0;
    });
    return { waitMs, usedMs };
  }

  async #takeAtOnce(counters: readonly Counter[]): Promise<Taken> {
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
    return this.#ask(() => this.#redis.attempt(...attemptKeys(key, this.#inCluster), attempts, perMs));
  }

  async attempted(key: string, outcome: AttemptOutcome, attempts: number, blockMs: number): Promise<void> {
    await this.#ask(() => this.#redis.attempted(...attemptKeys(key, this.#inCluster), outcome, attempts, blockMs));
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
    const stream = this.#redis instanceof Cluster ? undefined : this.#redis.stream;
    stream?.cork();
    setImmediate(() => {
      this.#turn = undefined;
      stream?.uncork();
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
