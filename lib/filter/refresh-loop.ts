const FIRST_PAUSE_MS = 1_000;

/** Work that is done again and again in the background, not by all replicas at the same moment. */
export class RefreshLoop {
  readonly #timers = new Set<NodeJS.Timeout>();

  /**
   * Begins at once. `work` tells whether there is what is needed: then the next round comes after half to nine tenths of
   * `pauseMs`, else after a second. It must not reject.
   */
  begin(pauseMs: number, work: () => Promise<boolean>): void {
    const round = async (): Promise<void> => {
      const pause = (await work()) ? pauseMs * (0.5 + Math.random() * 0.4) : FIRST_PAUSE_MS;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        void round();
      }, pause);
      timer.unref();
      this.#timers.add(timer);
    };
    void round();
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
