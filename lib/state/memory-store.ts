import { randomUUID } from "node:crypto";
import { MemoryCounters } from "./counters";
import type { AttemptOutcome, SharedStore } from "./store";

interface Attempts {
  /** Under way. */
  open: number;
  failed: number;
  untilMs: number;
  blockedUntilMs: number;
}

interface Entry {
  version: string;
  value: Buffer;
  untilMs: number;
}

/** Marks and attempts of one process: what is past goes when there are this many. */
const MANY = 100_000;

function forgetPast<V>(map: Map<string, V>, alive: (value: V) => boolean): void {
  if (map.size <= MANY) return;
  for (const [key, value] of map) if (!alive(value)) map.delete(key);
  const oldest = map.keys();
  while (map.size > MANY) map.delete(oldest.next().value as string);
}

/** The shared store of a gateway that is alone: at most `capacityBytes` of cached values, the oldest go first. */
export class MemoryStore extends MemoryCounters implements SharedStore {
  readonly #versions = new Map<string, string>();
  readonly #entries = new Map<string, Entry>();
  readonly #marks = new Map<string, number>();
  readonly #leases = new Map<string, Map<string, number>>();
  readonly #attempts = new Map<string, Attempts>();
  #bytes = 0;

  constructor(
    private readonly capacityBytes = 64 * 1024 * 1024,
    private readonly nowMs: () => number = Date.now,
  ) {
    super();
  }

  cached(group: string, key: string): Promise<{ version: string | undefined; value: Buffer | undefined }> {
    const version = this.#versions.get(group);
    const entry = this.#entries.get(`${group} ${key}`);
    const good = entry !== undefined && entry.version === version && entry.untilMs > this.nowMs();
    return Promise.resolve({ version, value: good ? entry.value : undefined });
  }

  keep(group: string, key: string, version: string | undefined, value: Buffer, ttlMs: number): Promise<void> {
    const present = this.#versions.get(group);
    if (version === undefined && present !== undefined) return Promise.resolve();
    // Somebody has dropped the group since: what was read before is not kept.
    if (version !== undefined && present !== version) return Promise.resolve();
    const own = version ?? randomUUID();
    this.#give(group, own);
    const name = `${group} ${key}`;
    this.#remove(name);
    this.#entries.set(name, { version: own, value, untilMs: this.nowMs() + ttlMs });
    this.#bytes += value.length + 2 * name.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.capacityBytes) break;
      this.#remove(oldest);
    }
    return Promise.resolve();
  }

  drop(group: string): Promise<void> {
    this.#give(group, randomUUID());
    return Promise.resolve();
  }

  /** A group whose version is forgotten is as good as dropped. */
  #give(group: string, version: string): void {
    this.#versions.set(group, version);
    forgetPast(this.#versions, () => true);
  }

  has(key: string): Promise<boolean> {
    return Promise.resolve(this.#alive(this.#marks.get(key)));
  }

  /** Puts a mark, as whoever revokes a token does. */
  mark(key: string, ttlMs: number): void {
    this.#marks.set(key, this.nowMs() + ttlMs);
    forgetPast(this.#marks, (untilMs) => this.#alive(untilMs));
  }

  once(key: string, ttlMs: number): Promise<boolean> {
    if (this.#alive(this.#marks.get(key))) return Promise.resolve(false);
    this.mark(key, ttlMs);
    return Promise.resolve(true);
  }

  lease(key: string, id: string, max: number, ttlMs: number): Promise<boolean> {
    const held = this.#leases.get(key) ?? new Map<string, number>();
    for (const [holder, untilMs] of held) if (!this.#alive(untilMs)) held.delete(holder);
    if (!held.has(id) && held.size >= max) return Promise.resolve(false);
    held.set(id, this.nowMs() + ttlMs);
    this.#leases.set(key, held);
    return Promise.resolve(true);
  }

  release(key: string, id: string): Promise<void> {
    const held = this.#leases.get(key);
    held?.delete(id);
    if (held?.size === 0) this.#leases.delete(key);
    return Promise.resolve();
  }

  attempt(key: string, attempts: number, perMs: number): Promise<number> {
    const now = this.nowMs();
    let known = this.#attempts.get(key);
    if (known && known.blockedUntilMs > now) return Promise.resolve(known.blockedUntilMs - now);
    if (!known || known.untilMs <= now) known = { open: 0, failed: 0, untilMs: now + perMs, blockedUntilMs: 0 };
    if (known.open + known.failed >= attempts) return Promise.resolve(known.untilMs - now);
    known.open += 1;
    this.#attempts.set(key, known);
    forgetPast(this.#attempts, (a) => this.#alive(Math.max(a.untilMs, a.blockedUntilMs)));
    return Promise.resolve(0);
  }

  attempted(key: string, outcome: AttemptOutcome, attempts: number, blockMs: number): Promise<void> {
    const known = this.#attempts.get(key);
    if (!known || !this.#alive(known.untilMs)) return Promise.resolve();
    known.open = Math.max(0, known.open - 1);
    if (outcome === "passed") known.failed = 0;
    if (outcome === "failed") known.failed += 1;
    if (known.failed >= attempts) {
      Object.assign(known, { open: 0, failed: 0, untilMs: 0, blockedUntilMs: this.nowMs() + blockMs });
    }
    return Promise.resolve();
  }

  #alive(untilMs: number | undefined): boolean {
    return untilMs !== undefined && untilMs > this.nowMs();
  }

  #remove(name: string): void {
    const entry = this.#entries.get(name);
    if (!entry) return;
    this.#bytes -= entry.value.length + 2 * name.length;
    this.#entries.delete(name);
  }
}
