const RETRY_MS = 200;

/** Groups of cached answers that should have been dropped while the store was away: nobody is answered from them. */
export class PendingDrops {
  readonly #groups = new Set<string>();

  has(group: string): boolean {
    return this.#groups.has(group);
  }

  /** Drops a group now, or as soon as it can be done. */
  async drop(group: string, drop: (group: string) => Promise<void>): Promise<void> {
    try {
      await drop(group);
      this.#groups.delete(group);
    } catch {
      const waits = this.#groups.has(group);
      this.#groups.add(group);
      if (!waits) this.#retry(group, drop);
    }
  }

  #retry(group: string, drop: (group: string) => Promise<void>): void {
    setTimeout(() => {
      if (!this.#groups.has(group)) return;
      drop(group).then(
        () => this.#groups.delete(group),
        () => {
          this.#retry(group, drop);
        },
      );
    }, RETRY_MS).unref();
  }
}
