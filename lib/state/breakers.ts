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

const SLICES = 10;

/** Calls of one service in a sliding window, counted in slices of it. */
class Breaker {
  #state: BreakerState = "closed";
  #openUntil = 0;
  /** Until then one call tries whether the service is well again. */
  #probeUntil = 0;
  /** Another number for each state: a call that was sent in one says nothing of the next. */
  #epoch = 0;
  #slices: { start: number; calls: number; errors: number; callers: Set<string> }[] = [];

  stateAt(nowMs: number): BreakerState {
    return this.#state === "open" && nowMs >= this.#openUntil ? "half-open" : this.#state;
  }

  /**
   * No wait admits the call, whose end is told with its epoch; else the milliseconds until one may be tried. A call that tries
   * whether the service is well again is given up after `leaseMs`.
   */
  admit(nowMs: number, leaseMs = Infinity): { waitMs: number; epoch: number } {
    const answer = (waitMs: number): { waitMs: number; epoch: number } => ({ waitMs, epoch: this.#epoch });
    if (this.#state === "closed") return answer(0);
    if (nowMs < this.#openUntil) return answer(this.#openUntil - nowMs);
    if (this.#state === "open") this.#turn("half-open");
    // One call at a time tries whether the service is well again.
    if (nowMs < this.#probeUntil) return answer(1_000);
    this.#probeUntil = nowMs + leaseMs;
    return answer(0);
  }

  #turn(state: BreakerState): void {
    this.#state = state;
    this.#epoch += 1;
    this.#probeUntil = 0;
    this.#slices = [];
  }

  /** Tells how an admitted call has ended; nothing is known of one that the client broke off. */
  record(outcome: "ok" | "error" | "unknown", caller: string, rules: BreakerRules, nowMs: number, epoch: number): void {
    if (epoch !== this.#epoch) return;
    if (this.#state === "half-open") {
      this.#probeUntil = 0;
      if (outcome === "ok") this.#turn("closed");
      if (outcome === "error") this.#open(rules, nowMs);
      return;
    }
    if (outcome === "unknown") return;
    this.#count(outcome === "error", caller, rules, nowMs);
    const calls = this.#slices.reduce((sum, s) => sum + s.calls, 0);
    const errors = this.#slices.reduce((sum, s) => sum + s.errors, 0);
    if (calls < rules.minimumCalls || errors * 100 < calls * rules.errorPercent) return;
    const callers = new Set(this.#slices.flatMap((s) => [...s.callers]));
    if (callers.size >= rules.minimumCallers) this.#open(rules, nowMs);
  }

  #count(error: boolean, caller: string, { windowMs, minimumCallers }: BreakerRules, nowMs: number): void {
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

  #open(rules: BreakerRules, nowMs: number): void {
    this.#turn("open");
    this.#openUntil = nowMs + rules.openForMs;
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
