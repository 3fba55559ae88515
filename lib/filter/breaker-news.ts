import { z } from "zod";
import type { BreakerNews, CircuitBreakers } from "../state/breakers";
import type { RedisStore } from "./redis-store";

/** Breakers of all replicas: each tells the others twice a second what it has seen, by the store. */

const EVERY_MS = 400;
/** A field of a replica that has said nothing for so long is of nobody. */
const GONE_MS = 60_000;

const number = z.number();
const newsSchema = z.object({
  atMs: number,
  calls: number,
  errors: number,
  callers: z.array(z.string()),
  openedAtMs: number,
  openUntilMs: number,
  closedAtMs: number,
});

interface Told {
  service: string;
  news: BreakerNews;
}

/** What somebody else has written: nothing where it is none of this form. */
function toldIn(field: string, value: string): Told | undefined {
  const service = field.slice(field.indexOf(" ") + 1);
  try {
    const news = newsSchema.safeParse(JSON.parse(value));
    return news.success ? { service, news: news.data } : undefined;
  } catch {
    return undefined;
  }
}

export class BreakerExchange {
  readonly #timer: NodeJS.Timeout;
  #sinceMs = Date.now();
  #breakers: CircuitBreakers | undefined;

  constructor(
    private readonly store: Pick<RedisStore, "swap" | "forget" | "ready">,
    private readonly key: () => string,
    private readonly isKnown: (service: string) => boolean,
    private readonly present: () => CircuitBreakers,
  ) {
    this.#timer = setInterval(() => void this.exchange().catch(() => undefined), EVERY_MS).unref();
  }

  /** Tells, and hears: while the store is away each judges by what it has seen itself. */
  async exchange(): Promise<void> {
    const breakers = this.present();
    const nowMs = Date.now();
    if (breakers !== this.#breakers) {
      // Of a new plan's breakers nobody has spoken before.
      [this.#breakers, this.#sinceMs] = [breakers, nowMs];
    }
    if (!this.store.ready) return;
    const own = [...breakers.news(nowMs)].map(
      ([service, news]) => [`${breakers.id} ${service}`, JSON.stringify(news)] as const,
    );
    const all = await this.store.swap(this.key(), Object.fromEntries(own), GONE_MS);
    const gone: string[] = [];
    const told = Object.entries(all).flatMap(([field, value]) => {
      const one = toldIn(field, value);
      if (!one || one.news.atMs < nowMs - GONE_MS) gone.push(field);
      return one && this.isKnown(one.service) && !field.startsWith(`${breakers.id} `) && one.news.atMs >= this.#sinceMs
        ? [one]
        : [];
    });
    if (breakers === this.present()) breakers.hear(told, Date.now());
    if (gone.length > 0) await this.store.forget(this.key(), gone);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
