import { monitorEventLoopDelay } from "node:perf_hooks";

export interface OverloadLimits {
  /** Requests that are being worked on at once. */
  maxInFlight: number;
  /** Mean delay of the event loop, in milliseconds, above which new work is refused. */
  maxDelayMs: number;
}

const OVERLOAD_LIMITS: OverloadLimits = { maxInFlight: 5_000, maxDelayMs: 200 };

const SAMPLE_MS = 100;
/** One pause is no overload: so many samples in a row are. */
const SAMPLES = 3;

/** Refuses new work while there is too much of it: an answer that comes too late is work for nothing. */
export class Overload {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  readonly #timer: NodeJS.Timeout;
  #late = 0;
  inFlight = 0;

  constructor(private readonly limits: OverloadLimits = OVERLOAD_LIMITS) {
    this.#delay.enable();
    this.#timer = setInterval(() => {
      this.#late = this.#delay.mean / 1e6 > this.limits.maxDelayMs ? this.#late + 1 : 0;
      this.#delay.reset();
    }, SAMPLE_MS);
    this.#timer.unref();
  }

  /** True when the work may begin; it must then be ended by `leave`. */
  enter(): boolean {
    if (this.#late >= SAMPLES || this.inFlight >= this.limits.maxInFlight) return false;
    this.inFlight += 1;
    return true;
  }

  leave(): void {
    this.inFlight -= 1;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }
}
