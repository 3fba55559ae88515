/**
 * What is under way. Places are used again: a set that things enter and leave all the time leaves old tables behind, and
 * with them all that was under way, until the next major collection.
 */
export class Places<T extends object> {
  readonly #items: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  /** Gives the place, by which it can be taken out again. */
  add(item: T): number {
    const place = this.#free.pop() ?? this.#items.length;
    this.#items[place] = item;
    return place;
  }

  /** False where it was taken out before. */
  delete(place: number, item: T): boolean {
    if (this.#items[place] !== item) return false;
    this.#items[place] = undefined;
    this.#free.push(place);
    return true;
  }

  *entries(): Generator<[number, T]> {
    for (const [place, item] of this.#items.entries()) if (item !== undefined) yield [place, item];
  }
}
