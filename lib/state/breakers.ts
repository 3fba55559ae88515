import { randomUUID } from "node:crypto";

/** When a breaker opens, and for how long. */
export interface BreakerRules {
  /** Share of failed calls that opens it, in percent. */
  errorPercent: number;
  /** Calls below which nothing is judged. */
  minimumCalls: number;
  /** Different callers whose calls must have failed: what one of them does closes no service for all others. */
  minimumCallers: number;
  windowMs: number;
  openForMs: number;
}

export type BreakerState = "closed" | "open" | "half-open";

/** What its end is told with. */
export interface Call {
  atMs: number;
  /** It tries whether the service is well again. */
  tries: boolean;
}

type Outcome = "ok" | "error" | "unknown";

/** What a replica tells the others of one of its breakers; times are milliseconds of the wall clock. */
export interface BreakerNews {
  atMs: number;
  /** In the window that ends then. */
  calls: number;
  errors: number;
  callers: readonly string[];
  /** Open since and until then; 0 where it is not. */
  openedAtMs: number;
  openUntilMs: number;
  /** When it was last found to be well again; 0 where it never was open. */
  closedAtMs: number;
}

/** News that old are of a replica that is gone, or has heard of no calls since. */
const FRESH_MS = 2_000;

const SLICES = 10;

/** Calls of one service in a sliding window, counted in slices of it. */
class Breaker {
  #state: BreakerState = "closed";
  #openUntil = 0;
  /** Until then one call tries whether the service is well again. */
  #probeUntil = 0;
  #openedAtMs = 0;
  #closedAtMs = 0;
  #windowMs = 0;
  #others: readonly BreakerNews[] = [];
  /** Calls that were admitted before say nothing of the service as it is now. */
  #countsFromMs: number;
  #slices: { start: number; calls: number; errors: number; callers: Set<string> }[] = [];

  constructor(sinceMs: number) {
    this.#countsFromMs = sinceMs;
  }

  stateAt(nowMs: number): BreakerState {
    return this.#state === "open" && nowMs >= this.#openUntil ? "half-open" : this.#state;
  }

