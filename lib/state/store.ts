/** One counter of a request: GCRA with `requests` per `perMs`, at most `burst + 1` at once. */
export interface Counter {
  key: string;
  requests: number;
  perMs: number;
  burst: number;
}

export interface Taken {
  /** Until the request would be admitted; 0 when it was, and was counted. */
  waitMs: number;
  /** For each counter, until it would be as if nobody had asked. */
  usedMs: readonly number[];
}

export interface CounterStore {
  /** All counters in one step: either all admit and count, or none counts. Rejects when the store is away. */
  take(counters: readonly Counter[], nowMs: number): Taken | Promise<Taken>;
}

/** What all replicas of a gateway share. Every method rejects when the store is away. Times are milliseconds. */
export interface SharedStore extends CounterStore {
  /** Whether a key is there: somebody else writes it. */
  has(key: string): Promise<boolean>;
  /** True for the first who asks within the time. */
  once(key: string, ttlMs: number): Promise<boolean>;

  /** A cached value of a group, and the group's present version: a value of another version is none. */
  cached(group: string, key: string): Promise<{ version: string | undefined; value: Buffer | undefined }>;
  /** Keeps a value under the version that was read before it was made; without one it makes the group's first. */
  keep(group: string, key: string, version: string | undefined, value: Buffer, ttlMs: number): Promise<void>;
  /** Gives the group a new version: nothing that was kept before is found again. */
  drop(group: string): Promise<void>;

  /** Takes one of `max` places, or renews the one that this id has; false when all are taken. */
  lease(key: string, id: string, max: number, ttlMs: number): Promise<boolean>;
  release(key: string, id: string): Promise<void>;

  /**
   * Counts an attempt that begins: 0, or how long there is none left beside those that are under way or have failed. The
   * time begins with the first.
   */
  attempt(key: string, attempts: number, perMs: number): Promise<number>;
  /** What became of it: as many failures as allowed block the key, success forgets them. */
  attempted(key: string, outcome: AttemptOutcome, attempts: number, blockMs: number): Promise<void>;
}

export type AttemptOutcome = "failed" | "passed" | "unknown";
