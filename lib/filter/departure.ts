/** Whether a client is still there, and who wants to know when it is not: one at a time. */
export class Departure {
  #hasLeft = false;
  onLeave: (() => void) | undefined;

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.onLeave?.();
  }
}