  /**
   * No wait admits the call, whose end is told with what is given here, on this replica or another; else the milliseconds until one
   * may be tried. A call that tries whether the service is well again is given up after `leaseMs`.
   */
  admit(nowMs: number, leaseMs = Infinity): { waitMs: number; call: Call } {
    const answer = (waitMs: number, tries: boolean): { waitMs: number; call: Call } => ({
      waitMs,
      call: { atMs: nowMs, tries },
    });
    if (this.#state === "closed") return answer(0, false);
    if (nowMs < this.#openUntil) return answer(this.#openUntil - nowMs, false);
    if (this.#state === "open") this.#turn("half-open");
    // One call at a time tries whether the service is well again.
    if (nowMs < this.#probeUntil) return answer(1_000, false);
    this.#probeUntil = nowMs + leaseMs;
    return answer(0, true);
  }

  #turn(state: BreakerState): void {
    this.#state = state;
    this.#probeUntil = 0;
    this.#slices = [];
  }

  /** Tells how an admitted call has ended, here or on another replica; nothing is known of one that the client broke off. */
  record(outcome: Outcome, caller: string, rules: BreakerRules, nowMs: number, { atMs, tries }: Call): void {
    if (this.#state !== "closed") {
      // What was sent before it opened is told too late.
      if (!tries || atMs < this.#openedAtMs) return;
      this.#probeUntil = 0;
      if (outcome === "ok") this.#close(nowMs, nowMs);
      if (outcome === "error") this.#open(nowMs, nowMs + rules.openForMs);
      return;
    }
    if (outcome === "unknown" || tries || atMs < this.#countsFromMs) return;
    this.#count(outcome === "error", caller, rules, nowMs);
    const seen = [this.newsAt(nowMs), ...this.#others.filter((o) => o.atMs > nowMs - FRESH_MS)];
    const calls = seen.reduce((sum, s) => sum + s.calls, 0);
    const errors = seen.reduce((sum, s) => sum + s.errors, 0);
    if (calls < rules.minimumCalls || errors * 100 < calls * rules.errorPercent) return;
    const callers = new Set(seen.flatMap((s) => s.callers));
    if (callers.size >= rules.minimumCallers) this.#open(nowMs, nowMs + rules.openForMs);
  }

  newsAt(nowMs: number): BreakerNews {
    const slices = this.#slices.filter((s) => s.start > nowMs - this.#windowMs);
    return {
      atMs: nowMs,
      calls: slices.reduce((sum, s) => sum + s.calls, 0),
      errors: slices.reduce((sum, s) => sum + s.errors, 0),
      callers: [...new Set(slices.flatMap((s) => [...s.callers]))],
      openedAtMs: this.#state === "closed" ? 0 : this.#openedAtMs,
      openUntilMs: this.#state === "closed" ? 0 : this.#openUntil,
      closedAtMs: this.#closedAtMs,
    };
  }

  /** What the others know: one that is open opens this one, and so does the other way round who has found it well again. */
  hear(others: readonly BreakerNews[], nowMs: number): void {
    this.#others = others;
    const closedAtMs = Math.max(0, ...others.map((o) => o.closedAtMs));
    if (this.#state === "closed") this.#closedAtMs = Math.max(this.#closedAtMs, closedAtMs);
    else if (closedAtMs > this.#openedAtMs) this.#close(closedAtMs, nowMs);
    // Opened since it was found well, or once more since it was opened.
    const since = this.#state === "closed" ? this.#closedAtMs : this.#openedAtMs;
    const open = others.find((o) => o.openUntilMs > nowMs && o.openedAtMs > since);
    if (open) this.#open(open.openedAtMs, open.openUntilMs);
  }

  /** `atMs` by the clock of who has found it well. */
  #close(atMs: number, nowMs: number): void {
    this.#turn("closed");
    this.#closedAtMs = atMs;
    this.#countsFromMs = nowMs;
  }

  #count(error: boolean, caller: string, { windowMs, minimumCallers }: BreakerRules, nowMs: number): void {
    this.#windowMs = windowMs;
    this.#slices = this.#slices.filter((s) => s.start > nowMs - windowMs);
    const width = windowMs / SLICES;
    const start = Math.floor(nowMs / width) * width;
    let slice = this.#slices.at(-1);
    if (slice?.start !== start) {
      slice = { start, calls: 0, errors: 0, callers: new Set() };
      this.#slices.push(slice);
    }
    slice.calls += 1;
    if (!error) return;
    slice.errors += 1;
    if (slice.callers.size < minimumCallers) slice.callers.add(caller);
  }

  #open(atMs: number, untilMs: number): void {
    this.#turn("open");
    // The clock of who has closed it may be ahead.
    this.#openedAtMs = Math.max(atMs, this.#closedAtMs + 1);
    this.#openUntil = untilMs;
  }
}

/** The breakers of one replica, by service. */
export class CircuitBreakers {
  readonly id = randomUUID();

  /** Calls that were admitted before `sinceMs` are those of another plan. */
  constructor(private readonly sinceMs = 0) {}

  readonly #breakers = new Map<string, Breaker>();

  of(service: string): Breaker {
    let breaker = this.#breakers.get(service);
    if (!breaker) {
      breaker = new Breaker(this.sinceMs);
      this.#breakers.set(service, breaker);
    }
    return breaker;
  }

  /** What the other replicas are to know: of breakers that have seen calls lately, are open, or were. */
  news(nowMs: number): Map<string, BreakerNews> {
    const all = [...this.#breakers].map(([service, breaker]) => [service, breaker.newsAt(nowMs)] as const);
    return new Map(all.filter(([, n]) => n.calls > 0 || n.openUntilMs > 0 || n.closedAtMs > 0));
  }

  hear(news: readonly { service: string; news: BreakerNews }[], nowMs: number): void {
    const services = new Set([...this.#breakers.keys(), ...news.map(({ service }) => service)]);
    for (const service of services) {
      this.of(service).hear(
        news.filter((n) => n.service === service).map((n) => n.news),
        nowMs,
      );
    }
  }

  /** The state of every service that has been called. */
  states(nowMs: number): { service: string; state: BreakerState }[] {
    return [...this.#breakers.entries()].map(([service, breaker]) => ({ service, state: breaker.stateAt(nowMs) }));
  }
}
