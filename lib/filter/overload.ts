import type { IncomingMessage } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { addressGroup } from "../policy/client-address";

export interface OverloadLimits {
  /** Requests that are being worked on at once. */
  maxInFlight: number;
  /** Exchanges of one client address (of IPv6: one /64) under way at once, worked on or waiting for its bytes. */
  maxPerClient: number;
  /** Exchanges that wait for bytes of their clients. */
  maxReceiving: number;
  /** Mean delay of the event loop, in milliseconds, above which new work is refused. */
  maxDelayMs: number;
}

export const OVERLOAD_LIMITS: OverloadLimits = {
  maxInFlight: 5_000,
  maxPerClient: 500,
  maxReceiving: 20_000,
  maxDelayMs: 200,
};

const SAMPLE_MS = 100;
/** One pause is no overload: so many samples in a row are. */
const SAMPLES = 3;

/** A place among what is under way, which must be left. */
export interface Place {
  /** From now to the end of its body the exchange waits for its client, and is no work. */
  readonly receive: (message: IncomingMessage) => void;
  readonly leave: () => void;
}

/** Refuses new work while there is too much of it: an answer that comes too late is work for nothing. */
export class Overload {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  readonly #timer: NodeJS.Timeout;
  readonly #byClient = new Map<string, number>();
  #late = 0;
  inFlight = 0;
  receiving = 0;

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

  /** A place for an exchange of a client, where there is one: nobody has all of them. */
  place(client: string): Place | undefined {
    const group = addressGroup(client);
    const own = this.#byClient.get(group) ?? 0;
    if (own >= this.limits.maxPerClient || this.receiving >= this.limits.maxReceiving || !this.enter())
      return undefined;
    this.#byClient.set(group, own + 1);
    let receiving = false;
    const received = (): void => {
      if (!receiving) return;
      receiving = false;
      this.receiving -= 1;
      this.inFlight += 1;
    };
    return {
      receive: (message) => {
        receiving = true;
        this.receiving += 1;
        this.inFlight -= 1;
        message.once("end", received);
        message.once("close", received);
      },
      leave: () => {
        received();
        this.leave();
        const left = (this.#byClient.get(group) ?? 1) - 1;
        if (left > 0) this.#byClient.set(group, left);
        else this.#byClient.delete(group);
      },
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }
}
