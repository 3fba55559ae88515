/** Calls that are under way, so that those who ask for the same may wait for one answer. */
export class Flights {
  readonly #running = new Map<string, Promise<unknown>>();

  /** The call that runs under this key, or nothing. */
  joined<T>(key: string): Promise<T> | undefined {
    return this.#running.get(key) as Promise<T> | undefined;
  }

  /** Runs a call that others may join until it ends. */
  async lead<T>(key: string, call: () => Promise<T>): Promise<T> {
    const running = call();
    this.#running.set(key, running);
    try {
      return await running;
    } finally {
      this.#running.delete(key);
    }
  }
}
