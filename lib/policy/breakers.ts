/** When a breaker opens, and for how long. */
export interface BreakerRules {
  /** Share of failed calls that opens it, in percent. */
  errorPercent: number;
  /** Calls below which nothing is judged. */
  minimumCalls: number;
  windowMs: number;
  openForMs: number;
}

export type BreakerState = "closed" | "open" | "half-open";

const SLICES = 10;

/** Calls of one service in a sliding window, counted in slices of it. */
class Breaker {
  #state: BreakerState = "closed";
  #openUntil = 0;
  #probing = false;
  #slices: { start: number; calls: number; errors: number }[] = [];

  stateAt(nowMs: number): BreakerState {
    return this.#state === "open" && nowMs >= this.#openUntil ? "half-open" : this.#state;
  }

  /** 0 admits the call, which must then be told of; else the milliseconds until one may be tried. */
  admit(nowMs: number): number {
    if (this.#state === "closed") return 0;
    if (nowMs < this.#openUntil) return this.#openUntil - nowMs;
    this.#state = "half-open";
    // One call at a time tries whether the service is well again.
    if (this.#probing) return 1_000;
    this.#probing = true;
    return 0;
  }

  /** Tells how an admitted call has ended; nothing is known of one that the client broke off. */
  record(outcome: "ok" | "error" | "unknown", rules: BreakerRules, nowMs: number): void {
    if (this.#state === "half-open") {
      this.#probing = false;
      if (outcome === "ok") this.#close();
      if (outcome === "error") this.#open(rules, nowMs);
      return;
    }
    if (this.#state === "open" || outcome === "unknown") return;
    this.#count(outcome === "error", rules, nowMs);
    const calls = this.#slices.reduce((sum, s) => sum + s.calls, 0);
    const errors = this.#slices.reduce((sum, s) => sum + s.errors, 0);
    if (calls >= rules.minimumCalls && errors * 100 >= calls * rules.errorPercent) this.#open(rules, nowMs);
  }

  #count(error: boolean, { windowMs }: BreakerRules, nowMs: number): void {
    this.#slices = this.#slices.filter((s) => s.start > nowMs - windowMs);
    const width = windowMs / SLICES;
    const start = Math.floor(nowMs / width) * width;
    let slice = this.#slices.at(-1);
    if (slice?.start !== start) {
      slice = { start, calls: 0, errors: 0 };
      this.#slices.push(slice);
    }
    slice.calls += 1;
    if (error) slice.errors += 1;
  }

  #open(rules: BreakerRules, nowMs: number): void {
    this.#state = "open";
    this.#openUntil = nowMs + rules.openForMs;
    this.#slices = [];
  }

  #close(): void {
    this.#state = "closed";
    this.#slices = [];
  }
}

/** The breakers of one replica, by service. */
export class CircuitBreakers {
  readonly #breakers = new Map<string, Breaker>();

  of(service: string): Breaker {
    let breaker = this.#breakers.get(service);
    if (!breaker) {
      breaker = new Breaker();
      this.#breakers.set(service, breaker);
    }
    return breaker;
  }

  /** The state of every service that has been called. */
  states(nowMs: number): { service: string; state: BreakerState }[] {
    return [...this.#breakers.entries()].map(([service, breaker]) => ({ service, state: breaker.stateAt(nowMs) }));
  }
}
