import type { SeveralAddresses } from "./filter-plan";
import { NoAnswer } from "../policy/no-answer";

/** What a service answers for whoever stands behind it: Envoy counts them as no answer (`consecutive_gateway_failure`). */
const GATEWAY_ERRORS: ReadonlySet<number> = new Set([502, 503, 504]);

interface Health {
  /** Tries in a row that have failed. */
  failures: number;
  /** Until when it is asked only where no other is left, by `Date.now()`. */
  outUntilMs: number;
}

/** Chooses among the addresses of services: they take turns, and those that do not answer are left alone for a while. */
export class Balancer {
  readonly #turns = new Map<string, number>();
  readonly #health = new Map<string, Health>();

  /** Asks the next address of a service for a request that has been at others. */
  async ask<T extends { status: number }>(
    service: string,
    several: SeveralAddresses,
    tried: Set<string>,
    ask: (address: string) => Promise<T>,
  ): Promise<T> {
    const address = this.#choose(service, several, tried);
    tried.add(address);
    try {
      const answer = await ask(address);
      if (GATEWAY_ERRORS.has(answer.status)) this.#failed(address, several);
      else this.#health.delete(address);
      return answer;
    } catch (error) {
      if (error instanceof NoAnswer) this.#failed(address, several);
      throw error;
    }
  }

  /** One that is well before one that is not, and of those one that has not been tried. */
  #choose(service: string, { addresses }: SeveralAddresses, tried: ReadonlySet<string>): string {
    const turn = this.#turns.get(service) ?? Math.floor(Math.random() * addresses.length);
    this.#turns.set(service, (turn + 1) % addresses.length);
    const inTurn = addresses.map((_, i) => addresses[(turn + i) % addresses.length] as string);
    const untried = inTurn.filter((address) => !tried.has(address));
    const nowMs = Date.now();
    const isWell = (address: string): boolean => (this.#health.get(address)?.outUntilMs ?? 0) <= nowMs;
    return untried.find(isWell) ?? inTurn.find(isWell) ?? untried[0] ?? (inTurn[0] as string);
  }

  #failed(address: string, { failures, ejectionMs }: SeveralAddresses): void {
    const health = this.#health.get(address) ?? { failures: 0, outUntilMs: 0 };
    health.failures += 1;
    // After its time one more failure is enough: it has shown nothing better yet.
    if (health.failures >= failures) health.outUntilMs = Date.now() + ejectionMs;
    this.#health.set(address, health);
  }
}
