/**
 * What is under way. Slots are used again: a set that things enter and leave all the time leaves old tables behind, and
 * with them all that was under way, until the next major collection.
 */
export class InFlight<T extends object> {
  readonly #items: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  /** Gives the slot, by which it can be taken out again. */
  add(item: T): number {
    const slot = this.#free.pop() ?? this.#items.length;
    this.#items[slot] = item;
    return slot;
  }

  /** False where it was taken out before. */
  delete(slot: number, item: T): boolean {
    if (this.#items[slot] !== item) return false;
    this.#items[slot] = undefined;
    this.#free.push(slot);
    return true;
  }

  *entries(): Generator<[number, T]> {
    for (const [slot, item] of this.#items.entries()) if (item !== undefined) yield [slot, item];
  }
}
